"""What the rsync at each end can do: 3.x of every age, the 2.6.9 that macOS carried for long, and its openrsync."""

from __future__ import annotations

import functools
import re
import subprocess
from dataclasses import dataclass

from lt_agent.protocol.errors import LtError

from .base import Progress
from .remote import quote

_VERSION = re.compile(r"version (\d+)\.(\d+)(?:\.(\d+))?")
# `  1,234,567  12%  1.18MB/s    0:00:01 (xfr#3, to-chk=7/10)`
_PROGRESS = re.compile(rb"\s*([\d,.]+)\s+\d+%[^(]*(?:\(xfr#(\d+),.*)?")


@dataclass(frozen=True)
class Features:
    """What both ends of a transfer support."""

    version: tuple[int, int, int]
    openrsync: bool = False

    @property
    def options(self) -> list[str]:
        """The options that depend on the version."""
        found = []
        if not self.openrsync and self.version >= (3, 1, 0):
            found += ["--info=progress2", "--no-inc-recursive"]
        if not self.openrsync and self.version >= (3, 1, 3):
            found.append("--modify-window=-1")  # nanoseconds count: a file edited twice within a second differs
        if self.protects:
            found.append("-s")
        return found

    @property
    def protects(self) -> bool:
        """Whether paths reach the other end untouched by any shell (`-s`)."""
        return not self.openrsync and self.version >= (3, 0, 0)

    def remote_path(self, path: str) -> str:
        """`path` as it must be written after `host:`: as it is where rsync protects it, else quoted for the shell."""
        return path if self.protects else quote(path)

    def with_remote(self, text: str) -> Features:
        """What is left when the other end is `text` (the first line of its `rsync --version`, or a bare number)."""
        other = parse_version(text)
        return Features(min(self.version, other.version), self.openrsync or other.openrsync)


def parse_version(text: str) -> Features:
    """The features of an rsync by what it says of its version; the oldest ones for what is not understood."""
    found = _VERSION.search(text) or re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", text.strip())
    openrsync = "openrsync" in text
    if not found:
        return Features((2, 6, 9), openrsync)
    return Features((int(found[1]), int(found[2]), int(found[3] or 0)), openrsync)


@functools.cache
def local_features() -> Features:
    """What this machine's rsync can do. Raises LtError `no_rsync_here`."""
    try:
        said = subprocess.run(["rsync", "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        raise LtError("no_rsync_here") from None
    return parse_version(said.split("\n\n")[0])


def parse_progress(line: bytes, total: int) -> Progress | None:
    """What one line of `--info=progress2` says, or None for any other line."""
    found = _PROGRESS.fullmatch(line.rstrip())
    if not found:
        return None
    done = int(re.sub(rb"[^\d]", b"", found[1]))
    return Progress(min(done, total), total, int(found[2] or 0))
