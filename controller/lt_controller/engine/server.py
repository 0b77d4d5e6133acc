"""`controller.sock`: JSON lines between the controller and the clients of the same user."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lt_agent.protocol.errors import LtError

from ..journal import fault, note
from ..peer import peer_uid

MAX_LINE = 1 << 20
ACCEPT_PAUSE = 0.2  # seconds

Handler = Callable[[dict[str, Any]], Any]
Ask = Callable[[dict[str, Any], float], "list[str] | None"]
Conversing = Callable[[dict[str, Any], Ask], Any]


class Server:
    """Answers each request line on the thread of its connection. `subscribe` turns a connection into a listener.

    A request with `"answers": true` comes from somebody who can be asked while it is worked on: `conversing` gets it,
    with a function that puts a question to them.
    """

    def __init__(self, path: Path, handler: Handler, conversing: Conversing | None = None) -> None:
        self._path = path
        self._handler = handler
        self._conversing = conversing
        self._subscribers: set[_Subscriber] = set()
        self._lock = threading.Lock()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.parent.lstat()  # of a deep home it is a temporary folder, which anybody may have made first
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
            raise LtError("home_unusable", path=str(path.parent), why="it belongs to another user")
        path.unlink(missing_ok=True)
        self._closed = False
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(os.fspath(path))
        path.chmod(0o600)  # before anybody can connect; a umask would be that of all threads
        self._socket.listen(64)
        threading.Thread(target=self._accept, name="socket", daemon=True).start()

    @property
    def subscribers(self) -> int:
        """How many are listening: while somebody watches, the controller stays."""
        return len(self._subscribers)

    def announce(self, topics: set[str]) -> None:
        """Tells the listeners what has changed; never blocks."""
        with self._lock:
            for subscriber in self._subscribers:
                subscriber.add(topics)

    def close(self) -> None:
        """Stops listening and removes the socket; requests that have come in are still answered."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept(); close alone would not
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError as error:
                if self._closed:
                    return
                note(f"controller.sock: {error}")  # out of descriptors, say: it passes, and nobody else listens
                time.sleep(ACCEPT_PAUSE)
                continue
            if peer_uid(connection) not in (os.getuid(), None):
                connection.close()
                continue
            threading.Thread(target=self._serve, args=(connection,), name="client", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError), connection.makefile("rb") as lines:
            while line := lines.readline(MAX_LINE):
                request = _parse(line)
                if request is None:
                    return
                if request.get("op") == "subscribe":
                    self._listen(connection, lines)
                    return
                connection.sendall(self._answer(request, connection, lines))

    def _answer(self, request: dict[str, Any], connection: socket.socket, lines: Any) -> bytes:
        answer: dict[str, Any] = {"id": request.get("id"), "ok": True}
        try:
            if request.get("answers") is True and self._conversing is not None:
                answer["result"] = self._conversing(request, _asking(request.get("id"), connection, lines))
            else:
                answer["result"] = self._handler(request)
        except LtError as error:
            answer.update(ok=False, error=error.as_dict())
        except Exception as error:
            fault()
            answer.update(ok=False, error=LtError("internal", why=f"{type(error).__name__}: {error}").as_dict())
        return json.dumps(answer, ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n"

    def _listen(self, connection: socket.socket, lines: Any) -> None:
        subscriber = _Subscriber(connection)
        with self._lock:
            self._subscribers.add(subscriber)
        try:
            connection.sendall(b'{"subscribed":true}\n')
            threading.Thread(target=subscriber.run, name="listener", daemon=True).start()
            lines.read(1)  # returns when the listener goes away
        finally:
            with self._lock:
                self._subscribers.discard(subscriber)
            subscriber.close()


def _asking(number: Any, connection: socket.socket, lines: Any) -> Ask:
    """Asks whoever sent request `number`: a line `{"id", "ask"}` goes out, one `{"id", "answer": [text, …]}` comes."""

    def ask(question: dict[str, Any], limit: float) -> list[str] | None:
        connection.sendall(json.dumps({"id": number, "ask": question}, ensure_ascii=True).encode() + b"\n")
        if not select.select([connection], [], [], limit)[0]:
            raise TimeoutError
        answer = (_parse(lines.readline(MAX_LINE)) or {}).get("answer")
        whole = isinstance(answer, list) and all(isinstance(text, str) for text in answer)
        return answer if whole else None

    return ask


class _Subscriber:
    """Topics that wait to be told; several commits while one line is on its way become one line."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._topics: set[str] = set()
        self._news = threading.Condition()
        self._open = True

    def add(self, topics: set[str]) -> None:
        with self._news:
            self._topics |= topics
            self._news.notify()

    def close(self) -> None:
        with self._news:
            self._open = False
            self._news.notify()

    def run(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._topics or not self._open)
                if not self._open:
                    return
                topics, self._topics = self._topics, set()
            try:
                self._connection.sendall(json.dumps({"changed": sorted(topics)}).encode() + b"\n")
            except OSError:
                return


def somebody_listens(path: Path) -> bool:
    """Whether a controller answers there; a socket that one left behind does not."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(5)
        try:
            connection.connect(os.fspath(path))
        except OSError:
            return False
    return True


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
