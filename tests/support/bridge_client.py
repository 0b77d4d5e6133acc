"""A controller in miniature: starts a real bridge and speaks the frames with it over pipes."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lt_agent.protocol import frames
from lt_agent.protocol.errors import error_from_dict

from .wait import PATIENCE

AGENT = Path(__file__).resolve().parents[2] / "agent"
_MAIN = "import sys; sys.path.insert(0, sys.argv.pop(1)); from lt_agent.cli import main; sys.exit(main(sys.argv[1:]))"


def agent_argv(*words: str, python: str = sys.executable) -> list[str]:
    """The argv that runs an agent's command from this checkout."""
    return [python, "-c", _MAIN, str(AGENT), *words]


class BridgeClient:
    """One bridge process; `ask` for replies, `pushes` and `wait_push` for the rest. Use it with `with`.

    `read=False` takes nothing of what the bridge sends until `start_reading`, as a stuck link would.
    """

    def __init__(self, root: Path, lease_dir: Path, *, argv: Sequence[str] | None = None, read: bool = True) -> None:
        command = argv or agent_argv("bridge", "--root", str(root), "--lease-dir", str(lease_dir))
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        self.pushes: list[tuple[float, frames.Frame]] = []
        self.order: list[str] = []  # the types of all frames as they came
        self.received = 0  # bytes
        self._replies: dict[int, dict[str, Any]] = {}
        self._changed = threading.Condition()
        self._number = 0
        self._ended = False
        self._stderr: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._drain_stderr, daemon=True).start()
        self.send_raw(frames.MAGIC)
        if read:
            self.start_reading()

    def __enter__(self) -> BridgeClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start_reading(self) -> None:
        """Begins to take what the bridge sends, if `read=False` held it back."""
        threading.Thread(target=self._read, daemon=True).start()

    def send_raw(self, data: bytes) -> None:
        """Writes bytes as they are. Raises BrokenPipeError when the bridge is gone."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def post(self, op: str, **params: Any) -> int:
        """Sends a request without waiting; returns its number."""
        self._number += 1
        self.send_raw(frames.encode({"type": "request", "id": self._number, "op": op, **params}))
        return self._number

    def reply(self, number: int, timeout: float = 20.0) -> Any:
        """The result of a request that was posted. Raises the LtError it was answered with."""
        self._wait(lambda: number in self._replies, timeout, f"reply to {number}")
        reply = self._replies.pop(number)
        if not reply["ok"]:
            raise error_from_dict(reply["error"])
        return reply["result"]

    def ask(self, op: str, **params: Any) -> Any:
        """A request and its result. Raises the LtError it was answered with."""
        return self.reply(self.post(op, **params))

    def hello(self, slots: int = 1) -> dict[str, Any]:
        """The handshake, as owner `test`."""
        result = self.ask("hello", owner="test", version="test", slots=slots, gpus_wanted=[])
        assert isinstance(result, dict)
        return result

    def wait_push(self, matches: Callable[[frames.Frame], bool], timeout: float = 20.0, what: str = "") -> frames.Frame:
        """The first push that `matches`, waiting for it if it has not come yet."""
        found: list[frames.Frame] = []

        def look() -> bool:
            found.extend(frame for _, frame in self.pushes if matches(frame))
            return bool(found)

        self._wait(look, timeout, what or "a push")
        return found[0]

    def wait_type(self, kind: str, timeout: float = 20.0, **fields: Any) -> frames.Frame:
        """The first push of that type whose header has these fields."""
        wanted = {"type": kind, **fields}
        return self.wait_push(lambda frame: wanted.items() <= frame.header.items(), timeout, str(wanted))

    def stream(self, name: str, job: str | None = None, start: int = 0) -> bytes:
        """What came of a stream from offset `start`; asserts that no byte is missing or came twice."""
        data = bytearray()
        with self._changed:
            pushes = list(self.pushes)
        for _, frame in pushes:
            header = frame.header
            if header["type"] == "stream" and header["stream"] == name and job in (None, header["job"]):
                assert header["offset"] == start + len(data), (header, len(data))
                data += frame.payload
        return bytes(data)

    def stderr(self) -> str:
        """What the bridge has said on stderr so far."""
        found = b""
        while not self._stderr.empty():
            found += self._stderr.get()
        return found.decode("utf-8", "replace")

    def wait_end(self, timeout: float = 20.0) -> int:
        """The exit code, once the bridge has ended."""
        return self.process.wait(timeout * PATIENCE)

    def close(self) -> None:
        """Ends it by closing stdin, as a lost connection does."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _read(self) -> None:
        assert self.process.stdout is not None
        reader = frames.FrameReader()
        fd = self.process.stdout.fileno()
        while True:
            data = os.read(fd, 1 << 20)
            if not data:
                break
            self.received += len(data)
            found = list(reader.feed(data))
            with self._changed:
                for frame in found:
                    self.order.append(frame.header["type"])
                    if frame.header["type"] == "reply":
                        self._replies[frame.header["id"]] = frame.header
                    else:
                        self.pushes.append((time.monotonic(), frame))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _wait(self, ready: Callable[[], bool], timeout: float, what: str) -> None:
        timeout *= PATIENCE
        with self._changed:
            self._changed.wait_for(lambda: ready() or self._ended, timeout)
            if not ready():
                state = "the bridge has ended" if self._ended else f"not within {timeout} s"
                raise AssertionError(f"{what}: {state}; {self.stderr()}")

    def _drain_stderr(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._stderr.put(line)
