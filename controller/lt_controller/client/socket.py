"""Talking to the controller over its socket: JSON lines. Starts the controller where none runs."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
import time
from typing import Any

from lt_agent.protocol.errors import LtError, error_from_dict

from ..home import Home

LOG_LIMIT = 4 << 20  # bytes; a larger log of the controller is put aside when the next one starts
LONGEST_PAUSE = 0.2  # seconds between two looks whether it answers
START_SECONDS = 60.0  # a cold disk, a busy machine and one that is still leaving; a warm start takes half a second
_LINE_LIMIT = 32 << 20
_LITTLE = 128 << 10  # bytes free, below which SQLite and a log can't begin
JOB_VARIABLES = frozenset({"LT_JOB", "LT_ATTEMPT", "LT_OUT", "LT_METRICS"})


class Line:
    """One connection: requests and their replies, or the news after `subscribe`."""

    def __init__(self, home: Home, timeout: float) -> None:
        """Raises OSError where nobody listens, LtError `controller_foreign` where another user does."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._buffer = b""
        try:
            self._socket.settimeout(timeout)
            self._socket.connect(os.fspath(home.controller_sock))
            _check_peer(self._socket, home)
        except BaseException:
            self._socket.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, message: dict[str, Any]) -> None:
        """Raises OSError."""
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def receive(self, timeout: float | None) -> dict[str, Any] | None:
        """The next message; None after `timeout` seconds without a whole one. Raises OSError, also at the end."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while b"\n" not in self._buffer:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self._socket], [], [], left)[0]:
                return None
            data = self._socket.recv(1 << 16)
            if not data or len(self._buffer) > _LINE_LIMIT:
                raise ConnectionResetError("the controller has gone")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            value = json.loads(line)
        except ValueError:
            raise ConnectionResetError("the controller sent no JSON") from None
        return value if isinstance(value, dict) else {}

    def close(self) -> None:
        self._socket.close()


def call(home: Home, op: str, timeout: float = 120.0, **params: Any) -> Any:
    """Asks the running controller; its result. Raises what the controller replied, or `controller_not_running`."""
    try:
        line = Line(home, timeout)
    except OSError:
        raise LtError("controller_not_running") from None
    try:
        line.send({"id": 1, "op": op, **params})
        reply = line.receive(timeout)
    except OSError:
        raise LtError("controller_gone", log=str(home.controller_log)) from None
    finally:
        line.close()
    if reply is None:
        raise LtError("controller_silent", seconds=round(timeout), log=str(home.controller_log))
    if not reply.get("ok"):
        error = reply.get("error")
        raise error_from_dict(error if isinstance(error, dict) else {})
    return reply.get("result")


def ensure(home: Home) -> None:
    """Sees to it that a controller runs and answers. Raises LtError `controller_start_failed`."""
    if _answers(home):
        return
    home.make()
    process = _start(home)
    deadline = time.monotonic() + START_SECONDS
    pause = 0.02
    while time.monotonic() < deadline:
        if _answers(home):
            return
        if process.poll() == 0 and pause == LONGEST_PAUSE:
            # It left to another, which was starting at the same moment and answers soon, or was itself about to leave.
            process = _start(home)
        elif process.poll() not in (None, 0):
            break
        time.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 1.3)
    if _answers(home):
        return
    _check_database(home)
    _check_disk(home)
    raise LtError("controller_start_failed", log=str(home.controller_log), tail=_tail(home))


def _check_database(home: Home) -> None:
    """Raises LtError `database_damaged` where that is why no controller starts."""
    import sqlite3

    from ..store.damage import find_damage

    with contextlib.suppress(sqlite3.Error):
        why = find_damage(home.database)
        if why is not None:
            raise LtError("database_damaged", path=str(home.database), why=why)


def _check_disk(home: Home) -> None:
    """Raises LtError `disk_full` where that is why no controller starts: it could not even write a log."""
    free = shutil.disk_usage(home.path).free
    if free < _LITTLE:
        raise LtError("disk_full", where="laptop", path=str(home.path), free=free)


def _start(home: Home) -> subprocess.Popen[bytes]:
    # Started from inside a job it must not carry the job's marker: the job's end would be its end, too.
    # What looks like a secret stays here: the controller's environment is that of its helpers and of host `local`.
    from .acts import tells

    environment = {key: value for key, value in os.environ.items() if key not in JOB_VARIABLES and not tells(key)}
    with contextlib.suppress(OSError):
        if home.controller_log.stat().st_size > LOG_LIMIT:
            home.controller_log.replace(home.controller_log.with_suffix(".log.1"))
    log = os.open(home.controller_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "lt_controller.engine", "--home", os.fspath(home.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=environment,
            start_new_session=True,  # Ctrl-C in this terminal is not meant for it
        )
    finally:
        os.close(log)


def call_ensured(home: Home, op: str, timeout: float = 120.0, **params: Any) -> Any:
    """`call`, starting the controller if need be; once more if it left in between."""
    for last in (False, True):
        ensure(home)
        try:
            return call(home, op, timeout, **params)
        except LtError as error:
            if last or error.code not in ("controller_not_running", "controller_gone"):
                raise
    return None


def _answers(home: Home) -> bool:
    try:
        call(home, "ping", 5.0)
    except LtError as error:
        if error.code == "controller_foreign":
            raise
        return False
    return True


def _check_peer(connection: socket.socket, home: Home) -> None:
    """A deep home's socket lies in the shared temporary folder: make sure that it is ours."""
    if hasattr(socket, "SO_PEERCRED"):
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        if struct.unpack("3i", raw)[1] != os.getuid():
            raise LtError("controller_foreign", path=str(home.controller_sock))


def _tail(home: Home) -> str:
    with contextlib.suppress(OSError):
        lines = home.controller_log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""
    return ""
