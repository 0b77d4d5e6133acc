"""One host: its connection, and the work that is due there. A thread each; everything it does can be repeated."""

from __future__ import annotations

import sqlite3
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_inventory.model import Host

from ..home import Home
from ..journal import fault, note
from ..store import hosts
from ..store.writer import Writer
from . import backoff
from .connect import Connected, connect, look
from .dispatch import Dispatch
from .install import install_rsync
from .intake import Intake
from .offline import settle_unreachable
from .pulling import Pulling

PASS_EVERY = 10.0  # seconds between two looks at what is due: the floor under the wake-ups
QUESTION_LIMIT = 80.0  # seconds for an answer of the bridge that a person waits for
QUESTION_LIMIT = 80.0  # seconds for an answer of the bridge that a person waits for
UNWRITABLE_PAUSE = 10.0  # seconds, where not even a failure can be noted
REFUSED = frozenset({"login_failed", "host_key_changed", "host_key_unknown", "key_unusable"})


@dataclass
class _Ask:
    """A request over the socket: `connect`, `probe` (look at the host anew) or `install` (rsync, then look)."""

    errand: str
    future: Future[dict[str, Any]] = field(default_factory=Future)


class HostSession(threading.Thread):
    """Keeps one host connected while there is work, and does the work."""

    def __init__(
        self, host: Host, home: Home, owner: str, writer: Writer, after: threading.Thread | None = None
    ) -> None:
        """`after`: the session that this one replaces; two at once would write into the same staging folders."""
        super().__init__(name=f"host-{host.name}", daemon=True)
        self.host = host
        self._home = home
        self._owner = owner
        self._writer = writer
        self._wake = threading.Event()
        self._after = after
        self._closing = threading.Event()
        self._over = False
        self._urgent = threading.Event()
        self._asks: list[_Ask] = []
        self._lock = threading.Lock()
        self._connected: Connected | None = None
        self._renew = False
        self.doing = "idle"
        self.last_work = time.monotonic()

    # Called from other threads

    def poke(self, urgent: bool = False) -> None:
        """There may be work. `urgent`: a person waits, so the next try is now, whatever the backoff says."""
        if urgent:
            self._urgent.set()
        self._wake.set()

    def ask(self, errand: str) -> Future[dict[str, Any]]:
        """Connects if need be, does the errand; the future carries the host's facts, or the LtError why not."""
        ask = _Ask(errand)
        with self._lock:
            if self._over:
                ask.future.set_exception(self._leaving())
            else:
                self._asks.append(ask)
        self.poke(urgent=True)
        return ask.future

    def question(self, op: str) -> dict[str, Any]:
        """What the bridge answers, asked on the caller's thread: a slow answer holds up no other work."""
        self.ask("connect").result()
        connected = self._connected
        if connected is None:
            raise self._leaving()
        answer = connected.link.request(op, timeout=QUESTION_LIMIT)
        return answer if isinstance(answer, dict) else {}

    def question(self, op: str) -> dict[str, Any]:
        """What the bridge answers, asked on the caller's thread: a slow answer holds up no other work."""
        self.ask("connect").result()
        connected = self._connected
        if connected is None:
            raise self._leaving()
        answer = connected.link.request(op, timeout=QUESTION_LIMIT)
        return answer if isinstance(answer, dict) else {}

    def close(self) -> None:
        """Ends the session; jobs on the host go on."""
        self._closing.set()
        self._wake.set()
        connected = self._connected
        if connected is not None:
            connected.link.close()

    @property
    def closing(self) -> bool:
        """Whether it is on its way out: it takes no more work."""
        return self._closing.is_set()

    @property
    def connected(self) -> bool:
        """Whether the bridge answers."""
        return self._connected is not None and self._connected.link.ended is None

    # The thread

    def run(self) -> None:
        """Connects when there is work and the backoff allows, serves, and starts over."""
        if self._after is not None:
            self._after.join()
            self._after = None
        while not self._closing.is_set():
            self._wake.clear()
            try:
                if not self._has_work():
                    self._wake.wait(30)
                    continue
                self.last_work = time.monotonic()
                if not self._wait_for_turn():
                    self._serve()
            except Exception as error:  # a fault of ours must not silence a host for good
                self._missed(error)
        with self._lock:
            self._over = True
        self._answer(self._leaving())

    def _has_work(self) -> bool:
        """Does what needs no host (stopping a job that never left); whether something remains that does."""
        return self._writer.run("jobs", settle_unreachable, self.host.name) or bool(self._asks)

    def _wait_for_turn(self) -> bool:
        """Waits out the backoff; True if woken meanwhile (then look again)."""
        _, due = self._writer.run("", hosts.backoff, self.host.name)
        wait = due - time.time()
        if wait <= 0 or wait > backoff.REFUSED or self._urgent.is_set():  # a clock that jumped must not stop us
            self._urgent.clear()
            return False
        self.doing = f"next try in {wait:.0f} s"
        woken = self._wake.wait(wait)
        return woken and not self._urgent.is_set()

    def _serve(self) -> None:
        self.doing = "connecting"
        self._renew = False
        self._writer.run("hosts", hosts.set_activity, self.host.name, "connecting")
        intake = Intake(self.host.name, self._home.path, self._writer, self.poke, self._fault)
        connected = connect(self.host, self._home, self._owner, self._writer, intake, self.poke)
        self._connected = connected
        try:
            self._urgent.clear()
            intake.clock = connected.clock
            self._writer.run("hosts", hosts.reached, self.host.name, connected.agent, connected.clock)
            self._work(connected, intake)
        finally:
            self._connected = None
            self.doing = "idle"
            connected.close()
        if connected.link.ended is not None and not self._renew and not self._closing.is_set():
            raise connected.link.ended

    def _work(self, connected: Connected, intake: Intake) -> None:
        dispatch = Dispatch(self.host, self._home, self._writer, connected, intake, self.poke)
        puller = Pulling(self.host.name, self._home, self._writer, connected, self.poke)
        try:
            while connected.link.ended is None and not self._renew and not self._closing.is_set():
                self._wake.clear()
                self._answer_asks(connected)
                busy = dispatch.pass_once()
                busy = puller.pass_once() or busy
                if busy:
                    self.last_work = time.monotonic()
                self.doing = "working" if busy else "idle"
                self._wake.wait(PASS_EVERY)
        finally:
            puller.cancel()
            dispatch.close()
            puller.close()

    def _answer_asks(self, connected: Connected) -> None:
        with self._lock:
            asks, self._asks = self._asks, []
        if not asks:
            return
        self.last_work = time.monotonic()
        try:
            facts = connected.facts
            errands = {ask.errand for ask in asks}
            if "install" in errands:
                install_rsync(connected.transport, self.host, facts)
                self._renew = True  # files have a better way from now on: the next connection takes it
            if errands - {"connect"}:
                facts = look(connected.transport, self.host, self._writer)
        except Exception as error:
            for ask in asks:
                ask.future.set_exception(error)
            if not isinstance(error, LtError):
                raise
            return
        for ask in asks:
            ask.future.set_result(facts)

    def _missed(self, error: Exception) -> None:
        if not isinstance(error, LtError):
            fault()
            error = LtError("internal", host=self.host.name, why=f"{type(error).__name__}: {error}")
        self._answer(error)
        try:
            failures, _ = self._writer.run("", hosts.backoff, self.host.name)
            refused = error.code in REFUSED
            due = time.time() + backoff.delay(failures + 1, refused)
            self._writer.run("hosts", hosts.missed, self.host.name, error, "refused" if refused else "unreachable", due)
        except sqlite3.Error as problem:  # a full disk, say: the pause is kept in memory alone
            note(f"{self.host.name}: {error}; not recorded: {problem}")
            self._closing.wait(UNWRITABLE_PAUSE)

    def _leaving(self) -> LtError:
        return LtError("host_unreachable", host=self.host.name, why="the controller is leaving")

    def _answer(self, error: LtError) -> None:
        with self._lock:
            asks, self._asks = self._asks, []
        for ask in asks:
            ask.future.set_exception(error)

    def _fault(self, why: str) -> None:
        """The stream can't be trusted to be whole: cut it and ask again from the cursors."""
        connected = self._connected
        if connected is not None:
            connected.link.close(LtError("host_unreachable", host=self.host.name, why=why))
