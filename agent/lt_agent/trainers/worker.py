"""One attempt from `worker.json` to its end: checks that cost nothing first, then the method's trainer."""

from __future__ import annotations

import os
import shutil
import sys
import traceback
from pathlib import Path

from .checkpoints import check_resume, discard_unfinished, versions
from .control import EarlyLeave, Requests
from .failures import Stopped, TrainingFailure, classify, record
from .hang import Watch, ending
from .hub import settle_reach
from .job import WorkerJob, is_main, load_job, say
from .models import check_model
from .optional import needed_modules, with_kernels_there_are
from .prepare import prepare
from .quiet import prepare_trackers, quiet_environment
from .registry import MODULES, missing_modules, trainer_for
from .trackers import tell_of_missing


def run(file: str, *, prepare_only: bool = False) -> int:
    """Trains what `file` says. Returns the exit code: 0 for trained or stopped, 1 with failure.json and a traceback.

    With `prepare_only` it stops when the data is prepared, for the processes that train to find.
    """
    quiet_environment()
    try:
        job = load_job(file)
    except TrainingFailure as failure:
        print(failure, file=sys.stderr)  # noqa: T201
        return 1
    watch = Watch(job.section("watch"), ending(job))
    try:
        _train(job, watch, prepare_only)
    except Stopped:
        say("stopped before the first step; nothing to save")
    except Exception as error:
        return _fail(job, error, watch.phase)
    _leave_group()
    return 0


def _train(job: WorkerJob, watch: Watch, prepare_only: bool) -> None:
    train = prepare if prepare_only else trainer_for(job.method)
    absent = _absent_modules(job)
    if absent:
        raise TrainingFailure(
            "missing_module",
            f"{', '.join(absent)} not installed in {sys.executable}; give the recipe an env: with {job.method}'s lock, "
            "or name a Python that has them",
        )
    check_model(job)
    tell_of_missing(job)
    prepare_trackers(job.trackers, job.paths.path / "tensorboard")
    python = ".".join(str(part) for part in sys.version_info[:3])
    say("  ".join([f"method {job.method}", f"python {python}", *(f"{k} {v}" for k, v in versions().items())]))
    requests = Requests(job.paths)
    leave = EarlyLeave(requests)
    leave.arm()
    watch.start()
    try:
        requests.leave_if_asked()
        resumed = {}
        if job.resume:
            resumed = check_resume(job.resume, job.processes, job.recipe)
            say(f"resuming from {job.resume.path.name}")
        job.paths.out.mkdir(parents=True, exist_ok=True)
        settle_reach(job)
        job = job if prepare_only else with_kernels_there_are(job)
        train(job, requests, leave, watch, resumed)
    finally:
        leave.disarm()
        watch.stop()
        if is_main() and not prepare_only:
            shutil.rmtree(job.cache, ignore_errors=True)


def _absent_modules(job: WorkerJob) -> list[str]:
    return missing_modules([*MODULES, *needed_modules(job)])


def _fail(job: WorkerJob, error: Exception, phase: str) -> int:
    failure = classify(error, _existing(job.paths.out))
    if is_main():
        discard_unfinished(job)
    try:
        record(job.paths, failure, phase)
    except OSError as full:
        print(f"failure.json can't be written: {full}", file=sys.stderr)  # noqa: T201
    if not isinstance(error, TrainingFailure) or error.__cause__ is not None:
        traceback.print_exception(type(error), error, error.__traceback__)
    print(f"failed: {failure}", file=sys.stderr, flush=True)  # noqa: T201
    if "LOCAL_RANK" in os.environ:
        # The others wait for this rank inside a collective operation; torchrun ends them once it is gone,
        # and a tidy exit would wait for them in turn.
        sys.stdout.flush()
        os._exit(1)
    return 1


def _leave_group() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
