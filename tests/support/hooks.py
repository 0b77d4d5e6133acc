"""A real HTTP server that stands for Slack, Feishu, DingTalk or somebody's own: it keeps what it was sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Got:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def value(self) -> Any:
        """Its JSON."""
        return json.loads(self.body)


#: Given a request and its number (from 0): (status, body) or (status, body, headers).
Answer = Callable[[Got, int], tuple[Any, ...]]

OK: dict[str, tuple[int, bytes]] = {
    "slack": (200, b"ok"),
    "feishu": (200, b'{"code":0,"msg":"success","data":{}}'),
    "dingtalk": (200, b'{"errcode":0,"errmsg":"ok"}'),
    "webhook": (204, b""),
}
"""What each service answers when it has taken a message."""


@dataclass
class Hooks:
    """The server's address, what came, and how it answers from now on."""

    url: str = ""
    answer: Answer = field(default=lambda got, number: OK["slack"])
    got: list[Got] = field(default_factory=list)

    @property
    def values(self) -> list[Any]:
        """The JSON of all that came."""
        return [one.value for one in list(self.got)]


@contextmanager
def hooks(answer: Answer | None = None) -> Iterator[Hooks]:
    """Runs one on a free port of this machine."""
    made = Hooks()
    if answer is not None:
        made.answer = answer
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            got = Got(self.path, {key.lower(): value for key, value in self.headers.items()}, body)
            with lock:
                number = len(made.got)
                made.got.append(got)
            status, text, *more = made.answer(got, number)
            try:
                self.send_response(status)
                for key, value in (more[0] if more else {}).items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
            except OSError:
                return  # who asked has gone

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
