"""A command on a terminal of its own, with somebody who reads and types."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from support.wait import PATIENCE

_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")


class Terminal:
    """Runs `argv` with a pseudo-terminal as its controlling one.

    `screen` is all that it has printed so far, with its control sequences if `raw`.
    """

    def __init__(
        self, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, patience: float = 60.0, raw: bool = False
    ) -> None:
        self._patience = patience * PATIENCE
        self._raw = raw
        self._master, slave = pty.openpty()
        self.screen = ""
        self._read_to = 0
        self._process = subprocess.Popen(
            list(argv),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**env, "TERM": "xterm"},
            cwd=cwd,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(slave)

    def expect(self, text: str) -> str:
        """Waits until `text` is printed, after what was expected before; all up to it."""
        deadline = time.monotonic() + self._patience
        while text not in self.screen[self._read_to :]:
            if not self._more(deadline):
                raise AssertionError(f"{text!r} never came; the screen:\n{self.screen}")
        end = self.screen.index(text, self._read_to) + len(text)
        before, self._read_to = self.screen[self._read_to : end], end
        return before

    def type(self, text: str) -> None:
        """Types a line. A question that hides its answer throws away what was typed before it was asked: expect it."""
        os.write(self._master, text.encode() + b"\n")

    def press(self, key: bytes) -> None:
        """Types a key, as it is: b"\\x03" is Ctrl-C."""
        os.write(self._master, key)

    def end(self) -> int:
        """Waits for the end; the exit code."""
        deadline = time.monotonic() + self._patience
        while self._more(deadline):
            pass
        return self._process.wait(max(1.0, deadline - time.monotonic()))

    def close(self) -> None:
        """Ends it if need be."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _more(self, deadline: float) -> bool:
        """Reads what is there; False at the end. Raises AssertionError when nothing comes for too long."""
        while not select.select([self._master], [], [], 0.25)[0]:
            if self._process.poll() is not None:
                return False
            if time.monotonic() > deadline:
                raise AssertionError(f"nothing more came; the screen:\n{self.screen}")
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux says EIO when the last process has closed the terminal
            return False
        text = data.decode(errors="replace")
        self.screen += text if self._raw else _CODES.sub("", text)
        return bool(data)


def _take_terminal() -> None:
    """In the child, already a session leader: makes the terminal its controlling one, so that /dev/tty is this."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
