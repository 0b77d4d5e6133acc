"""The worker's own parent: starts one process, or one per GPU, and starts again what ran out of memory or hung.

It imports nothing heavy. The processes it starts are in its group and are its children, so whoever ends the job ends
them too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from .again import prepare_again
from .failures import TrainingFailure, record
from .job import WorkerJob, load_job
from .launchers import PREPARE, launcher_for, worker
from .registry import MODULES, missing_modules
from .worker import run


def launch(file: str) -> int:
    """Trains what `file` says, again where that may help. Returns the exit code of the last start."""
    if missing_modules(MODULES):
        return run(file)  # which says so
    while True:
        code = _train(file)
        if code == 0 or not prepare_again(Path(file)):
            break
        print("starting again", flush=True)  # noqa: T201
    if code < 0:
        # Killed: its end is ours, so that the exit record says so.
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return abs(code)


def _train(file: str) -> int:
    try:
        job = load_job(file)
    except TrainingFailure:
        return run(file)  # which says what is wrong with the file
    launcher = launcher_for(job)
    if launcher.prepares:
        code = _start(worker(file, PREPARE))
        if code != 0 or job.paths.stop_request.exists():
            return code
    code = _start(launcher.command(file))
    if code != 0 and launcher.prepares:
        _tell_of_a_rank(job)
    return code


def _tell_of_a_rank(job: WorkerJob) -> None:
    """A rank that was killed wrote no reason, and the others ended with it."""
    if not job.paths.failure.exists():
        message = f"one of the {job.processes} processes was killed or crashed; the log says which, and how it ended"
        record(job.paths, TrainingFailure("rank_died", message))


def _start(argv: list[str]) -> int:
    """Runs it to its end. It inherits the descriptors that hold the GPUs, which then outlive this process."""
    sys.stdout.flush()
    return subprocess.Popen(argv, close_fds=False).wait()
