"""The process a controller talks to: frames on stdin and stdout, one bridge per connection (`docs/bridge.md`)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Mapping

from ..protocol.paths import HostRoot, LeaseDir
from .loop import run

__all__ = ["main", "run"]


def main(options: Mapping[str, str]) -> int:
    """The command `bridge --root DIR [--lease-dir DIR]`. Returns the exit code."""
    agent_dir = Path(os.path.abspath(__file__)).parents[2]  # what `python3` was started with: it starts the dispatcher
    return run(HostRoot(options.get("root") or "~/.lt-agent"), LeaseDir(options.get("lease-dir")), agent_dir)
