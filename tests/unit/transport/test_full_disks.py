"""A disk that fills up is said to be full, on whichever side it is."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import FileEntry

from .conftest import Way


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB, where this user may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "lt-test", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_on_the_host(way: Way, tmp_path: Path, small_disk: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/big").write_bytes(os.urandom(8 << 20))
    with pytest.raises(LtError) as caught:
        way.bulk.push(tmp_path / "src", ["big"], str(small_disk / "files"))
    assert caught.value.code == "disk_full"
    assert caught.value.params["host"] == way.host.name


def test_a_full_disk_at_home(way: Way, tmp_path: Path, small_disk: Path) -> None:
    there = way.root / tmp_path.name
    there.mkdir()
    (there / "big").write_bytes(os.urandom(8 << 20))
    with pytest.raises(LtError) as caught:
        way.bulk.pull(str(there), [FileEntry("big", 8 << 20, "")], small_disk / "home")
    assert caught.value.code == "disk_full"
    if way.kind != "copy":
        assert caught.value.params["where"] == "laptop"
