"""The borders of the transport: what a way to run commands (`Transport`) and a way to move files (`Bulk`) promise."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import FileEntry


@dataclass(frozen=True)
class Completed:
    """A command that ended. `exit` is -1 when a signal ended it."""

    exit: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True)
class Progress:
    """How far a transfer is: bytes `done` of `total` (all listed files), and `files` that have actually travelled."""

    done: int
    total: int
    files: int


ProgressCallback = Callable[[Progress], None]


class Duplex(Protocol):
    """A running remote command's standard input and output as a byte stream.

    One thread may receive while another sends; `close` from any thread wakes both.
    """

    def recv(self, size: int = 65536) -> bytes:
        """The next bytes, at most `size`; b"" once the command has closed its output or the connection is gone."""

    def sendall(self, data: bytes) -> None:
        """Sends all of `data`. Raises LtError `host_unreachable` when the connection or the command is gone."""

    def close_input(self) -> None:
        """Tells the command that its input is at its end; its output can still be read. Never raises."""

    def close(self) -> None:
        """Ends the stream: the command sees the end of its input (and a hang-up). Never raises."""

    def stderr(self) -> bytes:
        """The last few KiB of what the command has said on standard error."""

    def exit_status(self, timeout: float = 10.0) -> int | None:
        """The exit code once the command has ended (-1: signal), or None if it has not within `timeout` seconds."""


class Transport(Protocol):
    """Commands on one host. Safe to use from several threads once `connect` has returned."""

    name: str

    @property
    def alone(self) -> bool:
        """Whether OpenSSH could log in as this did, without a person: then files go over a connection of their own."""

    def connect(self, timeout: float = 20.0) -> None:
        """Opens the connection (if none stands). Raises LtError: docs/transport.md has the codes."""

    def close(self) -> None:
        """Ends the connection and every stream on it. Never raises."""

    def alive(self) -> bool:
        """Whether the connection stands, as far as is known here: a dead link shows after some seconds only."""

    def run(self, argv: Sequence[str], input: bytes = b"", timeout: float = 60.0) -> Completed:
        """Runs `argv` to its end. Raises LtError `command_timeout` or `host_unreachable`."""

    def open(self, argv: Sequence[str]) -> Duplex:
        """Starts `argv` and gives its stream. Raises LtError `host_unreachable`, `too_many_sessions`."""


class Bulk(Protocol):
    """Files to and from one host, by names relative to a folder. Both calls resume what an earlier one left."""

    def push(
        self,
        source: Path,
        files: Sequence[str],
        dest: str,
        link_dest: Sequence[str] = (),
        progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None,
    ) -> Progress:
        """Brings `files` of `source` into the host's folder `dest` (absolute; its parent exists), with their times.

        A file that is the same (size and time) in a `link_dest` folder of the host is hard-linked, not sent.
        Raises LtError `transfer_failed`, `transfer_cancelled`, `disk_full`, `host_unreachable`.
        """

    def pull(
        self,
        source: str,
        files: Sequence[FileEntry],
        dest: Path,
        link_dest: Sequence[Path] = (),
        progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None,
    ) -> Progress:
        """Brings `files` of the host's folder `source` (absolute) into the private staging folder `dest`.

        Every file is then a regular file of the expected size inside `dest`; contents are the caller's to verify.
        Raises LtError as `push`, and `transfer_refused` for a link, a wrong size, or a path that leads outside.
        """

    def close(self) -> None:
        """Ends what was kept open for the next transfer. Never raises."""


def checked_names(names: Sequence[str]) -> list[str]:
    """`names` as they are, if each is a normal relative path. Raises LtError `transfer_refused` otherwise."""
    for name in names:
        parts = name.split("/")
        if not name or "\0" in name or any(part in ("", ".", "..") for part in parts):
            raise LtError("transfer_refused", path=name, why="path")
    return list(names)


def check_arrived(host: str, files: Sequence[FileEntry], dest: Path) -> None:
    """Sees that each of `files` is a regular file of its size in `dest`, reached through real folders only.

    Raises LtError `transfer_refused` with why `link`, `missing` or `size`.
    """
    real_folders = {PurePosixPath(".")}
    for entry in files:
        relative = PurePosixPath(entry.path)
        for parent in reversed(relative.parents):
            if parent not in real_folders:
                if (dest / parent).is_symlink():
                    raise LtError("transfer_refused", host=host, path=entry.path, why="link")
                real_folders.add(parent)
        path = dest / relative
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise LtError("transfer_refused", host=host, path=entry.path, why="link")
        if not path.exists():
            raise LtError("transfer_refused", host=host, path=entry.path, why="missing")
        if path.stat().st_size != entry.size:
            raise LtError("transfer_refused", host=host, path=entry.path, why="size")
