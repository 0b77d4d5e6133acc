"""No path that a manifest or a request names leads outside of its folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.paths import HostRoot
from lt_agent.protocol.records import FileEntry, Manifest
from lt_controller.engine.verify import checked_entries, checked_manifest
from support.steady import STEADY

SHA = "0" * 64
# Mostly pieces that mean something to a file system.
PIECES = st.sampled_from(["..", ".", "", "a", "/", "//", "\\", "~", "\0", " ", "\n", "..a", "a..", "-rf", "ü"])
PATHS = st.lists(PIECES | st.text(max_size=5), max_size=6).map("/".join) | st.text(max_size=20)


@given(PATHS)
@settings(STEADY, max_examples=150)
def test_what_is_accepted_stays_inside(path: str) -> None:
    manifest = Manifest("c", "checkpoint", "out/c", (FileEntry(path, 1, SHA),))
    try:
        (entry,) = checked_entries(manifest)
    except LtError as error:
        assert error.code == "bad_manifest"
        return
    folder = "/home/somebody/runs/job/c"
    assert os.path.normpath(os.path.join(folder, entry.path)).startswith(folder + "/")
    assert "\0" not in entry.path


@given(PATHS)
@settings(STEADY)
def test_a_checkpoints_name_is_one_plain_word(name: str) -> None:
    try:
        found = checked_manifest(Manifest(name, "checkpoint", "out/c", (FileEntry("a", 1, SHA),))).name
    except LtError as error:
        assert error.code == "bad_manifest"
        return
    assert Path("/x", found).parent == Path("/x") and found not in (".lt", ".", "..") and not found.startswith("-")


@given(PATHS, PATHS)
@example("..", "x")
@example("x", "..")
@example("x", "a\0b")
@settings(STEADY)
def test_a_snapshot_lies_under_the_root_whatever_it_is_called(name: str, digest: str) -> None:
    root = HostRoot("/data/lt")
    try:
        found = [root.data(name, digest), root.data_manifest(name, digest), root.data_staging(name, digest)]
    except (LtError, UnicodeEncodeError):
        return
    for path in found:
        assert os.path.normpath(path).startswith(f"/data/lt/data/{name}/")
        assert "\0" not in str(path)


@given(st.text(max_size=30), st.integers(-3, 3))
@settings(STEADY)
def test_an_attempts_folder_is_made_of_a_ulid_only(job: str, attempt: int) -> None:
    with pytest.raises(LtError) as caught:
        HostRoot("/data/lt").attempt("../" + job, attempt)
    assert caught.value.code == "bad_job_id"
