"""Host `local`: the same agent and the same code path, with a subprocess in place of SSH."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from lt_agent.protocol.errors import LtError

from .base import Completed
from .dial import unreachable

STDERR_TAIL = 8192


class LocalTransport:
    """The `Transport` of this very machine. There is no connection, so it is alive from `connect` to `close`."""

    def __init__(self, name: str = "local") -> None:
        self.name = name
        self.alone = True  # nobody logs in
        self._open = False
        self._streams: list[LocalStream] = []

    def connect(self, timeout: float = 20.0) -> None:
        """Nothing to do but to remember it."""
        self._open = True

    def close(self) -> None:
        """Ends the streams that are still open."""
        self._open = False
        streams, self._streams = self._streams, []
        for stream in streams:
            stream.close()

    def alive(self) -> bool:
        """Whether `connect` was called and `close` was not."""
        return self._open

    def run(self, argv: Sequence[str], input: bytes = b"", timeout: float = 60.0) -> Completed:
        """Runs `argv` to its end in the person's home folder. Exit 127 where the program is missing, as a shell says.

        Raises LtError `command_timeout`.
        """
        try:
            done = subprocess.run(list(argv), input=input, capture_output=True, timeout=timeout, cwd=Path.home())
        except subprocess.TimeoutExpired:
            raise LtError("command_timeout", host=self.name, command=argv[0], seconds=timeout) from None
        except OSError as error:
            return Completed(127, b"", str(error).encode())
        return Completed(max(done.returncode, -1), done.stdout, done.stderr)

    def open(self, argv: Sequence[str]) -> LocalStream:
        """Starts `argv`. Raises LtError `host_unreachable` where it cannot be started."""
        if not self._open:
            raise unreachable(self.name, self.name, "connection_lost")
        try:
            process = subprocess.Popen(
                list(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=Path.home(),
                start_new_session=True,  # Ctrl-C in `lt controller run` is for the controller alone
            )
        except OSError as error:
            raise unreachable(self.name, argv[0], "not_started", detail=error.strerror or "") from None
        stream = LocalStream(process, self.name)
        self._streams = [*(old for old in self._streams if old.running), stream]
        return stream


class LocalStream:
    """The `Duplex` of one subprocess."""

    def __init__(self, process: subprocess.Popen[bytes], host: str) -> None:
        self._process = process
        self._host = host
        self._tail = b""
        self._reader = threading.Thread(target=self._read_stderr, daemon=True)
        self._reader.start()

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def recv(self, size: int = 65536) -> bytes:
        """The next bytes; b"" at the end of the output."""
        try:
            return (self._process.stdout.read(size) if self._process.stdout else None) or b""
        except (OSError, ValueError):  # closed by another thread
            return b""

    def sendall(self, data: bytes) -> None:
        """Sends all of `data`. Raises LtError `host_unreachable` when the process is gone."""
        view = memoryview(data)
        try:
            while view and self._process.stdin is not None:
                view = view[self._process.stdin.write(view) or 0 :]
        except (OSError, ValueError):
            raise unreachable(self._host, self._host, "connection_lost") from None

    def close_input(self) -> None:
        """Tells the process that its input is at its end."""
        try:
            if self._process.stdin is not None:
                self._process.stdin.close()
        except OSError:
            return

    def close(self) -> None:
        """Ends the input, then the process, and wakes a thread that receives from it."""
        self.close_input()
        if self.running:
            # The end of its input is the polite word; a process that does not take it is told twice.
            try:
                self._process.wait(timeout=0.2)
            except subprocess.TimeoutExpired:
                self._process.terminate()
                try:
                    self._process.wait(timeout=2)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()

    def stderr(self) -> bytes:
        """The last 8 KiB of standard error."""
        return self._tail

    def exit_status(self, timeout: float = 10.0) -> int | None:
        """The exit code, -1 for a signal, None while it runs."""
        try:
            return max(self._process.wait(timeout), -1)
        except subprocess.TimeoutExpired:
            return None

    def _read_stderr(self) -> None:
        pipe = self._process.stderr
        while pipe is not None and (data := pipe.read(4096)):
            self._tail = (self._tail + data)[-STDERR_TAIL:]
