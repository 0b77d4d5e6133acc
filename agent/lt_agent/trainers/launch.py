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
from .failures import TrainingFailure
from .job import load_job
from .registry import MODULES, missing_modules
from .worker import run

ONCE = "--once"


def launch(file: str) -> int:
    """Trains what `file` says, again where that may help. Returns the exit code of the last start."""
    if missing_modules(MODULES):
        return run(file)  # which says so
    while True:
        code = _start(_command(file))
        if code == 0 or not prepare_again(Path(file)):
            break
        print("starting again", flush=True)  # noqa: T201
    if code < 0:
        # Killed: its end is ours, so that the exit record says so.
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return abs(code)


def _command(file: str) -> list[str]:
    try:
        processes = load_job(file).processes
    except TrainingFailure:
        processes = 1  # the worker itself says what is wrong with the file
    package = str(__package__)
    if processes == 1:
        return [sys.executable, "-m", package, file, ONCE]
    # `-P`: the working folder stays off the import path.
    argv = [sys.executable, "-P", "-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1"]
    return [*argv, "--nproc-per-node", str(processes), "-m", package, file, ONCE]


def _start(argv: list[str]) -> int:
    """Runs it to its end. It inherits the descriptors that hold the GPUs, which then outlive this process."""
    sys.stdout.flush()
    return subprocess.Popen(argv, close_fds=False).wait()
