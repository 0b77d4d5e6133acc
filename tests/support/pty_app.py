"""The terminal UI as a process on a real pty."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from fcntl import ioctl
from pathlib import Path

import psutil


class PtyApp:
    """`python -m lt_tui` on a pty of 140 × 40."""

    def __init__(self, folder: Path, home: Path, before: str = "") -> None:
        """`before`: Python that runs first in the same process."""
        self._master, slave = pty.openpty()
        ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
        code = f"{before}\nfrom lt_tui.app import LtApp; LtApp({str(home)!r}, keep_controller=False).run()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=folder,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "LT_LANG": "en", "COLORTERM": "truecolor"},
        )
        os.close(slave)
        self.seen = b""

    def _read(self, seconds: float) -> bool:
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:
            return False
        self.seen += data
        return bool(data)

    def until(self, wanted: bytes, seconds: float = 90.0) -> None:
        """Reads until `wanted` has come."""
        deadline = time.monotonic() + seconds
        while wanted not in self.seen:
            assert time.monotonic() < deadline, f"{wanted!r} never came: {self.seen[-3000:]!r}"
            self._read(0.2)

    def settle(self) -> None:
        """Reads until nothing has come for a while."""
        deadline = time.monotonic() + 8.0
        while self._read(0.7) and time.monotonic() < deadline:
            pass

    def drain(self, seconds: float) -> None:
        """Reads for so long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._read(left)

    def cpu(self) -> float:
        """CPU seconds of the process so far."""
        used = psutil.Process(self.process.pid).cpu_times()
        return float(used.user + used.system)

    def hang_up(self) -> None:
        """The terminal goes away, as if its window had been closed."""
        os.close(self._master)
        self._master = -1

    def type(self, keys: str) -> None:
        """Presses keys; after a single one nothing is waited for."""
        os.write(self._master, keys.encode())

    def close(self) -> None:
        """Ends it, reading what it still says."""
        if self._master >= 0:
            os.write(self._master, b"\x1b")
            self.settle()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        if self._master >= 0:
            self._read(1.0)
        self.process.kill()
        self.process.wait(30)
        if self._master >= 0:
            os.close(self._master)
