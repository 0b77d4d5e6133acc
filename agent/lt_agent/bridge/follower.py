"""One attempt that a controller follows: what of it has been sent, and the next piece that can be."""

from __future__ import annotations

import errno
import os
import stat
import time
from pathlib import Path
from typing import Any, Callable, Iterable, Mapping

from ..owners import read_adoption
from ..protocol.files import read_json
from ..protocol.frames import ProtocolError
from ..protocol.paths import AttemptPaths
from ..protocol.states import RESTING
from .settling import claim_is_free, last_event

PIECE = 256 << 10  # bytes of a stream in one frame
LONGEST_LINE = 4 << 20  # a longer line is cut: no reader should have to hold more
SETTLE = 5.0  # seconds the supervisor may take between its exit record and its last event
STREAMS = ("events", "metrics", "samples", "log")  # the order in which they are served: the short ones first
_CUT_AT_LINES = frozenset({"events", "metrics", "samples"})

Send = Callable[[dict[str, Any], bytes], None]


class Follower:
    """Sends an attempt's streams, manifests and exit, each byte once and in order.

    `cursors` are the offsets that the other side has; `known` the names of the manifests that it has. The exit goes
    last: after it every stream has been sent to its end.
    """

    def __init__(
        self,
        paths: AttemptPaths,
        cursors: Mapping[str, int],
        known: Iterable[str],
        adoption: Path | None = None,
        owner: str = "",
    ) -> None:
        """`adoption` is the file that says who has adopted the job; `owner` is for whom it is followed."""
        self.paths = paths
        self._adoption = adoption
        self._owner = owner
        self.done = False
        self._offsets = {name: max(0, int(cursors.get(name, 0))) for name in STREAMS}
        self._files: dict[str, Path] = {
            "events": paths.events,
            "metrics": paths.metrics,
            "samples": paths.samples,
            "log": paths.log,
        }
        self._known = set(known)
        self._refused: set[str] = set()
        self._listed: tuple[int, int] | None = None
        self._exit: dict[str, Any] | None = None
        self._exit_seen = 0.0
        self._is_settled = False

    def folders(self) -> list[Path]:
        """The folders whose changes are news."""
        return [self.paths.path, self.paths.manifests]

    def adopted(self) -> dict[str, Any] | None:
        """The record of its adoption by somebody else than the one it is followed for; a stat where there is none."""
        if self._adoption is None or not os.path.exists(self._adoption):
            return None
        record = read_adoption(self._adoption)
        return record if record is not None and record["owner"] != self._owner else None

    @property
    def settling(self) -> bool:
        """Whether the exit is there, but its supervisor may still be writing its last event."""
        return self._exit is not None and not self.done

    def step(self, send: Send) -> bool:
        """Sends at most one piece of a stream, and all manifests that are new. True: there may be more at once."""
        if self.done:
            return False
        # Looked at before the streams are: what was written before the exit record is then surely seen.
        settled = self._settled()
        self._send_manifests(send)
        for name in STREAMS:
            if self._send_piece(name, send, last=settled):
                return True
        if settled:
            send(self._header("exit", exit=self._exit, cursors=dict(self._offsets)), b"")
            self.done = True
        return False

    def _header(self, kind: str, **more: Any) -> dict[str, Any]:
        return {"type": kind, "job": self.paths.job, "attempt": self.paths.attempt, **more}

    def _send_piece(self, name: str, send: Send, *, last: bool) -> bool:
        offset = self._offsets[name]
        data = _read(self._files[name], offset, PIECE)
        if name in _CUT_AT_LINES and data:
            if b"\n" not in data and len(data) == PIECE:
                data = _read(self._files[name], offset, LONGEST_LINE)
            end = data.rfind(b"\n") + 1
            whole_rest = last and len(data) < PIECE
            if whole_rest or (end == 0 and (last or len(data) == LONGEST_LINE)):
                end = len(data)
            data = data[:end]
        if not data:
            return False
        send(self._header("stream", stream=name, offset=offset), data)
        self._offsets[name] = offset + len(data)
        return True

    def _send_manifests(self, send: Send) -> None:
        try:
            info = os.stat(self.paths.manifests)
            # A folder changed within the last instants may change again under the same time stamp.
            stamp = (info.st_mtime_ns, info.st_ino)
            if stamp == self._listed:
                return
            names = {entry[:-5] for entry in os.listdir(self.paths.manifests) if _is_manifest(entry)}
        except OSError:
            return
        fresh = time.time_ns() - info.st_mtime_ns > 100_000_000
        self._listed = stamp if fresh else None
        for name in sorted(self._known - names):
            send(self._header("gone", name=name), b"")
        self._refused &= names
        self._known &= names
        for name in sorted(names - self._known - self._refused):
            self._send_manifest(name, send)

    def _send_manifest(self, name: str, send: Send) -> None:
        try:
            manifest = read_json(self.paths.manifest(name))
        except OSError:
            self._listed = None  # a sick disk, a file replaced on NFS: the next look tries again
            return
        except ValueError:
            self._refuse(name, "manifest_unreadable", send)
            return
        if manifest is None:
            return
        try:
            send(self._header("manifest", manifest=manifest), b"")
        except ProtocolError:  # a hundred thousand files: told by name, and no frame that ends the bridge
            self._refuse(name, "manifest_too_large", send)
            return
        self._known.add(name)

    def _refuse(self, name: str, code: str, send: Send) -> None:
        self._refused.add(name)
        send(self._header("problem", error={"code": code, "params": {"name": name}}), b"")

    def _settled(self) -> bool:
        if self._is_settled:
            return True
        if self._exit is None:
            try:
                record = read_json(self.paths.exit)
            except (OSError, ValueError):
                return False
            if not isinstance(record, dict):
                return False
            self._exit, self._exit_seen = record, time.monotonic()
        event = last_event(self.paths.events)
        self._is_settled = (
            (event.get("code") == "state" and event.get("params", {}).get("state") in RESTING)
            or claim_is_free(self.paths)
            or time.monotonic() - self._exit_seen > SETTLE
        )
        return self._is_settled


def _is_manifest(entry: str) -> bool:
    return entry.endswith(".json") and not entry.startswith(".")


def _read(path: Path, offset: int, size: int) -> bytes:
    """Up to `size` bytes at `offset`; none if there is no such file, it is shorter by now, or it is no file.

    Opened for each read: an attempt may be one of thousands, and a stream that was replaced is met as it is now. The
    stat before it spares the open (which inotify would report to others) when there is nothing new.
    """
    try:
        if os.stat(path, follow_symlinks=False).st_size <= offset:
            return b""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.EACCES, errno.ESTALE):
            return b""
        raise
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return b""
        return os.pread(fd, size, offset)
    finally:
        os.close(fd)
