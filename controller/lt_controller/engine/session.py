"""One host: its connection, and the work that is due there. A thread each; everything it does can be repeated."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_inventory.model import Host

from ..home import Home
from ..store import hosts
from ..store.writer import Writer
from . import backoff
from .connect import Connected, connect, look
from .dispatch import Dispatch, settle_offline
from .intake import Intake
from .pulling import Pulling

PING_EVERY = 10.0  # seconds
SILENT_LIMIT = 25.0  # seconds without a byte (the bridge beats every 5) before the link counts as dead
REFUSED = frozenset({"login_failed", "host_key_changed", "host_key_unknown", "key_unusable"})


@dataclass
class _Ask:
    """A question over the socket: connect and, if `probe`, look at the host anew."""

    probe: bool
    future: Future[dict[str, Any]] = field(default_factory=Future)


class HostSession(threading.Thread):
    """Keeps one host connected while there is work, and does the work."""

    def __init__(self, host: Host, home: Home, owner: str, writer: Writer) -> None:
        super().__init__(name=f"host-{host.name}", daemon=True)
        self.host = host
        self._home = home
        self._owner = owner
        self._writer = writer
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._urgent = threading.Event()
        self._asks: list[_Ask] = []
        self._lock = threading.Lock()
        self._connected: Connected | None = None
        self.doing = "idle"
        self.last_work = time.monotonic()

    # Called from other threads

    def poke(self, urgent: bool = False) -> None:
        """There may be work. `urgent`: a person waits, so the next try is now, whatever the backoff says."""
        if urgent:
            self._urgent.set()
        self._wake.set()

    def ask(self, probe: bool) -> Future[dict[str, Any]]:
        """Connects if need be; the future carries the host's facts, or the LtError that says why not."""
        ask = _Ask(probe)
        with self._lock:
            self._asks.append(ask)
        self.poke(urgent=True)
        return ask.future

    def close(self) -> None:
        """Ends the session; jobs on the host go on."""
        self._closing.set()
        self._wake.set()
        connected = self._connected
        if connected is not None:
            connected.link.close()

    @property
    def connected(self) -> bool:
        """Whether the bridge answers."""
        return self._connected is not None and self._connected.link.ended is None

    # The thread

    def run(self) -> None:
        """Connects when there is work and the backoff allows, serves, and starts over."""
        while not self._closing.is_set():
            self._wake.clear()
            if not self._settle_offline() and not self._asks:
                self._wake.wait(30)
                continue
            self.last_work = time.monotonic()
            if self._wait_for_turn():
                continue
            try:
                self._serve()
            except LtError as error:
                self._missed(error)
            except Exception as error:  # a fault of ours must not silence a host for good
                import traceback

                traceback.print_exc()
                self._missed(LtError("internal", host=self.host.name, why=f"{type(error).__name__}: {error}"))
            finally:
                self._disconnect()
        self._answer(LtError("host_unreachable", host=self.host.name, why="leaving"))

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
        self._writer.run("hosts", hosts.set_activity, self.host.name, "connecting")
        intake = Intake(self.host.name, self._writer, self.poke, self._fault)
        connected = connect(self.host, self._home, self._owner, self._writer, intake, self.poke)
        self._connected = connected
        intake.clock = connected.clock
        self._writer.run("hosts", hosts.reached, self.host.name, connected.agent, connected.clock)
        dispatch = Dispatch(self.host, self._home, self._writer, connected, intake, self.poke)
        puller = Pulling(self.host.name, self._home, self._writer, connected, self.poke)
        try:
            self._loop(connected, dispatch, puller)
        finally:
            dispatch.close()
            puller.close()
        if connected.link.ended is not None and not self._closing.is_set():
            raise connected.link.ended

    def _loop(self, connected: Connected, dispatch: Dispatch, puller: Pulling) -> None:
        link = connected.link
        pinged = time.monotonic()
        while link.ended is None and not self._closing.is_set():
            self._wake.clear()
            self._answer_asks(connected)
            busy = dispatch.pass_once()
            busy = puller.pass_once() or busy
            if busy:
                self.last_work = time.monotonic()
            self.doing = "working" if busy else "idle"
            self._wake.wait(max(0.0, PING_EVERY - (time.monotonic() - pinged)))
            if time.monotonic() - pinged >= PING_EVERY:
                pinged = time.monotonic()
                if link.silent_for() > SILENT_LIMIT:
                    link.close(LtError("host_unreachable", host=self.host.name, why="silent"))
                    return
                link.request("ping", timeout=SILENT_LIMIT)

    def _answer_asks(self, connected: Connected) -> None:
        with self._lock:
            asks, self._asks = self._asks, []
        if not asks:
            return
        self.last_work = time.monotonic()
        try:
            facts = connected.facts
            if any(ask.probe for ask in asks):
                facts = look(connected.transport, self.host, self._writer)
        except LtError as error:
            for ask in asks:
                ask.future.set_exception(error)
            return
        for ask in asks:
            ask.future.set_result(facts)

    def _settle_offline(self) -> bool:
        """Does what needs no host (stopping a job that never left); whether work remains that does."""
        return settle_offline(self._writer, self.host.name)

    def _missed(self, error: LtError) -> None:
        self._answer(error)
        failures, _ = self._writer.run("", hosts.backoff, self.host.name)
        refused = error.code in REFUSED
        due = time.time() + backoff.delay(failures + 1, refused)
        self._writer.run("hosts", hosts.missed, self.host.name, error, "refused" if refused else "unreachable", due)

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

    def _disconnect(self) -> None:
        connected, self._connected = self._connected, None
        if connected is not None:
            connected.close()
        self.doing = "idle"
