"""One host: its connection, and the work that is due there. A thread each; everything it does can be repeated."""

from __future__ import annotations

import sqlite3
import threading
import time
from concurrent.futures import Future, TimeoutError
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_inventory.model import Host

from ..client.closing import RETIRED
from ..home import Home
from ..journal import fault, note
from ..store import hosts, relocations
from ..store.due import on_host
from ..store.writer import Writer
from ..transport import logins_of
from . import backoff
from .answers import KEPT_FOR, Answerer, Ask, Memory
from .connect import Connected, connect
from .dispatch import Dispatch
from .errands import Errand, Errands
from .intake import Intake
from .offline import settle_unreachable
from .pulling import Pulling
from .sending import send
from .vault import Vault

IDLE = 120.0  # seconds without work before a connection is given up; one that a person made is kept for longer
PASS_EVERY = 10.0  # seconds between two looks at what is due: the floor under the wake-ups
QUESTION_LIMIT = 80.0  # seconds for an answer of the bridge that a person waits for
UNWRITABLE_PAUSE = 10.0  # seconds, where not even a failure can be noted
REFUSED = frozenset({"login_failed", "host_key_changed", "host_key_unknown", "key_unusable"})
# A person has to come to a terminal: `lt host connect`.
NEEDS_LOGIN = frozenset(
    {"login_needed", "login_wrong", "login_closed", "login_cancelled", "login_unanswered", "key_encrypted"}
    | {"passphrase_wrong"}
)


class HostSession(threading.Thread):
    """Keeps one host connected while there is work, and does the work."""

    def __init__(
        self,
        host: Host,
        home: Home,
        owner: str,
        writer: Writer,
        memory: Memory,
        vault: Vault,
        after: threading.Thread | None = None,
    ) -> None:
        """`memory`: what people answered to logins; `vault`: the jobs' secrets. `after`: the session that this one
        replaces; two at once would write into the same staging folders."""
        super().__init__(name=f"host-{host.name}", daemon=True)
        self.host = host
        self._home = home
        self._owner = owner
        self._writer = writer
        self._memory = memory
        self._vault = vault
        self._errands = Errands(host, home, writer, memory)
        self._wake = threading.Event()
        self._after = after
        self._closing = threading.Event()
        self._over = False
        self._urgent = threading.Event()
        self._asks: list[Errand] = []
        self._alone = True  # the present try to connect has no person to ask
        self._lock = threading.Lock()
        self._connected: Connected | None = None
        self.doing = "idle"
        self.sending = False  # somebody waits for a transfer that belongs to no job
        self.last_work = time.monotonic()

    # Called from other threads

    def poke(self, urgent: bool = False) -> None:
        """There may be work. `urgent`: a person waits, so the next try is now, whatever the backoff says."""
        if urgent:
            self._urgent.set()
        self._wake.set()

    def ask(self, errand: str, person: Ask | None = None, **params: Any) -> Future[dict[str, Any]]:
        """Connects if need be, does the errand; the future carries its answer, or the LtError why not.

        `person` answers what the login asks meanwhile.
        """
        ask = Errand(errand, params, person)
        with self._lock:
            if self._over:
                ask.future.set_exception(self._leaving())
            else:
                self._asks.append(ask)
        self.poke(urgent=True)
        return ask.future

    def answer(
        self, errand: str, person: Ask | None = None, limit: float | None = None, **params: Any
    ) -> dict[str, Any]:
        """What `ask` brings; within `limit` seconds for whoever has other things to do. Raises LtError."""
        try:
            return self.ask(errand, person, **params).result(limit)
        except TimeoutError:
            raise LtError("host_unreachable", host=self.host.name, why="timeout") from None

    def question(self, op: str, **params: Any) -> dict[str, Any]:
        """What the bridge answers, asked on the caller's thread: a slow answer holds up no other work."""
        self.ask("connect").result()
        connected = self._connected
        if connected is None:
            raise self._leaving()
        answer = connected.link.request(op, timeout=QUESTION_LIMIT, **params)
        return answer if isinstance(answer, dict) else {}

    def send(self, snapshots: list[dict[str, Any]], uv: bool) -> dict[str, Any]:
        """Brings snapshots there, on the caller's thread (`sending`)."""
        self.ask("connect").result()
        connected = self._connected
        if connected is None:
            raise self._leaving()
        self.sending = True
        try:
            return send(self.host, self._home, self._writer, connected, snapshots, uv)
        finally:
            self.last_work = time.monotonic()
            self.sending = False

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

    @property
    def by_person(self) -> bool:
        """Whether the connection stands on what a person answered."""
        connected = self._connected
        return connected is not None and not connected.transport.alone

    @property
    def patience(self) -> float:
        """Seconds without work after which the connection may go."""
        return KEPT_FOR if self.by_person or self.sending else IDLE

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
        retired = self.host.closed == RETIRED
        return self._writer.run("jobs", settle_unreachable, self.host.name, retired) or bool(self._asks)

    def _wait_for_turn(self) -> bool:
        """Waits out the backoff; True if woken meanwhile (then look again)."""
        _, due = self._writer.read(hosts.backoff, self.host.name)
        wait = due - time.time()
        if wait <= 0 or wait > backoff.REFUSED or self._urgent.is_set():  # a clock that jumped must not stop us
            self._urgent.clear()
            return False
        self.doing = f"next try in {wait:.0f} s"
        woken = self._wake.wait(wait)
        return woken and not self._urgent.is_set()

    def _serve(self) -> None:
        self.doing = "connecting"
        self._errands.renew = False
        self._writer.run("hosts", hosts.set_activity, self.host.name, "connecting")
        intake = Intake(self.host.name, self._home.path, self._writer, self.poke, self._fault)
        answers = Answerer(self._memory, self._person())
        self._alone = not answers.present
        connected = connect(self.host, self._home, self._owner, self._writer, intake, self.poke, answers)
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
        if connected.link.ended is not None and not self._errands.renew and not self._closing.is_set():
            raise connected.link.ended

    def _work(self, connected: Connected, intake: Intake) -> None:
        dispatch = Dispatch(self.host, self._home, self._writer, connected, intake, self.poke, self._vault)
        puller = Pulling(self.host.name, self._home, self._writer, connected, self.poke)
        try:
            while connected.link.ended is None and not self._errands.renew and not self._closing.is_set():
                self._wake.clear()
                self._answer_asks(connected)
                self._memory.touch(slot for login in logins_of(connected.transport) for slot in login.slots)
                found = self._writer.read(on_host, self.host.name)
                busy = dispatch.pass_once(found)
                if found.asks:  # a request may be that for a pull
                    found = self._writer.read(on_host, self.host.name)
                if found.pulls:
                    puller.wake()
                    busy = True
                if busy:
                    self.last_work = time.monotonic()
                self.doing = "working" if busy else "idle"
                self._wake.wait(PASS_EVERY)
        finally:
            puller.cancel()
            dispatch.cancel()
            connected.hang_up()  # who waits for the host, for an hour of hashing or for ever, waits no more
            dispatch.close()
            puller.close()

    def _answer_asks(self, connected: Connected) -> None:
        with self._lock:
            asks, self._asks = self._asks, []
        if not asks:
            return
        self.last_work = time.monotonic()
        self._errands.do(asks, connected)

    def _person(self) -> Ask | None:
        """Somebody who waits for this host at a terminal."""
        with self._lock:
            return next((errand.ask for errand in self._asks if errand.ask is not None), None)

    def _missed(self, error: Exception) -> None:
        if not isinstance(error, LtError):
            fault()
            error = LtError("internal", host=self.host.name, why=f"{type(error).__name__}: {error}")
        needs_login = error.code in NEEDS_LOGIN
        # Who came while this try was under way, with nobody to ask, is asked by the next one, which is due at once.
        self._answer(error, spare_people=needs_login and self._alone)
        try:
            failures, _ = self._writer.read(hosts.backoff, self.host.name)
            refused = error.code in REFUSED
            due = time.time() + backoff.delay(failures + 1, refused or needs_login)
            state = "needs_login" if needs_login else "refused" if refused else "unreachable"
            self._writer.run("hosts", hosts.missed, self.host.name, error, state, due)
            self._writer.run("", relocations.fences_tried, self.host.name)
        except sqlite3.Error as problem:  # a full disk, say: the pause is kept in memory alone
            note(f"{self.host.name}: {error}; not recorded: {problem}")
            self._closing.wait(UNWRITABLE_PAUSE)

    def _leaving(self) -> LtError:
        return LtError("host_unreachable", host=self.host.name, why="the controller is leaving")

    def _answer(self, error: LtError, spare_people: bool = False) -> None:
        with self._lock:
            asks, self._asks = self._asks, []
            if spare_people:
                self._asks = [ask for ask in asks if ask.ask is not None]
        for ask in asks:
            if spare_people and ask.ask is not None:
                continue
            ask.future.set_exception(error)

    def _fault(self, why: str) -> None:
        """The stream can't be trusted to be whole: cut it and ask again from the cursors."""
        connected = self._connected
        if connected is not None:
            connected.link.close(LtError("host_unreachable", host=self.host.name, why=why))
