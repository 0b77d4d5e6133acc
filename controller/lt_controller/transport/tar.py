"""Files to and from a host without rsync: a tar of what is missing there, and byte ranges home from where it stopped.

The agent does the host's part (`untar`, `missing`, `cat`), over the same connection as the commands.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import tarfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import FileEntry, Manifest, to_dict
from lt_controller.home import Home
from lt_controller.store.told import host_error

from .agent import agent_argv
from .base import Duplex, Progress, ProgressCallback, Transport, check_arrived, checked_names
from .bundle import AgentBundle

_PIECE = 1 << 18
_PARTIAL = ".lt-partial"  # appended to a hidden name: the beginning of a file that was cut off


class TarBulk:
    """The `Bulk` of a host that has no rsync, or is reached from a laptop that has none."""

    def __init__(self, name: str, transport: Transport, facts: Mapping[str, Any], home: Home) -> None:
        self._name = name
        self._transport = transport
        self._facts = facts
        self._bundle = AgentBundle.build(facts, home)

    def push(
        self,
        source: Path,
        files: Sequence[str],
        dest: str,
        link_dest: Sequence[str] = (),
        progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None,
    ) -> Progress:
        """See `Bulk.push`; a `link_dest` is a committed data snapshot, and links are made by content."""
        names = checked_names(files)
        try:
            entries = [FileEntry(name, (source / name).stat().st_size, _sha256(source / name)) for name in names]
        except OSError as error:
            raise self._failed("files_missing", str(error.filename)) from None
        wanted = self._missing(entries, dest, link_dest)
        total = sum(entry.size for entry in entries)
        done = total - sum(entry.size for entry in entries if entry.path in wanted)
        report = _Report(total, done, progress, cancel, self._name)
        if wanted:
            self._send(source, [entry.path for entry in entries if entry.path in wanted], dest, report)
        return Progress(total, total, len(wanted))

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
        checked_names([entry.path for entry in files])
        dest.mkdir(parents=True, exist_ok=True, mode=0o700)
        wanted, requests, done = [], [], 0
        for entry in files:
            if _is_there(entry, dest) or _linked(entry, dest, link_dest):
                done += entry.size
                continue
            offset = min(_size(_partial(dest, entry)), entry.size)
            done += offset
            wanted.append((entry, offset))
            requests.append({"path": f"{source}/{entry.path}", "offset": offset, "length": entry.size - offset})
        report = _Report(sum(entry.size for entry in files), done, progress, cancel, self._name)
        if wanted:
            stream = self._start("cat", json.dumps(requests).encode())
            try:
                for entry, offset in wanted:
                    self._receive(stream, entry, offset, dest, report)
            except OSError as error:
                raise self._local_problem(error, dest, report) from None
            finally:
                stream.close()
        check_arrived(self._name, files, dest)
        return Progress(report.total, report.total, len(wanted))

    def close(self) -> None:
        """Nothing is kept open."""

    def _missing(self, entries: Sequence[FileEntry], dest: str, link_dest: Sequence[str]) -> set[str]:
        manifest = Manifest(name="push", kind="data", base=".", files=tuple(entries))
        earlier = ["--link-dest", os.pathsep.join(link_dest)] if link_dest else []
        argv = agent_argv(self._facts, self._bundle, self._name, "missing", "--into", dest, *earlier)
        done = self._transport.run(argv, input=json.dumps(to_dict(manifest)).encode(), timeout=600)
        answer = self._answer(done.stdout, done.exit, done.stderr)
        known = {entry.path for entry in entries}
        return {str(path) for path in answer.get("missing", ()) if path in known}

    def _send(self, source: Path, names: Sequence[str], dest: str, report: _Report) -> None:
        stream = self._start("untar", None, "--into", dest)
        try:
            with tarfile.open(fileobj=_Sink(stream, report), mode="w|", bufsize=_PIECE, dereference=True) as archive:
                for name in names:
                    archive.add(source / name, arcname=name, recursive=False)
                    report.files += 1
            stream.close_input()
            self._answer(_drain(stream), stream.exit_status(), stream.stderr())
        except OSError as error:  # of the laptop's file: gone, or shorter than it was a moment ago
            raise self._failed("files_missing", str(error.filename or "")) from None
        except LtError as error:
            if error.code == "host_unreachable" and self._transport.alive():
                self._answer(_drain(stream), stream.exit_status(2.0), stream.stderr())
            raise
        finally:
            stream.close()

    def _receive(self, stream: Duplex, entry: FileEntry, offset: int, dest: Path, report: _Report) -> None:
        aside = _partial(dest, entry)
        aside.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with aside.open("r+b" if offset else "wb") as sink:
            sink.seek(offset)
            sink.truncate()
            self._fill(stream, sink, entry, entry.size - offset, report)
        os.replace(aside, dest / entry.path)
        report.files += 1

    def _fill(self, stream: Duplex, sink: IO[bytes], entry: FileEntry, missing: int, report: _Report) -> None:
        while missing:
            data = stream.recv(min(_PIECE, missing))
            if not data:
                raise self._cut_short(stream, entry)
            sink.write(data)
            missing -= len(data)
            report.add(len(data))

    def _cut_short(self, stream: Duplex, entry: FileEntry) -> LtError:
        code = stream.exit_status(5.0)
        if code is None or code == -1 or not self._transport.alive():
            return self._failed("connection", entry.path)
        if _parse(stream.stderr().splitlines()[-1:]).get("error", {}).get("code") == "range_missing":
            return LtError("transfer_refused", host=self._name, path=entry.path, why="missing")
        return self._failed("agent", entry.path, stream.stderr()[-300:])

    def _start(self, command: str, input: bytes | None, *words: str) -> Duplex:
        stream = self._transport.open(agent_argv(self._facts, self._bundle, self._name, command, *words))
        if input is not None:
            stream.sendall(input)
            stream.close_input()
        return stream

    def _answer(self, said: bytes, code: int | None, stderr: bytes) -> dict[str, Any]:
        """The agent's JSON answer. Raises the error that it holds, or LtError `transfer_failed`."""
        value = _parse(said.splitlines()[-1:])
        problem = value.get("error")
        if isinstance(problem, dict):
            error = host_error(problem)
            error.params["host"] = self._name
            raise error
        if code != 0 or not value:
            raise self._failed("connection" if code in (None, -1) else "agent", "", stderr[-300:])
        return value

    def _failed(self, why: str, path: str, detail: bytes = b"") -> LtError:
        return LtError("transfer_failed", host=self._name, why=why, path=path, detail=detail.decode("utf-8", "replace"))

    def _local_problem(self, error: OSError, dest: Path, report: _Report) -> LtError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return LtError("disk_full", where="laptop", path=str(dest), free=0, needed=report.total - report.done)
        return self._failed("io", str(error.filename or dest), (error.strerror or "").encode())


class _Report:
    """Counts a transfer's bytes, tells who asked, and stops it when told to."""

    def __init__(
        self, total: int, done: int, progress: ProgressCallback | None, cancel: threading.Event | None, host: str
    ) -> None:
        self.total = total
        self.done = done
        self.files = 0
        self._progress = progress
        self._cancel = cancel
        self._host = host

    def add(self, size: int) -> None:
        """Counts `size` bytes more. Raises LtError `transfer_cancelled`."""
        if self._cancel is not None and self._cancel.is_set():
            raise LtError("transfer_cancelled", host=self._host)
        self.done = min(self.total, self.done + size)
        if self._progress is not None:
            self._progress(Progress(self.done, self.total, self.files))


class _Sink(io.RawIOBase):
    """What `tarfile` writes to."""

    def __init__(self, stream: Duplex, report: _Report) -> None:
        super().__init__()
        self._stream = stream
        self._report = report

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._stream.sendall(bytes(data))
        self._report.add(len(data))
        return len(data)


def _parse(lines: Sequence[bytes]) -> dict[str, Any]:
    try:
        value = json.loads(lines[0]) if lines else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _drain(stream: Duplex) -> bytes:
    said = b""
    while len(said) < 65536 and (data := stream.recv()):
        said += data
    return said


def _partial(dest: Path, entry: FileEntry) -> Path:
    path = dest / entry.path
    return path.with_name(f".{path.name[:200]}{_PARTIAL}")


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _is_there(entry: FileEntry, dest: Path) -> bool:
    path = dest / entry.path
    return path.is_file() and not path.is_symlink() and path.stat().st_size == entry.size


def _linked(entry: FileEntry, dest: Path, link_dest: Sequence[Path]) -> bool:
    for folder in link_dest:
        old = folder / entry.path
        if _is_there(entry, folder) and _sha256(old) == entry.sha256:
            new = dest / entry.path
            new.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            new.unlink(missing_ok=True)
            os.link(old, new, follow_symlinks=False)
            return True
    return False


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while data := file.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()
