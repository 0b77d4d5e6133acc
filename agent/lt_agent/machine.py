"""Which machine this is: homes are shared by machines, and nobody judges what runs on another."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import procs
from .protocol.errors import LtError
from .protocol.paths import LeaseDir

PRIVATE, OWN, COMMON = 0o700, 0o2750, 0o3770
_OF_ONE_KERNEL = frozenset(
    {"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "bcachefs", "overlay", "tmpfs", "ramfs"}
)
"""File systems that one kernel mounts at a time: who finds a spool on one knows that no other machine works in it."""


def open_lease_dir(lease: LeaseDir) -> None:
    """Makes the lease folder and its parts if they are not there: mode 0700, or a user's part of a shared one.

    Raises LtError `lease_dir_unsafe{path, why}` if it is a link or belongs to someone else: its name can be guessed,
    so another user of the machine may have been there first. A shared one (sticky, and writable by a group that this
    user is in) may belong to anyone, unless it stands where the user's own would.
    """
    if lease.shared:
        _check_shared(lease)
        for path, mode in ((lease.leases, COMMON), (lease.users, COMMON), (lease.own, OWN), (lease.tickets, OWN)):
            _make(path, mode)
            _check_kind(path)
        for path in (lease.own, lease.tickets):
            _check_own(path)
        return
    for path in (lease.path, lease.tickets, lease.leases):
        _make(path, PRIVATE)
        _check_kind(path)
        _check_own(path)


def machine_id(lease: LeaseDir) -> str:
    """The random id of this machine, made at the first call; it survives a reboot."""
    try:
        return _read(lease)
    except FileNotFoundError:
        pass
    open_lease_dir(lease)
    aside = lease.machine.with_name(f".machine.{os.getpid()}.{os.urandom(4).hex()}")
    aside.write_text(os.urandom(16).hex() + "\n", encoding="ascii")
    if lease.shared:
        os.chmod(aside, 0o644)
    try:
        with contextlib.suppress(FileExistsError):  # two at once: the first one's id holds
            os.link(aside, lease.machine)
    finally:
        os.unlink(aside)
    return _read(lease)


def place(lease: LeaseDir) -> dict[str, Any]:
    """Where an attempt is queued, for its spec: the lease folder with its id, this boot, and the start of pid 1."""
    init = procs.read_stat(1)
    return {
        "machine": machine_id(lease),
        "lease_dir": str(lease.path),
        "boot_id": procs.boot_id(),
        "init_start": init.start if init else 0,
    }


def is_here(recorded: Mapping[str, Any], lease: LeaseDir, root: Path) -> bool:
    """Whether an attempt that was recorded (`place`, or a supervisor's identity beside it) is this machine's to judge.

    It is if it was queued in this very lease folder. If that folder has been wiped since (a container that was made
    anew over a kept volume), it is after all when it is of this boot and this pid 1, or when the spool lies on a file
    system that only one kernel can have mounted: no other machine can be at work in it. A home on NFS proves nothing.
    """
    if recorded.get("machine") == machine_id(lease):
        return True
    if not recorded.get("boot_id") or _still_there(recorded):
        return False
    return is_this_system(recorded) or filesystem(root) in _OF_ONE_KERNEL


def is_this_system(recorded: Mapping[str, Any]) -> bool:
    """Whether it was recorded in this boot and under this pid 1: what runs of it is in our process table."""
    init = procs.read_stat(1)
    now = (procs.boot_id(), init.start if init else 0)
    return (recorded.get("boot_id"), recorded.get("init_start")) == now


def filesystem(path: Path) -> str:
    """The kind of file system under `path`; empty if that can't be told."""
    best, kind = "", ""
    real = os.path.realpath(path)
    try:
        with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as file:
            cells = [line.split() for line in file]
    except OSError:
        return ""
    for cell in cells:
        if len(cell) < 3:
            continue
        mount = cell[1].encode("utf-8", "surrogateescape").decode("unicode_escape", "replace")
        inside = real == mount or real.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(best):
            best, kind = mount, cell[2]
    return kind


def keep_fresh(lease: LeaseDir, fds: tuple[int, ...] = ()) -> None:
    """Touches what must not be swept away: /var/tmp is cleaned of files that nobody used for a month."""
    for path in (lease.machine, lease.slots, lease.lock):
        with contextlib.suppress(OSError):
            os.utime(path)
    for fd in fds:
        with contextlib.suppress(OSError):
            os.utime(fd)


def _still_there(recorded: Mapping[str, Any]) -> bool:
    """Whether the lease folder that it was queued in is another one of this machine, which sees to its own."""
    where = recorded.get("lease_dir")
    try:
        return isinstance(where, str) and _read(LeaseDir(where)) == recorded.get("machine")
    except (OSError, ValueError, LtError):
        return False


def _make(path: Path, mode: int) -> None:
    try:
        if path.parent.exists():
            path.mkdir(mode=PRIVATE)
        else:
            os.makedirs(path, mode=PRIVATE)
    except FileExistsError:
        return
    except OSError as error:
        raise LtError("lease_dir_unsafe", path=str(path), why=str(error.strerror)) from None
    if mode != PRIVATE:
        os.chmod(path, mode)  # the umask has its say in mkdir


def _check_kind(path: Path) -> None:
    info = os.lstat(path)
    if stat.S_ISLNK(info.st_mode):
        raise LtError("lease_dir_unsafe", path=str(path), why="a link")
    if not stat.S_ISDIR(info.st_mode):
        raise LtError("lease_dir_unsafe", path=str(path), why="not a folder")


def _check_own(path: Path) -> None:
    info = os.lstat(path)
    if info.st_uid != os.getuid():
        raise LtError("lease_dir_unsafe", path=str(path), why=f"it belongs to uid {info.st_uid}")
    if info.st_mode & 0o022:
        raise LtError("lease_dir_unsafe", path=str(path), why="others may write to it")


def _check_shared(lease: LeaseDir) -> None:
    _check_kind(lease.path)
    info = os.lstat(lease.path)
    if lease.path == LeaseDir.usual() and info.st_uid != os.getuid():
        raise LtError("lease_dir_unsafe", path=str(lease.path), why=f"it belongs to uid {info.st_uid}")
    if info.st_mode & stat.S_IWOTH:
        raise LtError("lease_dir_unsafe", path=str(lease.path), why="others may write to it")
    if info.st_uid != os.getuid() and info.st_gid not in (*os.getgroups(), os.getegid()):
        raise LtError("lease_dir_unsafe", path=str(lease.path), why=f"this user is not in its group {info.st_gid}")


def _read(lease: LeaseDir) -> str:
    """The id in the folder, which others of a lab may write to: no link is followed and no pipe is waited for.

    Raises FileNotFoundError, LtError `lease_dir_unsafe`.
    """
    try:
        fd = os.open(lease.machine, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise LtError("lease_dir_unsafe", path=str(lease.machine), why=str(error.strerror)) from None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise LtError("lease_dir_unsafe", path=str(lease.machine), why="no file")
        return os.read(fd, 256).decode("ascii", "replace").strip()
    finally:
        os.close(fd)
