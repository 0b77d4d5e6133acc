"""A root that another user of the host has made first is not used: he could put programs in the place of ours."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lt_agent.protocol.errors import LtError
from lt_controller.transport.agent import _FOREIGN, _MISSING, _PREPARE, _START, push_agent
from lt_controller.transport.base import Completed
from lt_controller.transport.remote import script
from support.sshd import short_folder

__all__ = ["short_folder"]

NOBODY = 65534
pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="needs root, to be two users")


def as_nobody(text: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(script(text, *words), user=NOBODY, group=NOBODY, capture_output=True, cwd="/", check=False)


def folder(parent: Path, name: str, owner: int, mode: int) -> Path:
    parent.chmod(0o777)
    path = parent / name
    path.mkdir()
    os.chown(path, owner, owner)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o777, 0o755, 0o1777])
def test_a_folder_of_another_user_is_refused(short_folder: Path, mode: int) -> None:
    root = folder(short_folder, "lt", 0, mode)
    (root / "agents").mkdir(mode=0o777)
    (root / "agents" / "digest").mkdir()
    (root / "agents/digest/.complete").touch()  # a program that would be started
    done = as_nobody(_START, str(root), "digest", "/bin/echo", "")
    assert done.stdout.endswith(_FOREIGN) and done.returncode == 91
    assert [path.name for path in root.iterdir()] == ["agents"]


def test_a_folder_of_ones_own_and_one_to_be_made_are_taken(short_folder: Path) -> None:
    own = folder(short_folder, "own", NOBODY, 0o777)
    for root in (own, short_folder / "fresh"):
        assert as_nobody(_START, str(root), "digest", "/bin/echo", "").stdout.endswith(_MISSING)
        assert as_nobody(_PREPARE, str(root), "part").returncode == 0
        assert (root / "agents/part").is_dir() and not root.stat().st_mode & 0o022
    assert (short_folder / "fresh").stat().st_mode & 0o777 == 0o700


def test_what_was_found_is_told(tmp_path: Path) -> None:
    class Host:
        name = "box"

        def run(self, argv: Any, input: bytes = b"", timeout: float = 60.0) -> Completed:
            return Completed(91, _FOREIGN, b"")

    bundle: Any = type("Bundle", (), {"digest": "d"})()
    with pytest.raises(LtError, match="root_not_ours"):
        push_agent(Host(), None, {"root": "/data/lt", "python": {"path": "/p"}}, bundle)  # type: ignore[arg-type]
