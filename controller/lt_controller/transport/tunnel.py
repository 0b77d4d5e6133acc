"""rsync's way to a host where OpenSSH can't log in alone: its remote half runs on a channel of the live connection.

rsync starts `tunnel_end.py` as its `-e` program. That connects to a socket of ours, says which command rsync wants on
the host, and carries bytes. The socket lies in a private folder, serves one connection of this very user, and opens
nothing but an `rsync --server`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import struct
import sys
import tempfile
import threading
import time
from pathlib import Path

from lt_agent.protocol.errors import LtError
from lt_controller.peer import peer_uid

from .base import Duplex, Transport
from .ssh_config import control_folder

OUTPUT, ERRORS, EXIT = b"o", b"e", b"x"  # what a frame to the other end holds; `tunnel_end` has the same
PIECE = 1 << 18  # bytes carried at once
PARTING = 2.0  # seconds for the far half of rsync to end by itself
START_LIMIT = 20.0  # seconds for rsync to start its end of the tunnel
LEFTOVER = 86400.0  # seconds
HELLO_LIMIT = 65536  # bytes of the command
# `-s` makes rsync send every other option, and all paths, inside the stream.
_OPTION = re.compile(r"-[A-Za-z0-9][A-Za-z0-9.]*|--sender|\.")


class Tunnel:
    """A socket for one rsync. Use it as a context manager; `argv` is what `-e` names. Nothing is left at its end."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        _sweep(control_folder())
        self._folder = Path(tempfile.mkdtemp(prefix="t-", dir=control_folder()))
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(os.fspath(self.path))
        self.path.chmod(0o600)
        self._server.listen(1)
        self._thread = threading.Thread(target=self._serve, name=f"tunnel-{transport.name}", daemon=True)

    @property
    def path(self) -> Path:
        """The socket."""
        return self._folder / "s"

    @property
    def argv(self) -> list[str]:
        """rsync's `-e` program. It needs nothing but the standard library, so it starts in hundredths of a second."""
        return [sys.executable, "-I", "-S", os.fspath(Path(__file__).with_name("tunnel_end.py")), os.fspath(self.path)]

    def __enter__(self) -> Tunnel:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)  # wakes an `accept`
        self._server.close()
        self._thread.join(START_LIMIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _serve(self) -> None:
        try:
            link, _ = self._server.accept()
        except OSError:
            return  # rsync never came so far
        with link, contextlib.suppress(OSError):
            if peer_uid(link) not in (os.getuid(), None):
                return
            link.settimeout(START_LIMIT)
            argv = _command(link)
            link.settimeout(None)
            if argv is None:
                _send(link, ERRORS, b"lt: this tunnel carries rsync alone\n")
                _send(link, EXIT, b"2")
                return
            try:
                stream = self._transport.open(argv)
            except LtError:
                _send(link, ERRORS, b"lt: the connection is gone\n")
                _send(link, EXIT, b"255")
                return
            _carry(link, stream)


def allowed(argv: object) -> bool:
    """Whether this is the command that rsync runs on a host: `rsync --server` with options and nothing else.

    Paths and filters are no part of it: with `-s`, which tunnels insist on, they travel inside the stream.
    """
    if not isinstance(argv, list) or not all(isinstance(word, str) for word in argv):
        return False
    return argv[:2] == ["rsync", "--server"] and len(argv) < 50 and all(_OPTION.fullmatch(word) for word in argv[2:])


def _sweep(folder: Path) -> None:
    """Removes what killed controllers left. A socket as old as that has its one connection, or never gets it."""
    limit = time.time() - LEFTOVER
    for path in folder.glob("t-*"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < limit:
                shutil.rmtree(path)


def _command(link: socket.socket) -> list[str] | None:
    """The first line: the command as JSON; None for what this tunnel does not run."""
    line = bytearray()
    while len(line) < HELLO_LIMIT:
        byte = link.recv(1)  # no more than the line: what follows is rsync's
        if not byte:
            return None
        if byte == b"\n":
            break
        line += byte
    try:
        argv = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return argv if allowed(argv) else None


def _carry(link: socket.socket, stream: Duplex) -> None:
    """Carries both directions until the command has ended or either side is gone."""
    sender = threading.Thread(target=_upward, args=(link, stream), name="tunnel-up", daemon=True)
    sender.start()
    try:
        while data := stream.recv(PIECE):
            _send(link, OUTPUT, data)
        code = stream.exit_status(10.0)
        _send(link, ERRORS, stream.stderr())
        # -1: a signal ended it, or the connection did; the latter is what ssh calls 255
        _send(link, EXIT, str(255 if code in (None, -1) else code).encode())
    finally:
        with contextlib.suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)  # wakes the other direction
        stream.close()
        sender.join(START_LIMIT)


def _upward(link: socket.socket, stream: Duplex) -> None:
    with contextlib.suppress(OSError, LtError):
        while data := link.recv(PIECE):
            stream.sendall(data)
        if stream.exit_status(PARTING) is None:  # both halves of rsync end together, and need no end of input for it
            stream.close_input()
        return
    stream.close()


def _send(link: socket.socket, kind: bytes, data: bytes) -> None:
    link.sendall(kind + struct.pack(">I", len(data)) + data)
