"""Why a training ended badly, as a typed reason and one line: what `failure.json` holds."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from typing import Iterator

from lt_agent.formats import BadRow
from lt_agent.protocol.files import write_json
from lt_agent.protocol.paths import AttemptPaths

_FULL = (errno.ENOSPC, errno.EDQUOT)
_CUDA_OUT_OF_MEMORY = 2  # cudaErrorMemoryAllocation
_NEARLY_NOTHING = 8 << 20  # bytes; writers in C++ and Rust report a full disk without an errno


class TrainingFailure(Exception):
    """An end whose reason is known where it is raised.

    `reason` is one of: oom, nan, missing_module, model_not_found, bad_data, disk_full, resume_incomplete, bad_recipe,
    exception. `message` is one line for a person, and says what to do where that is known.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


class Stopped(Exception):
    """Asked to stop before the first step: there is nothing to save, and no failure."""


class NothingLeft(Exception):
    """Resumed from a checkpoint of the last step: the model is what it was to become, and no failure."""


def classify(error: BaseException, out: str | os.PathLike[str]) -> TrainingFailure:
    """The typed failure that `error` amounts to, decided by types and error numbers, also of what caused it.

    `out` is the folder that was written to: some writers report a full disk only as text, so where nothing else
    explains the error, the disk itself is asked.
    """
    for cause in _chain(error):
        if isinstance(cause, TrainingFailure):
            return cause
        if isinstance(cause, BadRow):
            return TrainingFailure("bad_data", str(cause))
        if _refused_by_the_template(cause):
            return TrainingFailure("bad_data", f"the model's chat template refuses a conversation: {_line(cause)}")
        if _out_of_memory(cause):
            return TrainingFailure("oom", f"out of memory: {_line(cause)}")
        if isinstance(cause, OSError) and cause.errno in _FULL:
            return TrainingFailure("disk_full", f"no space left on the disk of {cause.filename or os.fspath(out)}")
    if _free_bytes(out) < _NEARLY_NOTHING:
        return TrainingFailure("disk_full", f"no space left on the disk of {os.fspath(out)} ({_line(error)})")
    for cause in _chain(error):
        if isinstance(cause, ImportError):
            return TrainingFailure("missing_module", _missing(cause))
    return TrainingFailure("exception", f"{type(error).__name__}: {_line(error)}")


def record(paths: AttemptPaths, failure: TrainingFailure, phase: str | None = None) -> None:
    """Writes failure.json, unless a rank that failed earlier has: later failures are mostly its consequences.

    `phase` is what went on, where that is known: out of memory asks for something else while evaluating.
    """
    if not paths.failure.exists():
        write_json(paths.failure, {"reason": failure.reason, "message": failure.message, "phase": phase})


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _refused_by_the_template(error: BaseException) -> bool:
    """Templates raise by themselves: where roles do not alternate, or for a role that the model was not made for."""
    kind = getattr(sys.modules.get("jinja2"), "TemplateError", None)
    return kind is not None and isinstance(error, kind)


def _out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    torch = sys.modules.get("torch")
    kind, device = getattr(torch, "OutOfMemoryError", None), getattr(torch, "AcceleratorError", None)
    if kind is not None and isinstance(error, kind):
        return True
    # Not every allocation goes through torch's own allocator.
    return (
        device is not None and isinstance(error, device) and getattr(error, "error_code", None) == _CUDA_OUT_OF_MEMORY
    )


def _missing(error: ImportError) -> str:
    if error.name and isinstance(error, ModuleNotFoundError):
        return f"{error.name} is not installed in {sys.executable}"
    return f"{_line(error)} ({sys.executable})"


def _free_bytes(out: str | os.PathLike[str]) -> int:
    try:
        return shutil.disk_usage(out).free
    except OSError:
        return _NEARLY_NOTHING


def _line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return " ".join(text.split())[:600]
