"""How much of the laptop's disk is left alone: hosts decide what is sent, and the disk belongs to its person."""

from __future__ import annotations

import shutil
from pathlib import Path

SPARE = 256 << 20  # bytes that are never filled, or a twentieth of a small disk


def left(path: Path) -> int:
    """Bytes that may still be filled on the disk of `path`, below 0 where it is fuller than that. Raises OSError."""
    usage = shutil.disk_usage(path)
    return usage.free - min(SPARE, usage.total // 20)
