"""A bridge made of a thread, at the other end of a socket: for the controller's side of the conversation."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.frames import MAGIC, Frame, FrameReader, encode
from lt_controller.engine.link import BridgeLink


class SocketDuplex:
    """One end of a socket pair as the transport's stream."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def recv(self, size: int = 65536) -> bytes:
        return self._end.recv(size)

    def sendall(self, data: bytes) -> None:
        self._end.sendall(data)

    def close_input(self) -> None:
        with contextlib.suppress(OSError):
            self._end.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)

    def stderr(self) -> bytes:
        return b""

    def exit_status(self, timeout: float = 10.0) -> int | None:
        return None


class Peer:
    """`answer` gets each request's header and gives the bytes to send."""

    def __init__(
        self,
        answer: Callable[[dict[str, Any]], bytes] | None,
        greeting: bytes = MAGIC,
        on_push: Callable[[Frame], None] | None = None,
    ) -> None:
        """Without an `answer` it does not even read."""
        self.ours, theirs = socket.socketpair()
        self.pushed: list[Frame] = []
        self.asked: list[dict[str, Any]] = []  # the requests so far, but for the pings
        self.ended = threading.Event()
        self.ours.sendall(greeting)
        if answer is not None:
            threading.Thread(target=self._serve, args=(answer,), daemon=True).start()
        self.link = BridgeLink("h", SocketDuplex(theirs), on_push or self.pushed.append, self.ended.set)

    def asked_for(self, op: str) -> list[dict[str, Any]]:
        """The requests of one kind."""
        return [request for request in self.asked if request["op"] == op]

    def _serve(self, answer: Callable[[dict[str, Any]], bytes]) -> None:
        reader = FrameReader()
        while data := self.ours.recv(65536):
            for frame in reader.feed(data):
                if frame.header.get("op") != "ping":
                    self.asked.append(frame.header)
                self.ours.sendall(answer(frame.header))


def reply(request: dict[str, Any], **result: object) -> bytes:
    """The frame that answers a request."""
    return encode({"type": "reply", "id": request["id"], "ok": True, "result": result})


def refuse(request: dict[str, Any], code: str, **params: object) -> bytes:
    """The frame that answers it with an error."""
    return encode({"type": "reply", "id": request["id"], "ok": False, "error": LtError(code, **params).as_dict()})
