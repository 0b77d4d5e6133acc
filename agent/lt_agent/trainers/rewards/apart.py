"""Started alone: takes all rights away, then runs the code on stdin.

    python apart.py apart|plain MEMORY SECONDS FOLDER CODE

Its exit code is CODE where the program came to its end: one that leaves earlier, by `sys.exit(0)` before its tests
say, does not know the number. 120 where this host can't keep it apart.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys

# From Linux's headers: linux/mount.h and fcntl.h. mount_setattr has this number on every architecture since 5.12.
_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE, _RDONLY = 442, -100, 0x8000, 0x1
_NOSUID, _NODEV = 2, 4
_FILE_BYTES, _PROCESSES = 8 << 20, 64


class _MountAttr(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]


def _close_files(folder: str) -> None:
    """Everything becomes read-only, and `folder` an empty place in memory. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    wanted = _MountAttr(attr_set=_RDONLY)
    if libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, b"/", _AT_RECURSIVE, ctypes.byref(wanted), ctypes.sizeof(wanted)):
        raise OSError(ctypes.get_errno(), "mount_setattr")
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", _NOSUID | _NODEV, b"size=16m"):
        raise OSError(ctypes.get_errno(), "mount")
    os.chdir(folder)


def main() -> None:
    """See the top of this file."""
    way, memory, seconds, folder, done = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5])
    program = sys.stdin.read()
    if way == "apart":
        try:
            _close_files(folder)
        except OSError:
            sys.exit(120)
    limits = {"AS": memory, "CPU": seconds, "FSIZE": _FILE_BYTES, "CORE": 0, "NOFILE": 64}
    if way == "apart":
        limits["NPROC"] = _PROCESSES  # counted within the namespace; outside it would count all of the user's
    for name, value in limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
    sys.argv[:] = ["answer.py"]
    exec(compile(program, "answer.py", "exec"), {"__name__": "__main__"})  # noqa: S102 — what this file is for
    sys.exit(done)


if __name__ == "__main__":
    main()
