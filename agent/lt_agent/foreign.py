"""GPUs that something uses which lt did not start: a colleague's notebook, a process that was left behind."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from collections.abc import Iterable, Sequence
from typing import Any

PATIENCE = 5.0  # seconds for the driver to answer; one that hangs is not waited for
_NOT_A_USER = ("nvidia-cuda-mps",)  # serves others, and holds every GPU


def foreign_gpus(gpus: Sequence[str]) -> frozenset[str]:
    """Those of `gpus` (UUIDs, whose leases are all free) on which a process computes; none where nobody can tell.

    Asked by a child of its own: loading the driver's library takes time and memory, opens devices, and may hang.
    """
    ours = [gpu for gpu in gpus if gpu.startswith("GPU-")]
    return frozenset(_in_child(ours)) & set(ours) if ours else frozenset()


def busy_gpus(gpus: Iterable[str]) -> list[str]:
    """The GPUs that NVML lists a computing process for."""
    import pynvml

    pynvml.nvmlInit()
    busy = []
    for gpu in gpus:
        with contextlib.suppress(pynvml.NVMLError):
            handle = pynvml.nvmlDeviceGetHandleByUUID(gpu)
            if any(_counts(process) for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)):
                busy.append(gpu)
    return busy


def _counts(process: Any) -> bool:
    """Whether it is somebody's work. Within a container the pids are those of the machine, and have no name here."""
    try:
        with open(f"/proc/{process.pid}/comm", encoding="utf-8", errors="replace") as file:
            return not file.read().startswith(_NOT_A_USER)
    except OSError:
        return True


def _in_child(gpus: Sequence[str]) -> list[str]:
    hear, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            signal.set_wakeup_fd(-1)
            os.write(tell, json.dumps(busy_gpus(gpus)).encode())
        except BaseException:  # no library, no driver: nobody can tell
            os._exit(1)
        os._exit(0)
    os.close(tell)
    try:
        return _read(hear, time.monotonic() + PATIENCE)
    finally:
        os.close(hear)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        _reap(pid)


def _read(fd: int, deadline: float) -> list[str]:
    text = b""
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    while (left := deadline - time.monotonic()) > 0:
        if not poller.poll(left * 1000):
            continue
        piece = os.read(fd, 65536)
        if not piece:
            break
        text += piece
    try:
        found = json.loads(text or b"[]")
    except ValueError:
        return []
    return [str(gpu) for gpu in found] if isinstance(found, list) else []


def _reap(pid: int) -> None:
    """Waits for it a little: one that the driver does not let go of stays behind as a zombie of this process."""
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                time.sleep(0.005)
                continue
        return
