"""The queue of a machine: a small file per waiting attempt. Its name says when it came; `line.order` who is next."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Mapping

from .line import Wish
from .protocol.errors import LtError
from .protocol.files import read_json, write_json
from .protocol.paths import AttemptPaths, HostRoot, LeaseDir
from .protocol.records import JobSpec
from .protocol.ulid import is_ulid

_ALIVE = 90.0  # seconds since a dispatcher was heard of after which another user's tickets count no more
_MOST_FOREIGN = 256  # tickets of one other user that are read: a line is as long as that to us
_LARGEST = 16 << 10  # bytes of a ticket of another user's
_FRESH = 0.1  # seconds in which a folder may change again under the same time stamp


@dataclass(frozen=True)
class Ticket:
    """A waiting attempt: where it is, what it wants, and which agent supervises it with which Python."""

    path: Path
    root: str
    job: str
    attempt: int
    gpus: int
    agent: str
    python: str
    wish: Wish = field(default_factory=lambda: Wish(""))
    secrets: tuple[str, ...] = ()  # the names of those that it can't begin without

    @property
    def paths(self) -> AttemptPaths:
        """The attempt's folder. Raises LtError `bad_job_id`."""
        return HostRoot(self.root).attempt(self.job, self.attempt)


def write(
    lease: LeaseDir,
    attempt: AttemptPaths,
    *,
    root: HostRoot,
    gpus: int,
    agent: str,
    python: str,
    priority: int = 0,
    spec: JobSpec | None = None,
    again: Mapping[str, Any] | None = None,
) -> None:
    """Queues the attempt, or changes how it is queued. Its arrival is the time its spec was written, so that repeating
    this changes nothing. `spec` has what it asks for beside GPUs; `again` is told of a retry: {reason, try, tries}.
    """
    created = os.stat(attempt.spec).st_mtime_ns
    value = {
        "root": str(root.path),
        "job": attempt.job,
        "attempt": attempt.attempt,
        "gpus": gpus,
        "agent": agent,
        "python": python,
        "priority": priority,
    }
    if spec is not None:
        value["secrets"] = list(spec.secrets)
        value.update(gpu_memory=spec.gpu_memory, cpus=spec.cpus, disk=spec.disk, not_before=spec.not_before)
    if again:
        value["again"] = dict(again)
    path = lease.tickets / f"{created:020d}-{attempt.job}-{attempt.attempt}.json"
    write_json(path, value, durable=False)
    if lease.shared:
        with contextlib.suppress(FileNotFoundError):  # the dispatcher was quicker
            os.chmod(path, 0o640)  # for the others, who want to know how long the line is


def names(lease: LeaseDir) -> list[str]:
    """The tickets' names, oldest first; `read` opens one. A thousand of them cost one listing."""
    return _names(lease.tickets)


def find(lease: LeaseDir, job: str, attempt: int) -> str | None:
    """The name of the attempt's ticket in this machine's queue, or None."""
    end = f"-{job}-{attempt}.json"
    return next((name for name in names(lease) if name.endswith(end)), None)


def exists(lease: LeaseDir, job: str, attempt: int) -> bool:
    """Whether the attempt waits in this machine's queue."""
    return find(lease, job, attempt) is not None


def read(lease: LeaseDir, name: str) -> Ticket | None:
    """The ticket of that name; None if it is gone. Raises LtError `bad_record` if it is none."""
    path = lease.tickets / name
    try:
        value: Any = read_json(path)
    except ValueError:
        value = ""
    if value is None:
        return None
    try:
        ticket = Ticket(
            path,
            str(value["root"]),
            str(value["job"]),
            int(value["attempt"]),
            max(0, int(value["gpus"])),
            str(value["agent"]),
            str(value["python"]),
            _wish(name, os.getuid(), value, 0.0),
            tuple(str(word) for word in value.get("secrets") or ()),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise LtError("bad_record", record="Ticket", problem=str(path)) from None
    if not is_ulid(ticket.job) or ticket.attempt < 1:
        raise LtError("bad_record", record="Ticket", problem=str(path))
    return ticket


def remove(lease: LeaseDir, name: str) -> None:
    """Takes the ticket out of the queue."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(lease.tickets / name)


class Book:
    """The tickets of a folder, each read once for as long as its file is the same: a thousand cost nothing to keep."""

    def __init__(self, lease: LeaseDir) -> None:
        self._lease = lease
        self._stamp: tuple[int, int] | None = None
        self._known: dict[str, tuple[tuple[int, int], Ticket]] = {}
        self._bad: dict[str, LtError] = {}
        self.version = 0  # changes whenever a ticket came, went or was changed

    def look(self, *, again: bool = False) -> dict[str, Ticket]:
        """The tickets by name, those that can't be read left out (`take_bad` has them). `again`: look at each file."""
        try:
            info = os.stat(self._lease.tickets)
        except OSError:
            self._known, self._stamp = {}, None
            return {}
        stamp = (info.st_mtime_ns, info.st_ino)
        if again or stamp != self._stamp:
            self._stamp = stamp if time.time() - info.st_mtime > _FRESH else None
            self._read()
        return {name: ticket for name, (_, ticket) in self._known.items()}

    def take_bad(self) -> dict[str, LtError]:
        """The files that are no tickets, with the reason, once."""
        bad, self._bad = self._bad, {}
        return bad

    def _read(self) -> None:
        found: dict[str, tuple[tuple[int, int], Ticket]] = {}
        for name, entry in sorted(_entries(self._lease.tickets).items()):
            try:
                info = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            mark = (info.st_ino, info.st_mtime_ns)
            known = self._known.get(name)
            if known is not None and known[0] == mark:
                found[name] = known
                continue
            try:
                ticket = read(self._lease, name)
            except (LtError, OSError) as error:
                self._bad[name] = error if isinstance(error, LtError) else LtError("bad_record", problem=str(error))
                continue
            if ticket is not None:
                found[name] = (mark, replace(ticket, wish=replace(ticket.wish, seen=info.st_ctime)))
        if found != self._known:
            self.version += 1
        self._known = found


def of_others(lease: LeaseDir) -> list[Wish]:
    """What the other users of a shared folder wait for, as far as their dispatchers are alive.

    They may have written anything: only plain files of their own are read, a bounded number, and only numbers count.
    """
    wishes: list[Wish] = []
    if not lease.shared:
        return wishes
    for uid in _other_users(lease):
        folder = lease.users / str(uid) / "tickets"
        for name in _names(folder)[:_MOST_FOREIGN]:
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
                wishes.append(_foreign(folder / name, uid))
    return wishes


def _other_users(lease: LeaseDir) -> list[int]:
    try:
        found = sorted(int(name) for name in os.listdir(lease.users) if name.isdigit() and len(name) <= 10)
    except OSError:
        return []
    return [uid for uid in found if uid != os.getuid() and _is_served(lease, uid)]


def _is_served(lease: LeaseDir, uid: int) -> bool:
    """Whether a dispatcher of that user has said so lately. What nobody serves holds up nobody."""
    try:
        folder, alive = os.lstat(lease.users / str(uid)), os.lstat(lease.users / str(uid) / "alive")
    except OSError:
        return False
    if not stat.S_ISDIR(folder.st_mode) or (folder.st_uid, alive.st_uid) != (uid, uid):
        return False
    return abs(time.time() - alive.st_ctime) < _ALIVE


def _foreign(path: Path, uid: int) -> Wish:
    import json

    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_uid != uid or info.st_size > _LARGEST:
            raise ValueError(path)
        value = json.loads(os.pread(fd, _LARGEST, 0))
    finally:
        os.close(fd)
    return _wish(path.name, uid, value, info.st_ctime)


def _wish(name: str, user: int, value: Mapping[str, Any], seen: float) -> Wish:
    again = value.get("again")
    return Wish(
        name,
        user,
        arrived=_number(int(name.split("-", 1)[0]) / 1e9, 1e11) if name[:1].isdigit() else 0.0,
        seen=seen,
        priority=int(_number(value.get("priority"), 1e6, -1e6)),
        gpus=int(_number(value.get("gpus"), 1e6)),
        gpu_memory=int(_number(value.get("gpu_memory"), 1e18)),
        cpus=int(_number(value.get("cpus"), 1e6)),
        disk=int(_number(value.get("disk"), 1e18)),
        not_before=_number(value.get("not_before"), 1e11),
        again=dict(again) if isinstance(again, dict) else {},
    )


def _number(value: Any, most: float, least: float = 0.0) -> float:
    """A number within bounds; 0 for what is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        return 0.0
    return max(least, min(most, value))


def _names(folder: Path) -> list[str]:
    return sorted(_entries(folder))


def _entries(folder: Path) -> dict[str, os.DirEntry[str]]:
    """The tickets of a folder by name; a thousand are looked at for each that begins, so by no path of their own."""
    try:
        with os.scandir(folder) as found:
            return {e.name: e for e in found if e.name.endswith(".json") and not e.name.startswith(".")}
    except OSError:
        return {}
