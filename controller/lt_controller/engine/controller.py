"""The one background process of an `LT_HOME`: it takes intents, keeps host sessions where there is work, and leaves."""

from __future__ import annotations

import fcntl
import os
import signal
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_inventory.hosts_file import HostsFile
from lt_inventory.model import Host

from .. import __version__
from ..home import Home
from ..store import checkpoints, intents, jobs, transfers
from ..store.writer import Writer
from .keeper import Keeper
from .server import Server
from .session import HostSession
from .steps import SubmitStep, passed

LINGER = 60.0  # seconds without work, listeners or questions before the controller leaves
IDLE_SESSION = 120.0  # seconds without work before a connection is given up
LOOK_EVERY = 5.0  # seconds: the floor under the wake-ups


class Controller:
    """Reconciles what is asked with what is. All it knows is in SQLite; killed and started again, it carries on."""

    def __init__(self, home: Home, linger: float = LINGER) -> None:
        self._home = home.make()
        self._linger = linger
        self._wake = threading.Event()
        self._leaving = threading.Event()
        self._lock_file = _take_lock(self._home.controller_lock)
        self._started = time.time()
        self._active = time.monotonic()
        self._sessions: dict[str, HostSession] = {}
        self._hosts: dict[str, Host] = {}
        self._hosts_stamp: tuple[int, int] | None = None
        self._sessions_lock = threading.Lock()
        self._owner = home.owner()
        self._writer = Writer(home.database, self._committed)
        self._server: Server | None = None
        self._keeper = Keeper(home, self._writer)
        self._writer.run("", transfers.forget_running)

    def run(self) -> None:
        """Works until there is nothing left to do, or somebody says stop."""
        self._server = Server(self._home.controller_sock, self._handle)
        try:
            while not self._leaving.is_set():
                self._wake.clear()
                busy = self._reconcile()
                if busy or self._server.subscribers:
                    self._active = time.monotonic()
                elif time.monotonic() - self._active > self._linger:
                    break
                self._wake.wait(LOOK_EVERY)
        finally:
            self._close()

    def stop(self) -> None:
        """Leaves soon; jobs on the hosts go on."""
        self._leaving.set()
        self._wake.set()

    def _reconcile(self) -> bool:
        self._read_hosts()
        for intent in self._writer.run("", intents.pending_submits):
            passed(SubmitStep.SEEN, self._home.path)
            try:
                self._writer.run("jobs", jobs.take_submit, intent.id, intent.params)
                passed(SubmitStep.TAKEN, self._home.path)
            except (LtError, sqlite3.Error, KeyError, TypeError) as error:
                known = error if isinstance(error, LtError) else LtError("bad_intent", why=str(error))
                self._writer.run("jobs", intents.failed, intent.id, known)
        busy = set(self._writer.run("", _hosts_with_work))
        for name in busy:
            self._session(name)
        with self._sessions_lock:
            for name, session in list(self._sessions.items()):
                if not session.is_alive():
                    del self._sessions[name]
                elif name not in busy and time.monotonic() - session.last_work > IDLE_SESSION:
                    session.close()
                else:
                    session.poke()
        return bool(busy) or self._keeper.busy()

    def _session(self, name: str) -> HostSession | None:
        """The host's session, started if need be; None if the inventory has no such host (any more)."""
        host = self._hosts.get(name)
        with self._sessions_lock:
            session = self._sessions.get(name)
            if session is not None and session.is_alive():
                if host == session.host:
                    return session
                session.close()  # its entry was edited: connect as it says now
            if host is None:
                self._sessions.pop(name, None)
                return None
            session = HostSession(host, self._home, self._owner, self._writer)
            self._sessions[name] = session
            session.start()
            return session

    def _read_hosts(self) -> None:
        try:
            stat = self._home.hosts_file.stat()
            stamp: tuple[int, int] | None = (stat.st_mtime_ns, stat.st_ino)
        except FileNotFoundError:
            stamp = None
        if stamp == self._hosts_stamp and self._hosts:
            return
        try:
            self._hosts = HostsFile(self._home.hosts_file).load()
            self._hosts_stamp = stamp
        except LtError as error:  # a person is in the middle of editing it: what was known goes on
            print(f"hosts.toml: {error}", flush=True)  # noqa: T201 - the controller's log

    def _committed(self, topics: set[str]) -> None:
        if self._server is not None:
            self._server.announce(topics)
        if "jobs" in topics:
            self._keeper.poke()

    def _handle(self, request: dict[str, Any]) -> Any:
        self._active = time.monotonic()
        op = request.get("op")
        if op == "ping":
            return {"pid": os.getpid(), "version": __version__}
        if op == "wake":
            return self._woken(request.get("host"))
        if op == "status":
            return self._status()
        if op == "scan_key":
            from ..transport.scan import scan_host_key

            host = _host_from(request["host"])
            key = scan_host_key(host, self._home)
            return {"fingerprint": key.fingerprint, "key_type": key.key_type, "line": key.line(host)}
        if op in ("probe", "connect"):
            return self._ask(str(request.get("name")), probe=op == "probe")
        if op == "stop":
            self.stop()
            return {}
        raise LtError("unknown_request", op=op)

    def _woken(self, host: str | None) -> dict[str, Any]:
        self._read_hosts()
        session = self._session(host) if host else None
        if session is not None:
            session.poke(urgent=True)
        self._wake.set()
        return {}

    def _ask(self, name: str, probe: bool) -> dict[str, Any]:
        self._read_hosts()
        session = self._session(name)
        if session is None:
            raise LtError("no_such_host", host=name, near=sorted(self._hosts))
        return session.ask(probe).result()

    def _status(self) -> dict[str, Any]:
        with self._sessions_lock:
            sessions = [
                {"host": name, "connected": session.connected, "doing": session.doing}
                for name, session in sorted(self._sessions.items())
            ]
        return {
            "pid": os.getpid(),
            "version": __version__,
            "home": str(self._home.path),
            "started_at": self._started,
            "hosts": sessions,
            "listeners": self._server.subscribers if self._server else 0,
            "threads": threading.active_count(),
        }

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        with self._sessions_lock:
            sessions = list(self._sessions.values())
        for session in sessions:
            session.close()
        for session in sessions:
            session.join(10)
        self._keeper.close()
        self._writer.close()
        os.close(self._lock_file)


def run(home: Home, linger: float = LINGER) -> int:
    """Runs the controller in this process; 0 when it leaves, also if another one is at work already."""
    try:
        controller = Controller(home, linger)
    except BlockingIOError:
        return 0
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: controller.stop())
    controller.run()
    return 0


def _take_lock(path: Path) -> int:
    """The flock that makes this the one controller. Raises BlockingIOError if another holds it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise
    os.ftruncate(fd, 0)
    os.write(fd, f"{os.getpid()}\n".encode())
    return fd


def _host_from(value: dict[str, Any]) -> Host:
    """Where to look for a key: the part of a host's entry that says how to reach it, before it is in the inventory."""
    wanted = ("name", "address", "user", "port", "key", "jump")
    found = {name: value[name] for name in wanted if value.get(name) is not None}
    return Host(**{**found, "jump": tuple(found.get("jump", ()))})


def _hosts_with_work(db: sqlite3.Connection) -> set[str]:
    unfinished = db.execute(
        "SELECT DISTINCT a.host FROM attempts a JOIN jobs j ON j.id = a.job_id WHERE a.exit IS NULL AND j.removed=0"
    )
    return {row[0] for row in unfinished} | intents.hosts_asked(db) | checkpoints.hosts_waiting(db)
