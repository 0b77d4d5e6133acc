"""Secrets of jobs on their way to the worker: in memory alone, from the bridge to the dispatcher to the supervisor.

The dispatcher listens on a socket beside its lock. What it is told lives as long as it does, or as its job; should it
die, the next one finds the ticket without the values, says `needs_secret` in the job's events, and whoever has them
brings them again. Nothing of this is ever a file, an argument or, but for the worker's own, an environment.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import struct
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from . import procs
from .events import Events
from .protocol.errors import LtError
from .protocol.paths import HostRoot, LeaseDir
from .protocol.ulid import is_ulid
from .tickets import Ticket

EXPECTED = 60.0  # seconds for which values are kept whose ticket is yet to come
LARGEST = 60 << 10  # bytes of all of a job's: they have to fit into a pipe at once, whose reader comes later
_READ_SECONDS = 2.0  # how long a bridge may take to say what it has; the dispatcher does nothing else meanwhile
_HAND_OVER_SECONDS = 30.0
_LENGTH = struct.Struct(">I")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")


class Confided:
    """The dispatcher's memory of secrets, by job: a retry needs those of the attempt before it."""

    def __init__(self, lease: LeaseDir) -> None:
        self._values: dict[str, dict[str, str]] = {}
        self._since: dict[str, float] = {}  # when each was told, or was seen to be of use
        self._awaited: set[str] = set()  # jobs whose ticket has not come yet
        self._told: set[tuple[str, int]] = set()
        self._socket = _listen(_place(lease))

    @property
    def fd(self) -> int:
        """Readable when a bridge is there."""
        return self._socket.fileno()

    def take(self) -> bool:
        """Hears the bridges that are there; whether anything new was told."""
        news = False
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # nobody (else) is there
                return news
            with connection, contextlib.suppress(LtError, OSError, ValueError, KeyError, TypeError):
                connection.settimeout(_READ_SECONDS)
                if _peer(connection) != os.getuid():
                    continue
                told = json.loads(_receive(connection))
                job, values = str(told["job"]), checked(told["values"])
                if not is_ulid(job):
                    continue
                procs.keep_memory_private()
                self._values.setdefault(job, {}).update(values)
                if job not in self._since:
                    self._awaited.add(job)
                self._since[job] = time.monotonic()
                news = True
                connection.sendall(b"!")

    def lacking(self, waiting: Mapping[str, Ticket]) -> tuple[str, ...]:
        """The names of the tickets whose job has secrets that are not here. Its events say so, once from each of us."""
        found = []
        for name, ticket in waiting.items():
            if not ticket.secrets:
                continue
            key = (ticket.job, ticket.attempt)
            missing = sorted(set(ticket.secrets) - self._values.get(ticket.job, {}).keys())
            if missing:
                found.append(name)
                if key not in self._told:
                    self._told.add(key)
                    Events(ticket.paths).add("needs_secret", names=missing)
            elif key in self._told:
                self._told.discard(key)
                Events(ticket.paths).add("secrets_here", names=sorted(ticket.secrets))
        return tuple(found)

    def of(self, ticket: Ticket) -> dict[str, str]:
        """What the ticket's job is to get, and no more."""
        values = self._values.get(ticket.job, {})
        return {name: values[name] for name in ticket.secrets if name in values}

    def keep_only(self, jobs: Collection[str]) -> None:
        """Forgets the secrets of all other jobs, except where a ticket, or that of a retry, may be about to come."""
        now = time.monotonic()
        self._awaited -= set(jobs)
        self._since.update({job: now for job in self._since if job in jobs})
        for job in [job for job, since in self._since.items() if now - since > EXPECTED]:
            del self._values[job], self._since[job]
            self._awaited.discard(job)

    def expects(self) -> bool:
        """Whether a ticket may be about to come for what was told: a reason to stay."""
        now = time.monotonic()
        return any(now - self._since[job] <= EXPECTED for job in self._awaited)

    def forget(self) -> None:
        """Drops everything: in a child, which is to hold no more than its own."""
        self._values.clear()

    def close(self) -> None:
        """Stops listening."""
        self._socket.close()


def hand_over(root: HostRoot, lease: LeaseDir, agent_dir: Path, job: str, values: Any) -> None:
    """Gives a job's secrets to the dispatcher, which is started if none runs. Raises LtError
    `secrets_not_taken{job, why}`, `bad_request` where `values` are no names with texts.
    """
    from .machine import open_lease_dir
    from .start import ensure_dispatcher

    procs.keep_memory_private()
    message = json.dumps({"job": job, "values": checked(values)}).encode()
    open_lease_dir(lease)
    deadline = time.monotonic() + _HAND_OVER_SECONDS
    while True:
        ensure_dispatcher(root, lease, agent_dir)
        try:
            if _tell(_place(lease), message):
                return
            why = "another user answers"
        except OSError as error:  # it is just starting, or just leaving
            why = error.strerror or str(error)
        if time.monotonic() > deadline:
            raise LtError("secrets_not_taken", job=job, why=why)
        time.sleep(0.05)


def checked(values: Any) -> dict[str, str]:
    """Secrets as they may go into an environment. Raises LtError `bad_request` for anything else."""
    if not isinstance(values, Mapping):
        raise LtError("bad_request", key="secrets")
    for name, value in values.items():
        if not isinstance(name, str) or not _NAME.match(name) or not isinstance(value, str) or "\0" in value:
            raise LtError("bad_request", key="secrets")
    if len(json.dumps(values)) > LARGEST:
        raise LtError("bad_request", key="secrets")
    return dict(values)


def into_pipe(values: Mapping[str, str]) -> int:
    """A descriptor from which a program that is exec'd next reads them by `from_pipe`."""
    read, write = os.pipe()
    os.set_inheritable(read, True)
    os.write(write, json.dumps(values).encode())
    os.close(write)
    return read


def from_pipe(fd: int) -> dict[str, str]:
    """What `into_pipe` put in. Closes it."""
    with os.fdopen(fd, "rb") as file:
        return checked(json.loads(file.read()))


def _place(lease: LeaseDir) -> Path:
    return lease.own / "secrets.sock"


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name for `path` that fits into a socket's address, however deep it lies."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _listen(path: Path) -> socket.socket:
    """Our socket in place of one that a dispatcher before us left; we hold the lock."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    before = os.umask(0o177)
    try:
        with _short(path) as name:
            listening.bind(name)
    finally:
        os.umask(before)
    listening.listen(16)
    listening.setblocking(False)
    return listening


def _tell(path: Path, message: bytes) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as connection:
        connection.settimeout(_HAND_OVER_SECONDS)
        with _short(path) as name:
            connection.connect(name)
        if _peer(connection) != os.getuid():
            return False  # whoever that is, it is not our dispatcher
        connection.sendall(_LENGTH.pack(len(message)) + message)
        return connection.recv(1) == b"!"


def _peer(connection: socket.socket) -> int:
    """The user at the other end, by the kernel's word."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", raw)[1])


def _receive(connection: socket.socket) -> bytes:
    """One message. Raises ValueError for one that is too long, OSError for one that is cut."""
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    if length > 2 * LARGEST:
        raise ValueError("too long")
    return _exactly(connection, length)


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise OSError("cut")
        data += more
    return data
