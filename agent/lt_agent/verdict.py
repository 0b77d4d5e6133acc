"""How an attempt ended, decided from what is known, as pure functions."""

from __future__ import annotations

import os
import signal
from typing import Any

from .protocol.states import FAILED, SUCCEEDED
from .stopping import OUTCOMES, StopRequest

_KILLED_SHELL = 128 + signal.SIGKILL  # how a shell reports that its command was killed


def decode_status(status: int) -> tuple[int | None, int | None]:
    """(exit code, signal) from a `waitpid` status; one of them is None."""
    if os.WIFSIGNALED(status):
        return None, os.WTERMSIG(status)
    return os.WEXITSTATUS(status), None


def verdict(
    *,
    exit_code: int | None,
    number: int | None,
    request: StopRequest | None,
    finished: bool,
    failure: dict[str, Any] | None,
    kernel_oom: bool,
) -> tuple[str, str, str]:
    """(state, reason, message) of a worker that ran and is gone.

    `number` is the signal it died of; `finished`: it saved its final model; `failure`: its own failure record;
    `kernel_oom`: the kernel killed something for want of memory while it ran. A worker that was asked to stop but was
    done, or broke by itself, is what it is; otherwise the request decides.
    """
    if exit_code == 0 and finished:
        return SUCCEEDED, "done", ""
    if failure is not None and not (request is not None and exit_code == 0):
        return FAILED, str(failure.get("reason") or "exit_code"), _one_line(failure.get("message"))
    if request is not None:
        return (*OUTCOMES[request.kind], "")
    if exit_code == 0:
        return SUCCEEDED, "done", ""
    if kernel_oom and (number == signal.SIGKILL or exit_code is not None):
        return FAILED, "oom", "the kernel ended a process of this job: the machine's memory was full"
    if number is not None:
        return FAILED, "signal", _signal_name(number)
    return FAILED, "exit_code", ""


def oom_kills() -> int | None:
    """How many processes the kernel has killed for want of memory in our cgroup; None if it does not tell."""
    for path in _memory_events():
        try:
            with open(path, encoding="ascii") as file:
                for line in file:
                    if line.startswith("oom_kill "):
                        return int(line.split()[1])
        except (OSError, ValueError):
            continue
    return None


def _memory_events() -> list[str]:
    try:
        with open("/proc/self/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError:
        return []
    paths = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            paths.append(f"/sys/fs/cgroup{path.rstrip('/')}/memory.events")
        elif controllers == "memory":
            paths.append(f"/sys/fs/cgroup/memory{path.rstrip('/')}/memory.oom_control")
    # A container sees its own cgroup as the root, or the host's path that is not there inside.
    return [*paths, "/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"]


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _one_line(value: Any) -> str:
    return " ".join(str(value or "").split())[:1000]
