"""A TCP relay in user space: the link between laptop and host, which tests cut, delay and silence."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections import deque
from types import TracebackType

SEGMENT = 1448  # bytes of a stream that one packet carries
PATIENCE = 0.2  # seconds, and two latencies, until TCP sends again what was lost


class Relay:
    """Listens on a free port of loopback (`port`) and carries each connection to `target`.

    `latency` seconds are added in each direction. `loss` is the share of packets lost: what TCP makes of it is a wait
    until the packet is sent again, for that one and all behind it, and so it is here. `rate` bytes a second pass, for
    each connection and direction. `cut_after` bytes, counted over both directions of all connections, everything is
    cut, once.
    """

    def __init__(
        self,
        target: int,
        *,
        address: str = "127.0.0.1",
        latency: float = 0.0,
        loss: float = 0.0,
        rate: float | None = None,
        cut_after: int | None = None,
    ) -> None:
        self.target = target
        self.address = address
        self.latency = latency
        self.loss = loss
        self.rate = rate
        self.cut_after = cut_after
        self.carried = 0  # bytes, both directions
        self.accepted = 0  # connections
        self.cuts = 0
        self._refusing = False
        self._silent = threading.Event()
        self._lock = threading.Lock()
        self._links: list[_Link] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Resets every connection, and resets new ones until `heal`."""
        self._refusing = True
        self.reset()

    def reset(self) -> None:
        """Resets every connection; new ones are carried again at once."""
        with self._lock:
            links, self._links = self._links, []
        self.cuts += 1
        for link in links:
            link.reset()

    def silence(self) -> None:
        """Drops all bytes without a word, on old and new connections, until `heal`: a half-open link.

        What was dropped is lost, so `heal` resets the connections that stood during the silence.
        """
        self._silent.set()

    def heal(self) -> None:
        """Carries again."""
        if self._silent.is_set():
            self.reset()
            self._silent.clear()
        self._refusing = False

    def close(self) -> None:
        """Ends the relay and its connections."""
        # shutdown wakes the thread in accept(); close alone would not
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            self.accepted += 1
            if self._refusing:
                _reset(near)
                continue
            try:
                far = socket.create_connection((self.address, self.target), timeout=20)
                far.settimeout(None)
            except OSError:
                _reset(near)
                continue
            link = _Link(self, near, far)
            with self._lock:
                self._links.append(link)
            link.start()

    def resending(self, size: int) -> float:
        """Seconds that `size` bytes wait for lost packets: those of one burst are sent again together."""
        if not self.loss:
            return 0.0
        wait, left = 0.0, -(-size // SEGMENT)
        while left := sum(random.random() < self.loss for _ in range(left)):
            wait = wait * 2 + PATIENCE + 2 * self.latency
        return wait

    def count(self, size: int) -> bool:
        """Counts `size` bytes about to be carried; False if they must not be (silence, or the limit reached)."""
        if self._silent.is_set():
            return False
        with self._lock:
            self.carried += size
            over = self.cut_after is not None and self.carried > self.cut_after
            if over:
                self.cut_after = None
        if over:
            self.reset()
        return not over


class _Link:
    def __init__(self, relay: Relay, near: socket.socket, far: socket.socket) -> None:
        self._relay = relay
        self._near = near
        self._far = far
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start(self) -> None:
        for a, b in ((self._near, self._far), (self._far, self._near)):
            pump = self._pump_late if self._relay.latency or self._relay.loss else self._pump
            threading.Thread(target=pump, args=(a, b), daemon=True).start()

    def reset(self) -> None:
        _reset(self._near)
        _reset(self._far)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(1 << 18 if self._relay.rate is None else 1 << 14):
                if self._relay.rate is not None:
                    time.sleep(len(data) / self._relay.rate)
                if self._relay.count(len(data)):
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            self.reset()

    def _pump_late(self, source: socket.socket, sink: socket.socket) -> None:
        queue: deque[tuple[float, bytes]] = deque()
        ready = threading.Condition()

        def deliver() -> None:
            try:
                while True:
                    with ready:
                        ready.wait_for(lambda: queue)
                        due, data = queue.popleft()
                    time.sleep(max(0.0, due - time.monotonic()))
                    if not data:
                        sink.shutdown(socket.SHUT_WR)
                        return
                    if self._relay.count(len(data)):
                        sink.sendall(data)
            except OSError:
                self.reset()

        threading.Thread(target=deliver, daemon=True).start()
        data, due, sent = b"?", 0.0, 0.0
        while data:
            try:
                data = source.recv(1 << 18)
            except OSError:
                data = b""
            sent = max(sent, time.monotonic()) + (len(data) / self._relay.rate if self._relay.rate else 0.0)
            due = max(due, sent + self._relay.latency + self._relay.resending(len(data)))
            with ready:
                queue.append((due, data))
                ready.notify()


def _reset(end: socket.socket) -> None:
    # SO_LINGER 0 makes close send a reset; shutdown first wakes a thread that sits in recv on it.
    try:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    end.close()
