"""Slow work beside the supervisor: a forked child that returns one JSON value through a pipe."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from . import procs
from .protocol.errors import LtError, error_from_dict


class Helper:
    """A child that does `work` and dies with its parent. Its end shows on `fd`: read it by `feed` until it is done.

    A process and not a thread, so that it can be killed in the middle and that its memory goes with it. It closes
    `close`, leases and claims above all: what only hashes must not hold a GPU. `work` returns JSON values.
    """

    def __init__(self, work: Callable[[], Any], *, close: Sequence[int] = (), nice: int = 0) -> None:
        self.fd, write = os.pipe()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _child(work, write, [*close, self.fd], nice, parent)
        os.close(write)
        os.set_blocking(self.fd, False)
        self._data = bytearray()
        self.done = False

    def feed(self) -> bool:
        """Reads what is there; True once the child has said all."""
        while not self.done:
            try:
                data = os.read(self.fd, 1 << 16)
            except BlockingIOError:
                return False
            self._data += data
            if not data:
                self.done = True
                os.close(self.fd)
        return True

    def result(self) -> Any:
        """What `work` returned. Raises the LtError that it raised, or `agent_error{message}` for any other end."""
        try:
            value = json.loads(bytes(self._data))
        except ValueError:
            raise LtError("agent_error", message="a helper process was killed") from None
        if "error" in value:
            raise error_from_dict(value["error"])
        return value["result"]

    def kill(self) -> None:
        """Ends it and the programs it started in its session."""
        procs.send_group(self.pid, signal.SIGKILL)
        procs.send(self.pid, signal.SIGKILL)


def _child(work: Callable[[], Any], write: int, close: Sequence[int], nice: int, parent: int) -> None:
    code = 1
    try:
        procs.die_with_parent()
        if os.getppid() != parent:
            os._exit(1)  # it died before we could ask for that
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        for fd in close:
            with contextlib.suppress(OSError):
                os.close(fd)
        if nice:
            os.nice(nice)
        value: dict[str, Any]
        try:
            value = {"result": work()}
        except LtError as error:
            value = {"error": error.as_dict()}
        except Exception as error:
            traceback.print_exc()
            value = {"error": {"code": "agent_error", "params": {"message": f"{type(error).__name__}: {error}"}}}
        view = memoryview(json.dumps(value).encode("utf-8", "surrogateescape"))
        while view:
            view = view[os.write(write, view) :]
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
