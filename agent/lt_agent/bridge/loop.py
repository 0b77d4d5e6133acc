"""The bridge's event loop: requests in, replies and pushes out, until the other side is gone."""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import sys
import time
from pathlib import Path
from typing import Any, Dict, Optional

from ..leases import read_slots
from ..protocol import frames
from ..protocol.errors import LtError
from ..protocol.paths import HostRoot, LeaseDir
from ..usage import Usage
from ..watch import FolderWatch
from .delivery import Delivery
from .lanes import Lane, Wake, attempt
from .line_news import LineNews
from .operations import AT_ONCE, LANES, Operations
from .outbox import Outbox

BEAT = 5.0  # seconds between beats
SILENCE = 60.0  # seconds without a request after which the controller is taken for gone
JUDGE = 30.0  # seconds between two looks for attempts that died without a word
MEASURE = 10.0  # seconds between two measurements of how busy the machine is
_MEASURE = "measure"  # the lane for that
LOOK = 5.0  # seconds between two looks whether our own folder is still there
_READ = 256 << 10


def run(root: HostRoot, lease: LeaseDir, agent_dir: Path) -> int:
    """Serves one controller over stdin and stdout until stdin ends or it falls silent. Jobs never notice.

    Returns the exit code: 0 for a normal end, 2 if the other side does not speak the protocol, 3 if the agent's own
    folder is gone, so that the controller comes back and brings it again.
    """
    fd_in, fd_out = _own_descriptors()
    bridge = _Bridge(fd_in, fd_out, root, lease, agent_dir)
    try:
        return bridge.serve()
    except (BrokenPipeError, ConnectionResetError):
        return 0
    finally:
        bridge.close()


def _own_descriptors() -> tuple[int, int]:
    """Stdin and stdout under numbers of our own. What anything else prints goes to stderr, and no child inherits them:
    the dispatcher outlives the bridge, and ssh would wait for it."""
    fd_in, fd_out = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    for fd in (fd_in, fd_out):
        with contextlib.suppress(OSError):
            fcntl.fcntl(fd, _SET_PIPE_SIZE, 1 << 20)  # fewer wakes for bulk; not every descriptor is a pipe
    return fd_in, fd_out


_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ, which the standard library names from Python 3.10 on


class _Bridge:
    def __init__(self, fd_in: int, fd_out: int, root: HostRoot, lease: LeaseDir, agent_dir: Path) -> None:
        os.set_blocking(fd_in, False)
        self._root = root
        self._lease = lease
        self._in = fd_in
        self._out = fd_out
        self._reader = frames.FrameReader()
        self._outbox = Outbox(fd_out)
        self._wake = Wake()
        self._watch = FolderWatch(self._wake)
        self._delivery = Delivery(self._outbox, self._watch)
        self._operations = Operations(root, lease, agent_dir, self._delivery)
        self._line = LineNews(lease)
        self._watch.add(lease.own)
        self._lanes: Dict[str, Lane] = {name: Lane(name, self._wake) for name in (*LANES, _MEASURE)}
        self._usage: Optional[Usage] = None
        self._measuring = False
        self._next_measure = 0.0
        self._selector = selectors.PollSelector()  # unlike epoll it also takes a plain file as stdin
        self._heard = time.monotonic()
        self._next_beat = self._heard
        self._next_judge = self._heard + JUDGE
        self._next_look = self._heard + LOOK
        self._judging = False
        self._masks: Dict[int, int] = {}

    def serve(self) -> int:
        """Runs until stdin ends (0), is no protocol (2), or the agent's folder is gone (3)."""
        self._outbox.start()
        while True:
            now = time.monotonic()
            if now - self._heard > SILENCE:
                return 0
            if now >= self._next_look:
                self._next_look = now + LOOK
                if self._operations.uprooted:
                    sys.stderr.write("the agent's folder is gone\n")
                    return 3
            self._timers(now)
            self._delivery.pump()
            if self._outbox.has_room:
                self._line.look(self._delivery.followed, self._delivery.revision, self._outbox.send)
            self._outbox.flush()
            self._listen(self._in, selectors.EVENT_READ if self._outbox.accepts_requests else 0)
            self._listen(self._out, selectors.EVENT_WRITE if self._outbox.waiting else 0)
            self._listen(self._wake.fd, selectors.EVENT_READ)
            for key, _ in self._selector.select(self._timeout()):
                if key.fd == self._wake.fd:
                    self._look()
                elif key.fd == self._in:
                    code = self._receive()
                    if code is not None:
                        return code

    def close(self) -> None:
        """Stops watching and lets go of pins. Work on the lanes dies with the process."""
        self._watch.close()
        self._operations.close()
        self._selector.close()

    def _listen(self, fd: int, mask: int) -> None:
        before = self._masks.get(fd, 0)
        if mask == before:
            return
        self._masks[fd] = mask
        if not before:
            self._selector.register(fd, mask)
        elif not mask:
            self._selector.unregister(fd)
        else:
            self._selector.modify(fd, mask)

    def _timeout(self) -> float:
        now = time.monotonic()
        nearest = min(self._next_beat, self._next_look, self._next_judge, self._heard + SILENCE) - now
        return max(0.0, min(nearest, self._delivery.wait(now)))

    def _timers(self, now: float) -> None:
        if now >= self._next_beat:
            self._next_beat = now + BEAT
            # A reader that takes nothing needs no more beats piled up for it.
            if not self._outbox.waiting or self._outbox.accepts_requests:
                self._outbox.send({"type": "beat", "time": time.time()}, urgent=True)
        if now >= self._next_measure and self._operations.greeted and not self._measuring:
            # On a lane of its own: a driver that hangs holds up nothing else.
            self._next_measure, self._measuring = now + MEASURE, True
            self._usage = self._usage or Usage(self._root.path, read_slots(self._lease).gpus)
            self._lanes[_MEASURE].submit(self._usage.read, self._measured)
        if now >= self._next_judge:
            self._next_judge = now + JUDGE
            if not self._judging:
                self._judging = True
                self._lanes["acts"].submit(self._operations.judge, self._judged)

    def _measured(self, found: Any, _: LtError | None) -> None:
        self._measuring = False
        if found and self._outbox.accepts_requests:
            self._outbox.send({"type": "usage", "time": time.time(), "values": found}, urgent=True)

    def _judged(self, _: Any, error: LtError | None) -> None:
        self._judging = False
        if error is not None:
            sys.stderr.write(f"judge: {error}\n")

    def _look(self) -> None:
        self._wake.clear()
        self._delivery.changed(self._watch.changed())
        for lane in self._lanes.values():
            lane.collect()

    def _receive(self) -> int | None:
        try:
            data = os.read(self._in, _READ)
        except BlockingIOError:
            return None
        if not data:
            return 0
        try:
            for frame in self._reader.feed(data):
                if frame.header["type"] == "request":
                    self._heard = time.monotonic()
                    self._request(frame.header)
        except frames.ProtocolError as error:
            sys.stderr.write(f"not the protocol: {error}\n")
            return 2
        return None

    def _request(self, request: Dict[str, Any]) -> None:
        def work() -> Any:
            return self._operations.answer(request)

        def done(result: Any, error: LtError | None) -> None:
            if error is None:
                attempt(lambda: self._operations.after(request, result))  # what it did not do, the reply does not say
            self._reply(request.get("id"), result, error)

        lane, error = attempt(lambda: self._operations.lane_of(request))
        if error is not None:
            done(None, error)
        elif lane == AT_ONCE:
            done(*attempt(work))
        else:
            self._lanes[lane].submit(work, done)

    def _reply(self, number: Any, result: Any, error: LtError | None) -> None:
        reply: Dict[str, Any] = {"type": "reply", "id": number, "ok": error is None}
        if error is None:
            reply["result"] = result
        else:
            reply["error"] = error.as_dict()
        try:
            self._outbox.send(reply, urgent=True)
        except frames.ProtocolError as problem:
            failure = LtError("reply_too_large", problem=str(problem)).as_dict()
            self._outbox.send({"type": "reply", "id": number, "ok": False, "error": failure}, urgent=True)
