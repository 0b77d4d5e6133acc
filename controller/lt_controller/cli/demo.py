"""`lt demo`."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), help="where everything lies; else a new temporary folder")
def demo(folder: Path | None) -> int:
    """Train a tiny language model for real on this machine, over SSH where OpenSSH's server is installed.

    About a minute: the push, the log, the falling loss, the verified checkpoint, and an answer before and after.
    """
    from ..demo.run import run_demo
    from ..wording import language

    return run_demo(sys.stdout, folder=folder, language=language())
