"""Processes: who one is, whether it lives, and how all of a job's are found and ended.

A pid alone is reused, so a process is known by (boot, start of pid 1, pid, start time); zombies count as dead. What a
job started is found by descent and by its marker, `LT_JOB=<ULID>` in `/proc/<pid>/environ`, which a process keeps when
it leaves its session, its group and its parent.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from .protocol.records import ProcessId

MARKER = "LT_JOB"
ATTEMPT_MARKER = "LT_ATTEMPT"
_SET_PDEATHSIG = 1
_SET_CHILD_SUBREAPER = 36
_SET_DUMPABLE = 4
_libc = ctypes.CDLL(None, use_errno=True)


class Stat(NamedTuple):
    """What we need of `/proc/<pid>/stat`."""

    state: str
    parent: int
    start: int  # clock ticks since boot


def read_stat(pid: int) -> Stat | None:
    """The process's stat, or None if there is no such process."""
    text = _read(f"/proc/{pid}/stat", short=True)
    if not text:
        return None
    fields = text[text.rindex(b")") + 2 :].split(None, 20)  # the name before it may hold blanks and brackets
    return Stat(fields[0].decode(), int(fields[1]), int(fields[19]))


def boot_id() -> str:
    """The kernel's id of this boot. All containers of a machine have the same."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def identity(pid: int, machine: str) -> ProcessId | None:
    """The identity of a living process here; `machine` is `machine.machine_id`. None if it is gone."""
    stat = read_stat(pid)
    init = read_stat(1)
    if stat is None or stat.state in "ZX":
        return None
    return ProcessId(pid, stat.start, boot_id(), init.start if init else 0, machine)


def is_alive(who: ProcessId) -> bool:
    """Whether that very process runs, asked on its own machine. After a reboot the answer is no."""
    return identity(who.pid, who.machine) == who


def become_subreaper() -> bool:
    """Makes this process the parent of all orphans among its descendants, so that it can tell when all are gone."""
    return bool(_libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def die_with_parent() -> None:
    """Has the kernel kill this process when its parent dies."""
    _libc.prctl(_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def keep_memory_private() -> None:
    """From now on no core of this process is written to a disk, and no other process of the same user reads its memory.

    Those forked from it inherit that; a program that they exec does not.
    """
    _libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0)


def daemonise() -> None:
    """Detaches the calling process: its starter's wait ends, and it continues as an orphan in a session of its own.

    To be called before any thread is started. Descriptors are left alone, locks among them.
    """
    with contextlib.suppress(PermissionError):  # leads its session already
        os.setsid()
    if os.fork():
        os._exit(0)


def descendants(pid: int) -> list[int]:
    """The living processes below `pid`, without itself; zombies are left out, what is below them is not."""
    return _below(pid, _stats())


def belonging(pid: int, job: str, attempt: int) -> list[int]:
    """The living processes of an attempt: those below its supervisor `pid`, and all that carry its marker.

    As `descendants` and `marked` together, by one look at each process of the machine. Nothing that was there before
    the supervisor can carry the marker, so only the younger ones are asked for it.
    """
    stats = _stats()
    since = stats[pid].start if pid in stats else 0
    wanted = _words(job, attempt)
    found = _below(pid, stats)
    known = {pid, os.getpid(), *found}
    young = [other for other, stat in stats.items() if stat.start >= since and stat.state not in "ZX"]
    return found + [other for other in young if other not in known and _carries(other, wanted) and _lives(other)]


def marked(job: str, attempt: int | None = None) -> list[int]:
    """The living processes that carry the job's marker (of that attempt); never the calling one.

    It does not find a process that cleared its environment; of those, `descendants` knows while the supervisor lives.
    """
    wanted = _words(job, attempt)
    me = os.getpid()
    return [pid for pid in _pids() if pid != me and _carries(pid, wanted) and _lives(pid)]


def kill_all(
    find: Callable[[], Iterable[int]],
    *,
    timeout: float = 10.0,
    reap: Callable[[], object] = lambda: None,
) -> tuple[int, int]:
    """SIGKILL for all that `find` finds, again and again until it finds nothing or `timeout` seconds are over.

    Again, since what is killed may have forked meanwhile. `reap` collects children, whose zombies would fill the
    table. Returns how many processes were killed, and how many are left (0, unless the kernel holds one in I/O).
    """
    deadline = time.monotonic() + timeout
    killed: set[int] = set()
    pause = 0.002
    while True:
        alive = list(find())
        if not alive or time.monotonic() >= deadline:
            return len(killed), len(alive)
        for pid in alive:
            send(pid, signal.SIGKILL)
        killed.update(alive)
        reap()
        time.sleep(pause)
        pause = min(pause * 2, 0.1)


def send(pid: int, number: int) -> None:
    """Sends a signal to one process; one that is gone, or not ours, is passed over."""
    if pid <= 1:
        return  # 0 and below mean whole groups, of which ours is one
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def send_group(group: int, number: int) -> None:
    """Sends a signal to a process group; one that is gone is passed over."""
    if group <= 1:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def group_lives(group: int) -> bool:
    """Whether anything of the process group is left, zombies included."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _words(job: str, attempt: int | None) -> list[bytes]:
    """What the environment of a process of the job holds."""
    words = [f"{MARKER}={job}".encode()]
    return words if attempt is None else [*words, f"{ATTEMPT_MARKER}={attempt}".encode()]


def _stats() -> dict[int, Stat]:
    found = {pid: read_stat(pid) for pid in _pids()}
    return {pid: stat for pid, stat in found.items() if stat is not None}


def _below(pid: int, stats: dict[int, Stat]) -> list[int]:
    children: dict[int, list[int]] = {}
    for other, stat in stats.items():
        children.setdefault(stat.parent, []).append(other)
    found, todo = [], [pid]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return [other for other in found if stats[other].state not in "ZX"]


def _read(path: str, *, short: bool = False) -> bytes:
    """A file of `/proc`, empty if it is gone or not ours; a `short` one comes in one piece.

    By bare calls: at the end of each job it is done for every process of the machine.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        pieces = []
        while True:
            piece = os.read(fd, 65536)
            pieces.append(piece)
            if short or not piece:
                return b"".join(pieces)
    except OSError:
        return b""
    finally:
        os.close(fd)


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _lives(pid: int) -> bool:
    stat = read_stat(pid)
    return stat is not None and stat.state not in "ZX"


def _carries(pid: int, wanted: list[bytes]) -> bool:
    text = _read(f"/proc/{pid}/environ")  # nothing: it is gone, or another user's
    if not all(word in text for word in wanted):
        return False
    words = text.split(b"\0")
    return all(word in words for word in wanted)
