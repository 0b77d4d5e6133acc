"""Standing in a stranger's folder: nothing that lies there is run by lt itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.laptop import Laptop

#: Modules that the programs lt starts would take from the folder they are started in.
NAMES = ("lt_controller", "sqlite_utils", "pip", "json", "click")


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A folder with modules that say that they were run; the file `sprung` is their word."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in NAMES:
        (folder / name).mkdir()
        for file in ("__init__.py", "__main__.py"):
            (folder / name / file).write_text(f"open({str(tmp_path / 'sprung')!r}, 'a').write({name!r} + ' ')\n")
    return folder


def sprung(tmp_path: Path) -> str:
    path = tmp_path / "sprung"
    return path.read_text() if path.exists() else ""


def test_commands_run_nothing_of_the_folder_one_stands_in(laptop: Laptop, trap: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "pip"], cwd=trap, capture_output=True, check=False)
    assert "pip" in sprung(tmp_path)  # the trap works
    (tmp_path / "sprung").unlink()
    laptop.own_local()
    laptop.lt("host", "edit", "local", "--slots", "2", cwd=trap)  # makes the database, by a program of its own
    laptop.lt("recover", "--home", cwd=trap)
    assert (laptop.home / "lt.db").exists() and sprung(tmp_path) == ""
