"""Files over the system's rsync and OpenSSH, on their own connection: a checkpoint never holds up the logs.

Small transfers share one OpenSSH connection that lingers for a minute, so that a submit pays no new login; large ones
get their own. What went wrong is told by exit codes and by asking the host, never by reading a message.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import FileEntry
from lt_controller.home import Home
from lt_inventory.model import Host

from .base import Progress, ProgressCallback, Transport, check_arrived, checked_names
from .route import inventory_of
from .rsync_bounds import hold_to
from .rsync_features import local_features, parse_progress
from .shares import shares, side_by_side
from .space import failure
from .ssh_config import control_socket, write_ssh_config
from .tunnel import Tunnel

PARTIAL = ".lt-partial"  # where rsync keeps the beginning of a file that was cut off
SHARED_LIMIT = 32 << 20  # bytes; above it a transfer opens a connection of its own
PERSIST = 60  # seconds that the shared connection outlives its last transfer
IO_TIMEOUT = 90  # seconds without a byte until rsync gives up
_LONGEST_LINE = 4096


class RsyncBulk:
    """The `Bulk` of a host that has rsync. `transport` answers what exit codes leave open.

    `tunnelled`: the files go over `transport` as well, where OpenSSH could not log in by itself. Raises LtError
    `no_rsync_here`, for a tunnel also where one end's rsync is too old for it.
    """

    def __init__(
        self, host: Host, home: Home, remote_version: str, transport: Transport, *, tunnelled: bool = False
    ) -> None:
        self._host = host
        self._tunnelled = tunnelled
        self._home = home
        self._transport = transport
        self._features = local_features().with_remote(remote_version)
        if tunnelled and not self._features.protects:
            raise LtError("no_rsync_here")

    def push(
        self,
        source: Path,
        files: Sequence[str],
        dest: str,
        link_dest: Sequence[str] = (),
        progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None,
    ) -> Progress:
        """See `Bulk.push`."""
        names = checked_names(files)
        total = sum(_size(source / name) for name in names)
        # Contents, times and the executable bit: the host sets the rest, and a link must not be refused for it.
        options = ["--times", "--executability", "--copy-links", *self._common(), *self._links(link_dest)]
        ends = [f"{source}/", self._remote(dest)]
        result = self._run(options, ends, names, total, progress, cancel)
        if isinstance(result, Progress):
            return result
        raise failure(self._host.name, self._transport, result.code, result.detail, total - result.done, remote=dest)

    def pull(
        self,
        source: str,
        files: Sequence[FileEntry],
        dest: Path,
        link_dest: Sequence[Path] = (),
        progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None,
    ) -> Progress:
        """See `Bulk.pull`."""
        names = checked_names([entry.path for entry in files])
        total = sum(entry.size for entry in files)
        dest.mkdir(parents=True, exist_ok=True, mode=0o700)
        largest = max((entry.size for entry in files), default=0)
        options = [
            "--times",
            "--no-links",
            "--no-devices",
            "--no-specials",
            f"--max-size={largest}",  # a host that offers more than its manifest says is not listened to
            *self._common(),
            *self._links([str(path) for path in link_dest]),
        ]
        ends = [self._remote(source), f"{dest}/"]
        parts = [list(files)] if self._tunnelled else shares(files)
        if len(parts) == 1:
            result = self._run(options, ends, names, total, progress, cancel, largest=largest)
        else:
            result = self._pull_parts(options, ends, parts, largest, progress, cancel)
        if not isinstance(result, Progress):
            raise failure(self._host.name, self._transport, result.code, result.detail, total - result.done, local=dest)
        check_arrived(self._host.name, files, dest)
        return result

    def _pull_parts(
        self,
        options: list[str],
        ends: list[str],
        parts: list[list[FileEntry]],
        largest: int,
        progress: ProgressCallback | None,
        cancel: threading.Event | None,
    ) -> Progress | _Failed:
        """Over a connection for each part. What a refused login left is asked for once more, over one."""

        def one(part: list[FileEntry], told: ProgressCallback, stop: threading.Event) -> Progress | _Failed:
            size = sum(entry.size for entry in part)
            names = [entry.path for entry in part]
            return self._run(options, ends, names, size, told, stop, own=True, largest=largest)

        total = sum(entry.size for part in parts for entry in part)
        results = side_by_side(self._host.name, parts, one, progress, cancel)
        failed = [result for result in results if isinstance(result, _Failed)]
        if len(failed) == len(parts):
            return _Failed(failed[0].code, failed[0].detail, sum(result.done for result in failed))
        if failed:
            left = [
                entry.path
                for part, result in zip(parts, results, strict=True)
                if isinstance(result, _Failed)
                for entry in part
            ]
            again = self._run(options, ends, left, total, progress, cancel, own=True, largest=largest)
            if isinstance(again, _Failed):
                return again
        return Progress(total, total, sum(result.files for result in results if isinstance(result, Progress)))

    def close(self) -> None:
        """Ends the shared connection."""
        if self._tunnelled or not self._socket().exists():
            return
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):  # it ends by itself a minute later
            subprocess.run(
                ["ssh", "-F", str(self._home.ssh_config), "-S", str(self._socket()), "-O", "exit", self._host.name],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=10,
            )

    def _common(self) -> list[str]:
        return [
            *self._features.options,
            f"--partial-dir={PARTIAL}",
            f"--timeout={IO_TIMEOUT}",
            "--files-from=-",
            "--from0",
        ]

    def _links(self, folders: Sequence[str]) -> list[str]:
        return [f"--link-dest={folder}" for folder in folders]

    def _remote(self, path: str) -> str:
        if not path.startswith("/") or "\0" in path:  # `host::…` would be a daemon's module; a host says what paths are
            raise LtError("transfer_refused", host=self._host.name, path=path, why="path")
        return f"{self._host.name}:{self._features.remote_path(path)}/"

    def _socket(self) -> Path:
        return control_socket(self._host, self._home)

    @contextmanager
    def _shell(self, own: bool) -> Iterator[list[str]]:
        """The program by which rsync reaches its other half: ssh, or our end of a tunnel."""
        if not self._tunnelled:
            yield self._ssh(own)
            return
        with Tunnel(self._transport) as tunnel:
            yield tunnel.argv

    def _ssh(self, own: bool) -> list[str]:
        config = write_ssh_config({**inventory_of(self._home), self._host.name: self._host}, self._home)
        if own:
            return ["ssh", "-F", str(config), "-o", "ControlPath=none"]
        shared = [f"ControlPath={self._socket()}", "ControlMaster=auto", f"ControlPersist={PERSIST}"]
        return ["ssh", "-F", str(config), *(word for option in shared for word in ("-o", option))]

    def _run(
        self,
        options: list[str],
        ends: list[str],
        names: list[str],
        total: int,
        progress: ProgressCallback | None,
        cancel: threading.Event | None,
        own: bool = False,
        largest: int = 0,
    ) -> Progress | _Failed:
        """One rsync. `own`: over a connection of its own, as those of more than `SHARED_LIMIT` bytes always are.
        `largest`: bytes of the largest file that may be written here.
        """
        if not names:
            return Progress(0, 0, 0)
        # Files, not pipes: a lingering shared connection inherits standard error and would hold a pipe open.
        with (
            self._shell(own or total > SHARED_LIMIT) as shell,
            tempfile.TemporaryFile() as stderr,
            tempfile.TemporaryFile() as listing,
        ):
            argv = ["rsync", *options, "-e", _rsh(shell), "--", *ends]
            # `./`: a name that begins with # or ; would be a comment
            listing.write(b"".join(b"./" + os.fsencode(name) + b"\0" for name in names))
            listing.seek(0)
            try:
                process = subprocess.Popen(
                    argv,
                    stdin=listing,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    bufsize=0,
                    env={**os.environ, "LC_ALL": "C"},
                    start_new_session=True,
                )
            except FileNotFoundError:
                raise LtError("no_rsync_here") from None
            hold_to(process.pid, largest)
            finished = False
            try:
                last = _watch(process, total, progress, cancel, self._host.name)
                finished = True
            finally:
                _end(process, finished)
            if process.returncode == 0:
                return Progress(total, total, last.files)
            stderr.seek(0, os.SEEK_END)
            stderr.seek(max(0, stderr.tell() - 2000))
            return _Failed(process.returncode, stderr.read().decode(errors="replace").strip(), last.done)


class _Failed:
    def __init__(self, code: int, detail: str, done: int) -> None:
        self.code = code
        self.detail = detail
        self.done = done


def _watch(
    process: subprocess.Popen[bytes],
    total: int,
    progress: ProgressCallback | None,
    cancel: threading.Event | None,
    host: str,
) -> Progress:
    """Follows rsync's output to its end, reporting. Raises LtError `transfer_cancelled`."""
    output: IO[bytes] | None = process.stdout
    if output is None:
        return Progress(0, total, 0)
    last, rest = Progress(0, total, 0), b""
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while True:
            ready = selector.select(0.25)  # an Event cannot be waited for together with a pipe
            if cancel is not None and cancel.is_set():
                raise LtError("transfer_cancelled", host=host)
            if not ready:
                continue
            data = output.read(65536)
            if not data:
                return last
            *lines, rest = (rest + data).replace(b"\r", b"\n").split(b"\n")
            rest = rest[-_LONGEST_LINE:]  # the host's rsync may have lines printed here
            for line in lines:
                found = parse_progress(line, total)
                if found is not None and found != last:
                    last = Progress(found.done, total, max(found.files, last.files))
                    if progress is not None:
                        progress(last)


def _end(process: subprocess.Popen[bytes], finished: bool) -> None:
    """Sees the process gone; one that is interrupted gets a moment to keep what has arrived of a file."""
    if process.stdout is not None:
        process.stdout.close()
    if not finished:
        process.terminate()
    for grace, signal in ((10.0, process.terminate), (3.0, process.kill)):
        try:
            process.wait(timeout=grace)
            return
        except subprocess.TimeoutExpired:
            signal()
    process.wait()


def _rsh(argv: Sequence[str]) -> str:
    """`argv` for rsync's `-e`, whose own rule is: quotes group, and a doubled quote inside them stands for itself."""
    return " ".join("'" + word.replace("'", "''") + "'" if set(word) & set(" '\"\t") else word for word in argv)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
