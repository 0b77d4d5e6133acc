"""What came home is what the manifest says, and stays inside its folder."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import FileEntry, Manifest
from lt_controller.engine.verify import checked_entries, checked_manifest, sweep, verify


def entry(path: str, content: bytes = b"x") -> FileEntry:
    return FileEntry(path, len(content), hashlib.sha256(content).hexdigest())


def manifest(*paths: str) -> Manifest:
    return Manifest("checkpoint-1", "checkpoint", "out/checkpoint-1", tuple(entry(path) for path in paths))


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "", "a//b", "./a", "a\0b", "a/"])
def test_a_path_that_leads_outside_is_refused(path: str) -> None:
    with pytest.raises(LtError, match="bad_manifest"):
        checked_entries(manifest(path))


def test_a_path_named_twice_is_refused() -> None:
    with pytest.raises(LtError, match="bad_manifest"):
        checked_entries(manifest("a", "a"))


def test_odd_but_harmless_names_pass() -> None:
    names = ["a b", "q'uote", "new\nline", "-dash", "..hidden", "模型.bin", "deep/er/file"]
    assert [found.path for found in checked_entries(manifest(*names))] == names


def test_whatever_differs_is_named(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(b"x")
    (tmp_path / "flipped").write_bytes(b"y")
    (tmp_path / "short").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    os.symlink(tmp_path / "good", tmp_path / "link")
    names = ["good", "flipped", "short", "missing", "folder", "link"]
    assert verify(tmp_path, [entry(name) for name in names]) == names[1:]


@pytest.mark.parametrize("digest", ["", "0" * 63, "0" * 65, "0" * 64 + "\n", "G" * 64, "A" * 64])
def test_a_hash_that_is_none_is_refused(digest: str) -> None:
    sound = checked_manifest(manifest("a"))
    with pytest.raises(LtError, match="bad_manifest"):
        checked_manifest(replace(sound, files=(replace(sound.files[0], sha256=digest),)))


def test_what_was_sent_beside_the_manifest_is_swept_and_no_link_is_followed(tmp_path: Path) -> None:
    folder, outside = tmp_path / "folder", tmp_path / "outside"
    for place in (folder / "deep" / "empty", folder / "more", outside):
        place.mkdir(parents=True)
    for file in (folder / "deep" / "named", folder / "deep" / "extra", folder / "more" / "extra", outside / "theirs"):
        file.write_bytes(b"x")
    os.symlink(outside, folder / "away")
    os.symlink(outside / "theirs", folder / "linked")  # in the place of a file that the manifest names
    sweep(folder, [entry("deep/named"), entry("linked")])
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")) == ["deep", "deep/named"]
    assert (outside / "theirs").read_bytes() == b"x"
