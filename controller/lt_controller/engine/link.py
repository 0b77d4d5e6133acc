"""The controller's end of a bridge: requests with replies, and a thread that hands on what the host pushes."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.frames import MAGIC, Frame, FrameReader, ProtocolError, encode

from ..store.told import host_error
from ..transport.base import Duplex

READ_SIZE = 4 << 20
PING_EVERY = 10.0  # seconds; a bridge that hears nothing for a minute takes its controller for gone
SILENT_LIMIT = 25.0  # seconds without a byte (the bridge beats every 5) before the link counts as dead


class BridgeLink:
    """One conversation with one bridge. Requests may come from any thread; pushes arrive on the reader's.

    A second thread keeps the link alive, finds out when it is dead, and is the one that closes the stream: `close`
    itself waits for nothing, so that anybody may call it, the writer's thread too.
    """

    def __init__(self, host: str, duplex: Duplex, on_push: Callable[[Frame], None], on_end: Callable[[], None]) -> None:
        self._host = host
        self._duplex = duplex
        self._on_push = on_push
        self._on_end = on_end
        self._numbers = itertools.count(1)
        self._open: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()  # over `_why` and `_open`, never held while something is sent
        self._sending = threading.Lock()
        self._over = threading.Event()
        self._why: LtError | None = None
        self._heard = time.monotonic()
        self._behind = False  # with what was received: the writer is full
        duplex.sendall(MAGIC)
        for target, name in ((self._read, "bridge"), (self._keep, "alive")):
            threading.Thread(target=target, name=f"{name}-{host}", daemon=True).start()

    @property
    def ended(self) -> LtError | None:
        """Why the link is over, or None while it stands."""
        return self._why

    def request(self, op: str, timeout: float = 60.0, **params: Any) -> Any:
        """Asks the bridge and waits. Raises the LtError it answers with, or `host_unreachable` if none comes."""
        number = next(self._numbers)
        future: Future[Any] = Future()
        with self._lock:
            if self._why is not None:
                raise self._why
            self._open[number] = future
        try:
            with self._sending:
                self._send(number, op, params)
            return self._wait(future, op, timeout)
        finally:
            self._open.pop(number, None)

    def close(self, why: LtError | None = None) -> None:
        """Ends the link; whoever waits for a reply gets `why`."""
        with self._lock:
            if self._why is not None:
                return
            self._why = why or self._gone("the connection was closed")
            waiting = list(self._open.values())
        for future in waiting:
            _settle(future, error=self._why)
        self._over.set()
        self._on_end()

    def _gone(self, why: str) -> LtError:
        return LtError("host_unreachable", host=self._host, why=why)

    def _send(self, number: int, op: str, params: dict[str, Any]) -> None:
        """Sends a request; a stream that does not take it is over."""
        try:
            self._duplex.sendall(encode({"type": "request", "id": number, "op": op, **params}))
        except (OSError, EOFError, LtError) as error:
            known = error if isinstance(error, LtError) else self._gone(str(error) or "the connection was cut")
            self.close(known)
            raise self._why or known from None

    def _wait(self, future: Future[Any], op: str, timeout: float) -> Any:
        while True:
            try:
                return future.result(timeout)
            except FutureTimeout:
                if not self._behind:  # else the answer may be here already, after much that has to be stored first
                    raise self._gone(f"no answer to `{op}` in {timeout:.0f} s") from None

    def _keep(self) -> None:
        while not self._over.wait(PING_EVERY):
            if not self._behind and time.monotonic() - self._heard > SILENT_LIMIT:
                self.close(self._gone("no sign of life"))
            elif self._sending.acquire(blocking=False):  # whoever is sending is heard as well
                try:
                    self._send(next(self._numbers), "ping", {})
                except LtError:
                    continue  # over
                finally:
                    self._sending.release()
        self._duplex.close()

    def _read(self) -> None:
        reader = FrameReader()
        why = "the connection was cut"
        try:
            while self._why is None:
                data = self._duplex.recv(READ_SIZE)
                self._heard = time.monotonic()
                if not data:
                    tail = self._duplex.stderr().decode("utf-8", "replace").strip()
                    why = tail[-400:] or why
                    break
                self._behind = True
                for frame in reader.feed(data):
                    self._take(frame)
                self._heard = time.monotonic()
                self._behind = False
        except ProtocolError as error:
            why = f"it does not speak lt's protocol: {error}"
        except (OSError, EOFError) as error:
            why = str(error) or why
        finally:
            self._behind = False
            self.close(self._gone(why))

    def _take(self, frame: Frame) -> None:
        if frame.header["type"] != "reply":
            self._on_push(frame)
            return
        number = frame.header.get("id")
        future = self._open.get(number) if isinstance(number, int) else None
        if future is None:
            return  # of a ping, or of a request that nobody waits for any more
        if frame.header.get("ok"):
            _settle(future, frame.header.get("result"))
        else:
            _settle(future, error=host_error(frame.header.get("error")))


def _settle(future: Future[Any], result: Any = None, error: LtError | None = None) -> None:
    with contextlib.suppress(InvalidStateError):  # a reply and the link's end may come at once
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
