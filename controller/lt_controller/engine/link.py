"""The controller's end of a bridge: requests with replies, and a thread that hands on what the host pushes."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

from lt_agent.protocol.errors import LtError, error_from_dict
from lt_agent.protocol.frames import MAGIC, Frame, FrameReader, ProtocolError, encode

from ..transport.base import Duplex

READ_SIZE = 4 << 20


class BridgeLink:
    """One conversation with one bridge. Requests may come from any thread; pushes arrive on the reader's."""

    def __init__(self, host: str, duplex: Duplex, on_push: Callable[[Frame], None], on_end: Callable[[], None]) -> None:
        self._host = host
        self._duplex = duplex
        self._on_push = on_push
        self._on_end = on_end
        self._numbers = itertools.count(1)
        self._open: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._why: LtError | None = None
        self._heard = time.monotonic()
        self._busy = False
        duplex.sendall(MAGIC)
        self._thread = threading.Thread(target=self._read, name=f"bridge-{host}", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> LtError | None:
        """Why the link is over, or None while it stands."""
        return self._why

    def silent_for(self) -> float:
        """Seconds since the last byte; 0 while we ourselves are behind with what was received."""
        return 0.0 if self._busy else time.monotonic() - self._heard

    def request(self, op: str, timeout: float = 60.0, **params: Any) -> Any:
        """Asks the bridge and waits. Raises the LtError it answers with, or `host_unreachable` if none comes."""
        number = next(self._numbers)
        future: Future[Any] = Future()
        with self._lock:
            if self._why is not None:
                raise self._why
            self._open[number] = future
        try:
            frame = encode({"type": "request", "id": number, "op": op, **params})
            with self._lock:
                self._duplex.sendall(frame)
            return future.result(timeout)
        except FutureTimeout:
            raise LtError("host_unreachable", host=self._host, why=f"no answer to `{op}` in {timeout:.0f} s") from None
        except (OSError, EOFError) as error:
            self.close(LtError("host_unreachable", host=self._host, why=str(error) or "the connection was cut"))
            raise LtError("host_unreachable", host=self._host, why=str(error)) from None
        finally:
            self._open.pop(number, None)

    def close(self, why: LtError | None = None) -> None:
        """Ends the link; whoever waits for a reply gets `why`."""
        with self._lock:
            first = self._why is None
            if first:
                self._why = why or LtError("host_unreachable", host=self._host, why="the connection was closed")
            waiting = list(self._open.values())
        if not first:
            return
        self._duplex.close()
        for future in waiting:
            if not future.done():
                future.set_exception(self._why or LtError("host_unreachable", host=self._host))
        self._on_end()

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
                self._busy = True
                for frame in reader.feed(data):
                    self._take(frame)
                self._busy = False
        except ProtocolError as error:
            why = f"it does not speak lt's protocol: {error}"
        except (OSError, EOFError) as error:
            why = str(error) or why
        finally:
            self._busy = False
            self.close(LtError("host_unreachable", host=self._host, why=why))

    def _take(self, frame: Frame) -> None:
        if frame.header["type"] != "reply":
            self._on_push(frame)
            return
        future = self._open.get(frame.header.get("id", 0))
        if future is None or future.done():
            return
        if frame.header.get("ok"):
            future.set_result(frame.header.get("result"))
        else:
            error = frame.header.get("error")
            future.set_exception(error_from_dict(error if isinstance(error, dict) else {}))
