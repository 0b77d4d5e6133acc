"""Which machine this is: homes are shared by machines, and nobody judges what runs on another."""

from __future__ import annotations

import contextlib
import os

from .protocol.errors import LtError
from .protocol.paths import LeaseDir


def open_lease_dir(lease: LeaseDir) -> None:
    """Makes the lease folder and its parts, mode 0700, if they are not there.

    Raises LtError `lease_dir_unsafe{path, why}` if it is a link or belongs to someone else: its name can be guessed,
    so another user of the machine may have been there first.
    """
    for path in (lease.path, lease.tickets, lease.leases):
        try:
            os.makedirs(path, mode=0o700, exist_ok=True)
            info = os.lstat(path)
        except FileExistsError:
            raise LtError("lease_dir_unsafe", path=str(path), why="not a folder") from None
        except OSError as error:
            raise LtError("lease_dir_unsafe", path=str(path), why=str(error.strerror)) from None
        if os.path.islink(path):
            raise LtError("lease_dir_unsafe", path=str(path), why="a link")
        if info.st_uid != os.getuid():
            raise LtError("lease_dir_unsafe", path=str(path), why=f"it belongs to uid {info.st_uid}")
        if info.st_mode & 0o022:
            raise LtError("lease_dir_unsafe", path=str(path), why="others may write to it")


def machine_id(lease: LeaseDir) -> str:
    """The random id of this machine, made at the first call; it survives a reboot."""
    try:
        return _read(lease)
    except FileNotFoundError:
        pass
    open_lease_dir(lease)
    aside = lease.machine.with_name(f".machine.{os.getpid()}.{os.urandom(4).hex()}")
    aside.write_text(os.urandom(16).hex() + "\n", encoding="ascii")
    try:
        with contextlib.suppress(FileExistsError):  # two at once: the first one's id holds
            os.link(aside, lease.machine)
    finally:
        os.unlink(aside)
    return _read(lease)


def keep_fresh(lease: LeaseDir, fds: tuple[int, ...] = ()) -> None:
    """Touches what must not be swept away: /var/tmp is cleaned of files that nobody used for a month."""
    for path in (lease.machine, lease.path / "slots.json", lease.lock):
        with contextlib.suppress(OSError):
            os.utime(path)
    for fd in fds:
        with contextlib.suppress(OSError):
            os.utime(fd)


def _read(lease: LeaseDir) -> str:
    return lease.machine.read_text(encoding="ascii").strip()
