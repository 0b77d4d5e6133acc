"""Files to and from host `local`: a plain copy, resumed by file, with hard links where rsync would make them."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Sequence
from pathlib import Path

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import FileEntry

from .base import Progress, ProgressCallback, check_arrived, checked_names

_PIECE = 8 << 20  # bytes between two looks at `cancel`


class CopyBulk:
    """The `Bulk` of this very machine."""

    def __init__(self, name: str = "local") -> None:
        self._name = name

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
        sizes = {}
        for name in names:
            try:
                sizes[name] = (source / name).stat().st_size
            except OSError:
                raise self._failed("files_missing", name) from None
        return self._copy(source, sizes, Path(dest), [Path(path) for path in link_dest], progress, cancel, follow=True)

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
        sizes = {entry.path: entry.size for entry in files}
        dest.mkdir(parents=True, exist_ok=True, mode=0o700)
        result = self._copy(Path(source), sizes, dest, link_dest, progress, cancel, follow=False)
        check_arrived(self._name, files, dest)
        return result

    def close(self) -> None:
        """Nothing is kept open."""

    def _copy(
        self,
        source: Path,
        sizes: dict[str, int],
        dest: Path,
        link_dest: Sequence[Path],
        progress: ProgressCallback | None,
        cancel: threading.Event | None,
        *,
        follow: bool,
    ) -> Progress:
        total, done, count = sum(sizes.values()), 0, 0
        for name, size in sizes.items():
            here, there = source / name, dest / name
            try:
                there.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                if not self._already(here, there, [folder / name for folder in link_dest], follow):
                    self._copy_file(here, there, cancel, follow)
                    count += 1
            except OSError as error:
                raise self._explain(error, name, total - done) from None
            done += size
            if progress is not None:
                progress(Progress(done, total, count))
        return Progress(total, total, count)

    def _already(self, here: Path, there: Path, earlier: Sequence[Path], follow: bool) -> bool:
        """Whether `there` is the file already, or has just become a link to an earlier copy of it."""
        found = here.stat() if follow else here.lstat()
        if _same(found, there):
            return True
        for old in earlier:
            if _same(found, old):
                there.unlink(missing_ok=True)
                os.link(old, there, follow_symlinks=False)
                return True
        return False

    def _copy_file(self, here: Path, there: Path, cancel: threading.Event | None, follow: bool) -> None:
        fd = os.open(here, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW))
        aside = there.with_name(f".{there.name[:200]}.lt-partial")
        with open(fd, "rb") as source:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                raise LtError("transfer_refused", host=self._name, path=str(here), why="link")
            aside.unlink(missing_ok=True)
            with aside.open("xb") as sink:
                while piece := source.read(_PIECE):
                    if cancel is not None and cancel.is_set():
                        raise LtError("transfer_cancelled", host=self._name)
                    sink.write(piece)
                executable = 0o100 if found.st_mode & 0o111 else 0
                os.fchmod(sink.fileno(), 0o600 | executable)
        os.utime(aside, ns=(found.st_atime_ns, found.st_mtime_ns))
        os.replace(aside, there)

    def _explain(self, error: OSError, name: str, missing: int) -> LtError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return LtError("disk_full", host=self._name, path=name, free=0, needed=missing)
        if error.errno == errno.ELOOP:
            return LtError("transfer_refused", host=self._name, path=name, why="link")
        if isinstance(error, FileNotFoundError):
            return self._failed("files_missing", name)
        return self._failed("io", name, error.strerror or "")

    def _failed(self, why: str, name: str, detail: str = "") -> LtError:
        return LtError("transfer_failed", host=self._name, why=why, path=name, detail=detail)


def _same(found: os.stat_result, other: Path) -> bool:
    try:
        there = other.lstat()
    except OSError:
        return False
    return (
        stat.S_ISREG(there.st_mode)
        and stat.S_ISREG(found.st_mode)
        and there.st_size == found.st_size
        and there.st_mtime_ns == found.st_mtime_ns
        and bool(there.st_mode & 0o111) == bool(found.st_mode & 0o111)
    )
