"""The byte stream of one SSH channel, read raw: Fabric's own runner is a hundred times slower."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import paramiko

from .base import Completed
from .dial import unreachable

WINDOW = 8 << 20  # bytes a stream may have in flight: 2 MiB, paramiko's own, holds 50 ms lines to 40 MB/s
STDERR_TAIL = 8192
MOST_SAID = 64 << 20  # bytes of a command's output; facts have some kilobytes, a list of 500,000 files 40 MB


class ChannelStream:
    """The `Duplex` of a command that runs in a session of its own."""

    def __init__(self, channel: paramiko.Channel, host: str, address: str) -> None:
        self._channel = channel
        self._host = host
        self._address = address
        self._tail = b""

    def recv(self, size: int = 65536) -> bytes:
        """The next bytes; b"" at the end of the output or of the connection."""
        try:
            data = self._channel.recv(size)
        except (OSError, EOFError):
            data = b""
        self._drain_stderr()
        return data

    def sendall(self, data: bytes) -> None:
        """Sends all of `data`. Raises LtError `host_unreachable`."""
        try:
            _send(self._channel, data)
        except (OSError, EOFError, paramiko.SSHException):
            raise unreachable(self._host, self._address, "connection_lost") from None

    def close_input(self) -> None:
        """Tells the command that its input is at its end; its output can still be read."""
        if self._channel.exit_status_ready():
            return  # sshd ends the whole connection for an end of input that comes after a channel's close
        try:
            self._channel.shutdown_write()
        except (OSError, EOFError, paramiko.SSHException):
            return

    def close(self) -> None:
        """Ends the channel and wakes a thread that receives from it."""
        try:
            self._channel.close()
        except (OSError, EOFError, paramiko.SSHException):
            return

    def stderr(self) -> bytes:
        """The last 8 KiB of standard error."""
        self._drain_stderr()
        return self._tail

    def exit_status(self, timeout: float = 10.0) -> int | None:
        """The command's exit code, -1 if a signal or the connection ended it, None if it still runs."""
        if not self._channel.status_event.wait(timeout):
            return None
        return self._channel.recv_exit_status()

    def finish(self, input: bytes, deadline: float) -> Completed:
        """Sends `input` and its end, if there is any, and reads everything until `deadline` (monotonic).

        Raises TimeoutError, LtError.
        """
        if len(input) >= WINDOW // 16:
            threading.Thread(target=self._send_all, args=(input,), daemon=True).start()
        elif input:
            self._send_all(input)  # fits the server's window: no thread needed
        stdout = self._read(self._channel.recv, deadline, MOST_SAID)
        stderr = self._read(self._channel.recv_stderr, deadline, MOST_SAID)
        if not self._channel.status_event.wait(max(0.0, deadline - time.monotonic())):
            raise TimeoutError
        code = self._channel.recv_exit_status()
        transport = self._channel.get_transport()
        if code == -1 and not transport.is_active():
            raise unreachable(self._host, self._address, "connection_lost")
        return Completed(code, stdout, stderr)

    def _send_all(self, data: bytes) -> None:
        try:
            _send(self._channel, data)
            self._channel.shutdown_write()
        except (OSError, EOFError, paramiko.SSHException):
            return  # the command closed its input, or the connection is gone: reading shows which

    def _read(self, receive: Any, deadline: float, most: int) -> bytes:
        pieces: list[bytes] = []
        while True:
            self._channel.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                data: bytes = receive(1 << 18)
            except socket.timeout:  # noqa: UP041  (no alias of TimeoutError before Python 3.10)
                raise TimeoutError from None
            if not data:
                return b"".join(pieces)
            pieces.append(data)
            most -= len(data)
            if most < 0:  # no answer is as long as that: a host that never stops would fill the memory
                raise unreachable(self._host, self._address, "too_much")

    def _drain_stderr(self) -> None:
        # Unread, it would fill the window that standard output shares.
        while self._channel.recv_stderr_ready():
            self._tail = (self._tail + self._channel.recv_stderr(65536))[-STDERR_TAIL:]


def _send(channel: paramiko.Channel, data: bytes) -> None:
    # Piece by piece: the channel's own sendall copies all that is left for each packet it sends.
    view = memoryview(data)
    for start in range(0, len(view), 1 << 18):
        channel.sendall(bytes(view[start : start + (1 << 18)]))
