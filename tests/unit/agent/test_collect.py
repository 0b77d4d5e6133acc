"""A script's files come as collections: quiet ones while it runs, all that match at its end."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from lt_agent import checkpoints, collect
from lt_agent.protocol.files import read_json
from lt_agent.protocol.paths import AttemptPaths, HostRoot
from lt_agent.protocol.ulid import new_ulid
from support.agent_host import AgentHost, ended


@pytest.fixture
def attempt(tmp_path: Path) -> AttemptPaths:
    """An attempt's folder without any process."""
    paths = HostRoot(tmp_path).attempt(new_ulid(), 1)
    for folder in (paths.code / "out", paths.control, paths.out, paths.manifests):
        folder.mkdir(parents=True)
    return paths


def listed(attempt: AttemptPaths) -> dict[str, int]:
    """Paths and sizes in the newest collection."""
    found = [m for m in checkpoints.manifests(attempt) if m.kind == "files"]
    return {entry.path: entry.size for entry in found[-1].files} if found else {}


def take(attempt: AttemptPaths, *patterns: str, quiet: float = 0.0) -> bool:
    """One collection."""
    return collect.collect(attempt, patterns, lambda code, **params: None, quiet=quiet)


def test_what_matches_is_collected_at_the_end(host: AgentHost) -> None:
    script = "mkdir -p out/deep; echo one > out/deep/a.txt; echo two > b.log; echo no > c.tmp; ln -s /etc out/link"
    attempt = host.start("sh", "-c", script, outputs=("out/**", "*.log"))
    assert ended(attempt)["state"] == "succeeded"
    assert listed(attempt) == {"out/deep/a.txt": 4, "b.log": 4}
    assert (attempt.out / "files/out/deep/a.txt").read_text() == "one\n"


def test_a_file_still_written_to_waits(attempt: AttemptPaths) -> None:
    (attempt.code / "out/fresh").write_text("x")
    (attempt.code / "out/old").write_text("y")
    os.utime(attempt.code / "out/old", (time.time() - 60, time.time() - 60))
    assert take(attempt, "out/**", quiet=10)
    assert listed(attempt) == {"out/old": 1}
    assert not take(attempt, "out/**", quiet=10)


def test_each_collection_lists_all_and_replaces_the_one_before(attempt: AttemptPaths) -> None:
    (attempt.code / "out/a").write_text("1")
    assert take(attempt, "out/**")
    (attempt.code / "out/b").write_text("22")
    (attempt.code / "out/a").unlink()
    assert take(attempt, "out/**")
    assert listed(attempt) == {"out/a": 1, "out/b": 2}
    assert [m.name for m in checkpoints.manifests(attempt)] == ["files-2"]
    assert (attempt.out / "files/out/a").exists()


def test_the_one_before_stays_while_it_is_pulled(attempt: AttemptPaths) -> None:
    (attempt.code / "out/a").write_text("1")
    take(attempt, "out")
    held = checkpoints.pin(attempt, "files-1")
    assert collect.is_being_pulled(attempt)
    (attempt.code / "out/b").write_text("2")
    take(attempt, "out")
    assert sorted(m.name for m in checkpoints.manifests(attempt)) == ["files-1", "files-2"]
    os.close(held)
    assert not collect.is_being_pulled(attempt)


def test_what_came_with_the_code_is_no_output_until_it_changes(attempt: AttemptPaths) -> None:
    (attempt.code / "out/given").write_text("given")
    collect.remember_start(attempt, ["**"])
    assert not take(attempt, "**")
    (attempt.code / "out/given").write_text("changed")
    assert take(attempt, "**")
    assert listed(attempt) == {"out/given": 7}


def test_a_copy_during_which_the_file_moved_is_thrown_away(
    attempt: AttemptPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = attempt.code / "out/a"
    source.write_text("1")
    fsync = os.fsync

    def meanwhile(fd: int) -> None:
        source.with_name("new").write_text("another")
        os.replace(source.with_name("new"), source)
        fsync(fd)

    monkeypatch.setattr(os, "fsync", meanwhile)
    assert not take(attempt, "out/a")
    monkeypatch.undo()
    assert os.listdir(attempt.out / "files/out") == []
    assert take(attempt, "out/a")
    assert listed(attempt) == {"out/a": 7}


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("out/**", ["out/a", "out/b/c"], ["outer/a", "a/out/x"]),
        ("out", ["out", "out/a/b"], ["out2"]),
        ("*.pt", ["a.pt"], ["d/a.pt", "a.ptx"]),
        ("**/*.pt", ["a.pt", "d/e/a.pt"], ["a.txt"]),
        ("run-?/[x].txt", ["run-1/[x].txt"], ["run-12/[x].txt", "run-1/x.txt"]),
        ("./out/*", ["out/a", "out/a/b"], ["x/out/a"]),
        ("**", ["a", "b/c"], []),
    ],
)
def test_patterns(pattern: str, yes: list[str], no: list[str]) -> None:
    regex = collect.to_regex(pattern)
    assert all(regex.fullmatch(path) for path in yes)
    assert not any(regex.fullmatch(path) for path in no)


def test_the_outputs_manifest_carries_true_sizes(attempt: AttemptPaths) -> None:
    (attempt.code / "out/big").write_bytes(b"z" * (3 << 20))
    take(attempt, "out/big")
    manifest = read_json(attempt.manifest("files-1"))
    assert manifest["base"] == "out/files"
    assert manifest["files"][0]["size"] == 3 << 20
