"""The one background process of an `LT_HOME`: it takes intents, keeps host sessions where there is work, and leaves."""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import resource
import signal
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_inventory.hosts_file import HostsFile
from lt_inventory.model import Host

from .. import __version__, keychain
from ..home import Home
from ..journal import fault, note
from ..store import checkpoints, choices, confided, due, intents, relocations, transfers
from ..store.intents import Intent
from ..store.writer import Writer
from .answers import Answerer, Ask, Memory, slots_to
from .flows import Flows
from .housekeeping import Housekeeper
from .keeper import Keeper
from .leases import LeaseWatch, note_terms
from .moving import Mover
from .notifying import Notifier
from .offline import settle_removed
from .server import Server, somebody_listens
from .session import HostSession
from .steps import SubmitStep, passed
from .vault import FOR_NOTICES, Vault

LINGER = 60.0  # seconds without work, listeners or questions before the controller leaves
LOOK_EVERY = 5.0  # seconds: the floor under the wake-ups
CLOSE_LIMIT = 10.0  # seconds that the sessions get to leave, all together
TURN_LIMIT = 20.0  # seconds to wait for a controller that is leaving
MIN_DESCRIPTORS = 8192  # a connection, two rsyncs and their pipes for each of hundreds of hosts


class Controller:
    """Reconciles what is asked with what is. All it knows is in SQLite; killed and started again, it carries on."""

    def __init__(self, home: Home, linger: float = LINGER) -> None:
        self._home = home.make()
        self._linger = linger
        self._wake = threading.Event()
        self._leaving = threading.Event()
        self._lock_file = take_lock(self._home)
        self._started = time.time()
        self._active = time.monotonic()
        self._problem = ""  # why the last pass failed
        self._sessions: dict[str, HostSession] = {}
        self._hosts: dict[str, Host] | None = None  # None until the inventory has been read
        self._hosts_stamp: tuple[int, int] | None = (0, 0)
        self._hosts_lock = threading.Lock()
        self._sessions_lock = threading.Lock()
        self._owner = home.owner()
        self._writer = Writer(home.database, self._committed)
        self._server: Server | None = None
        self._memory = Memory(home)
        self._vault = Vault()
        self._keeper = Keeper(home, self._writer)
        self._mover = Mover(self._writer, self._look_at)
        self._leases = LeaseWatch(self._writer)
        self._housekeeper = Housekeeper(self._writer)
        self._notifier = Notifier(home, self._writer, self._vault, lambda: self._hosts or {})
        self._writer.run("", transfers.forget_running)
        self._flows = Flows(home, self._writer, self._handle)

    def run(self) -> None:
        """Works until there is nothing left to do, or somebody says stop."""
        self._server = Server(self._home.controller_sock, self._handle, self._handle)
        try:
            while not self._leaving.is_set():
                self._wake.clear()
                if self._look() or self._server.subscribers:
                    self._active = time.monotonic()
                elif time.monotonic() - self._active > self._linger and self._may_leave():
                    break
                self._wake.wait(LOOK_EVERY)
        finally:
            self._close()

    def _may_leave(self) -> bool:
        """Shuts the door, then looks once more: a client writes its intent before it knocks, so none is missed."""
        if self._server is not None:
            self._server.close()
        if not self._look():
            return True
        self._server = Server(self._home.controller_sock, self._handle, self._handle)
        return False

    def stop(self) -> None:
        """Leaves soon; jobs on the hosts go on."""
        self._leaving.set()
        self._wake.set()

    def _look(self) -> bool:
        """One pass; whether there is work."""
        try:
            work = self._reconcile()
        except sqlite3.Error as error:  # somebody holds the database for long, the disk is full: both pass
            note(f"database: {error}")
            return True
        except Exception as error:  # a fault of ours in one corner must not end what goes on in all others
            if self._problem != repr(error):  # once, and not every few seconds
                fault()
            self._problem = repr(error)
            return True
        self._problem = ""
        return work

    def _reconcile(self) -> bool:
        hosts = self._read_hosts()
        if self._vault.holds():
            self._vault.keep_only(self._writer.read(confided.with_a_use))
        for intent in self._writer.read(intents.pending_submits):
            self._take(intent)
        if self._writer.read(relocations.asked):
            self._writer.run("jobs", relocations.settle)
        self._mover.look(hosts)
        self._leases.look(hosts)
        wanted, waiting = self._writer.read(_hosts_with_work), self._writer.read(due.hosts)
        busy = wanted & hosts.keys()
        if self._hosts is not None:
            for name in wanted - busy:  # its jobs stay as they are, but wait for nobody
                self._writer.run("jobs", settle_removed, name, sorted(hosts))
        for name in busy:
            self._session(name)
        with self._sessions_lock:
            for name, session in list(self._sessions.items()):
                idle = name not in busy and time.monotonic() - session.last_work > session.patience
                if not session.is_alive():
                    del self._sessions[name]
                elif idle or name not in hosts:
                    session.close()
                elif name in waiting:
                    session.poke()
            by_people = any(session.by_person or session.sending for session in self._sessions.values())
        # What people answered lives here alone: they would have to give it again.
        by_people = by_people or self._memory.holds()
        return bool(busy) or by_people or any(part.busy() for part in (self._keeper, self._flows, self._notifier))

    def _take(self, intent: Intent) -> None:
        passed(SubmitStep.SEEN, self._home.path)
        try:
            self._writer.run("jobs", choices.take_submit, intent.id, intent.params)
        except sqlite3.OperationalError:
            raise  # the database's trouble, not this job's
        except Exception as error:  # one that can't be read must not stop those after it
            known = error if isinstance(error, LtError) else LtError("bad_intent", why=str(error))
            self._writer.run("jobs", intents.failed, intent.id, known)
        else:
            passed(SubmitStep.TAKEN, self._home.path)

    def _look_at(self, name: str) -> None:
        session = self._session(name)
        if session is not None:
            session.ask("probe")  # nobody waits for the answer: what it finds is written down

    def _session(self, name: str) -> HostSession | None:
        """The host's session, started if need be; None if the inventory has no such host (any more)."""
        host = (self._hosts or {}).get(name)
        with self._sessions_lock:
            session = self._sessions.get(name)
            if session is not None and session.is_alive() and not session.closing:
                if host == session.host:
                    return session
                session.close()  # its entry was edited: connect as it says now
            if host is None:
                return None
            session = HostSession(host, self._home, self._owner, self._writer, self._memory, self._vault, after=session)
            self._sessions[name] = session
            session.start()
            return session

    def _read_hosts(self) -> dict[str, Host]:
        """The inventory, read again when its file has changed; what is wrong with one version of it is said once."""
        with self._hosts_lock:  # who asks while another thread reads waits, or it would see what was there before
            try:
                stamp = _stamp(self._home.hosts_file)
                if stamp != self._hosts_stamp:
                    self._hosts_stamp = stamp
                    self._hosts = HostsFile(self._home.hosts_file).load()
                    note_terms(self._writer, self._hosts, stamp)
            except (LtError, OSError) as error:  # a person is in the middle of editing it: what was known goes on
                note(f"hosts.toml: {error}")
            return self._hosts or {}

    def _committed(self, topics: set[str]) -> None:
        if self._server is not None:
            self._server.announce(topics)
        if topics & {"jobs", "sweeps", "flows"}:
            self._keeper.poke()
        if "jobs" in topics:
            self._notifier.poke()
        if topics & {"jobs", "checkpoints", "flows"}:
            self._flows.poke()

    def _handle(self, request: dict[str, Any], person: Ask | None = None) -> Any:
        if self._leaving.is_set():
            raise LtError("controller_gone", log=str(self._home.controller_log))  # the next one will see to it
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
            key = scan_host_key(host, self._home, answers=Answerer(self._memory, person))
            return {"fingerprint": key.fingerprint, "key_type": key.key_type, "line": key.line(host)}
        if op in ("connect", "probe", "install"):
            return self._ask(str(request.get("name")), op, limit=request.get("limit"))
        if op == "login":
            if request.get("remember"):
                keychain.check()  # before anybody types anything
            return self._ask(str(request.get("name")), op, person=person, remember=bool(request.get("remember")))
        if op == "install_key":
            return self._ask(str(request.get("name")), op, person=person)
        if op == "forget_login":
            self._memory.forget_all(slots_to(self._host_named(str(request.get("name"))), self._home))
            return {}
        if op in ("processes", "holdings"):
            return self._ask(str(request.get("name")), op, question=True)
        if op in ("unneeded", "clear"):
            asked = {key: request[key] for key in ("items", "rest") if key in request}
            return self._ask(str(request.get("name")), op, question=True, **asked)
        if op == "send":
            self._host_named(str(request.get("name")))
            session = self._session(str(request.get("name")))
            return session.send(list(request.get("snapshots") or ()), bool(request.get("uv"))) if session else {}
        if op == "confide":
            self._vault.give(request.get("job"), request.get("values"))
            self._writer.run("", confided.agree, request["job"], list(request["values"]))
            if request.get("job") == FOR_NOTICES:
                self._notifier.given(request["values"])
            return {}
        if op == "secrets_set":
            self._vault.forget(FOR_NOTICES, request["names"])
            self._notifier.given(request["names"])
            return {}
        if op == "notify_test":
            self._notifier.test(str(request.get("name")))
            return {}
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
        self._flows.poke()
        return {}

    def _ask(
        self, name: str, errand: str, *, question: bool = False, person: Ask | None = None, **params: Any
    ) -> dict[str, Any]:
        self._host_named(name)
        session = self._session(name)
        if session is None:
            raise LtError("no_such_host", host=name, near=sorted(self._hosts or {}))
        return session.question(errand, **params) if question else session.answer(errand, person, **params)

    def _host_named(self, name: str) -> Host:
        hosts = self._read_hosts()
        if name not in hosts:
            raise LtError("no_such_host", host=name, near=sorted(hosts))
        return hosts[name]

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
        self._leaving.set()  # who is connected still would else have new work begun
        if self._server is not None:
            self._server.close()
        with self._sessions_lock:
            sessions = list(self._sessions.values())
        for session in sessions:
            session.close()
        self._flows.close()
        deadline = time.monotonic() + CLOSE_LIMIT
        for session in sessions:
            session.join(max(0.0, deadline - time.monotonic()))
        self._keeper.close()
        self._housekeeper.close()
        self._notifier.close()
        self._writer.close()
        os.close(self._lock_file)


def run(home: Home, linger: float = LINGER) -> int:
    """Runs the controller in this process; 0 when it leaves, also if another one is at work already."""
    try:
        controller = Controller(home, linger)
    except BlockingIOError:
        return 0
    _allow_descriptors()
    # An event must not be set by a handler: its lock may be held by the very code that the signal interrupts.
    asked: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _: asked.put(number))
    threading.Thread(target=_stop_when_asked, args=(asked, controller), name="signals", daemon=True).start()
    controller.run()
    return 0


def _stop_when_asked(asked: queue.SimpleQueue[int], controller: Controller) -> None:
    asked.get()
    controller.stop()


def _allow_descriptors() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MIN_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(MIN_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # macOS has a lower bound of its own
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _stamp(path: Path) -> tuple[int, int] | None:
    """Changes whenever the file does; None without a file."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_mtime_ns, stat.st_ino


def take_lock(home: Home) -> int:
    """The flock that makes this the one controller; waits for one that is leaving and answers no more.

    Raises BlockingIOError if another is at work.
    """
    fd = os.open(home.controller_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    deadline = time.monotonic() + TURN_LIMIT
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if somebody_listens(home.controller_sock) or time.monotonic() > deadline:
                os.close(fd)
                raise
            time.sleep(0.1)
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
        "SELECT DISTINCT a.host FROM attempts a JOIN jobs j ON j.id = a.job_id"
        " WHERE a.exit IS NULL AND j.removed=0 AND j.adopted_by IS NULL"
    )
    return {row[0] for row in unfinished} | intents.hosts_asked(db) | checkpoints.hosts_waiting(db)
