"""flock, the one kind of lock here: the kernel lets go of it when its last holder dies, however it dies."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path


def try_lock(path: Path, *, shared: bool = False, mode: int = 0o600) -> int | None:
    """A descriptor that holds the lock on `path` (made if absent), or None if another process holds it.

    The lock lives until every copy of the descriptor is closed, in this process and those forked from it. The
    descriptor is closed by exec; who wants it inherited says so. `mode` is that of a file that is made. Raises OSError
    if the file can't be opened, and if it is a link.
    """
    while True:
        fd = _open(path, mode)
        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            os.close(fd)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return None
            raise
        if _is_still(path, fd):
            return fd
        os.close(fd)  # deleted between our open and our lock: the lock of a file that nobody else can find


def _open(path: Path, mode: int) -> int:
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    while True:
        try:
            return os.open(path, flags)  # without O_CREAT: in a sticky folder that is refused for another user's file
        except FileNotFoundError:
            pass
        try:
            fd = os.open(path, flags | os.O_CREAT | os.O_EXCL, mode)
        except FileExistsError:
            continue
        if mode != 0o600:
            os.fchmod(fd, mode)  # others are to open it as well, whatever the umask
        return fd


def lock(path: Path, timeout: float, *, shared: bool = False) -> int | None:
    """As `try_lock`, trying for `timeout` seconds: for locks that others hold for moments only."""
    deadline = time.monotonic() + timeout
    while True:
        fd = try_lock(path, shared=shared)
        if fd is not None or time.monotonic() >= deadline:
            return fd
        time.sleep(0.01)


def is_locked(path: Path) -> bool:
    """Whether some process holds the lock at this moment. A file that is not there is not locked, nor made."""
    if not path.exists():
        return False
    fd = try_lock(path, shared=True)
    if fd is None:
        return True
    os.close(fd)
    return False


def _is_still(path: Path, fd: int) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    mine = os.fstat(fd)
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)
