"""A checkpoint exists when its manifest does; rotation keeps what is needed, and what is being pulled."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from lt_agent import checkpoints
from lt_agent.protocol.errors import LtError
from lt_agent.protocol.files import read_json, write_json
from lt_agent.protocol.paths import AttemptPaths, HostRoot
from lt_agent.protocol.records import Manifest
from lt_agent.protocol.ulid import new_ulid
from support.agent_host import AgentHost, ended, events, log_has
from support.wait import until

WORKER = """
import json, os, sys, time
from pathlib import Path
attempt = Path(os.environ["LT_OUT"]).parent
def save(step, kind="checkpoint", name=None, **word):
    name = name or f"checkpoint-{step}"
    folder = attempt / "out" / name
    (folder / "sub").mkdir(parents=True)
    (folder / "weights").write_bytes(os.urandom(1000))
    (folder / "sub" / "state").write_text(str(step))
    (folder / "elsewhere").symlink_to("/etc/passwd")
    saved = attempt / "control" / "saved" / name
    saved.with_name("." + name).write_text(json.dumps({"step": step, "kind": kind, "resumable": True, **word}))
    os.replace(saved.with_name("." + name), saved)
"""


@pytest.fixture
def attempt(tmp_path: Path) -> AttemptPaths:
    """An attempt's folder without any process."""
    paths = HostRoot(tmp_path).attempt(new_ulid(), 1)
    for folder in (paths.saved, paths.pins, paths.out, paths.manifests):
        folder.mkdir(parents=True)
    return paths


def save(attempt: AttemptPaths, step: int, **word: Any) -> str:
    """What a worker does when it has finished a checkpoint."""
    name = f"checkpoint-{step}"
    (attempt.out / name).mkdir()
    (attempt.out / name / "weights").write_text(f"weights of {step}")
    write_json(attempt.saved / name, {"step": step, "kind": "checkpoint", "resumable": True, **word})
    return name


def told(into: list[tuple[str, str]]) -> Any:
    """An `on_event` that remembers."""
    return lambda code, **params: into.append((code, params["name"]))


def names(attempt: AttemptPaths) -> list[str]:
    """The complete checkpoints."""
    return [manifest.name for manifest in checkpoints.manifests(attempt)]


def test_a_worker_that_saves_gets_manifests_with_the_true_hashes(host: AgentHost) -> None:
    script = WORKER + "save(1); save(2, metric=0.5, metric_name='eval_loss', best=True); save(3, 'final', 'final')"
    attempt = host.python(script)
    record = ended(attempt)
    assert (record["state"], record["saved"]) == ("succeeded", "final")
    for name in ("checkpoint-1", "checkpoint-2", "final"):
        manifest = read_json(attempt.manifest(name))
        assert [entry["path"] for entry in manifest["files"]] == ["sub/state", "weights"]  # no links
        for entry in manifest["files"]:
            data = (attempt.path / manifest["base"] / entry["path"]).read_bytes()
            assert (entry["size"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    best = read_json(attempt.manifest("checkpoint-2"))
    assert (best["metric"], best["metric_name"], best["best"], best["resumable"]) == (0.5, "eval_loss", True, True)
    assert read_json(attempt.manifest("final"))["kind"] == "final"
    found = [event["params"]["name"] for event in events(attempt, "checkpoint")]
    assert sorted(found) == ["checkpoint-1", "checkpoint-2", "final"]


def test_checkpoints_are_hashed_while_the_worker_goes_on(host: AgentHost) -> None:
    attempt = host.python(WORKER + "save(1); print('saved', flush=True); time.sleep(600)")
    log_has(attempt, "saved")
    until(lambda: attempt.manifest("checkpoint-1").exists(), 10)
    assert not attempt.exit.exists()


def test_the_worker_that_rotates_keeps_newest_and_best(host: AgentHost) -> None:
    script = WORKER + "save(1, best=True); save(2); save(3); save(4); save(5)"
    attempt = host.python(script, save_total_limit=2)
    ended(attempt)
    assert names(attempt) == ["checkpoint-1", "checkpoint-4", "checkpoint-5"]
    assert sorted(os.listdir(attempt.out)) == ["checkpoint-1", "checkpoint-4", "checkpoint-5"]
    assert [event["params"]["name"] for event in events(attempt, "rotated")] == ["checkpoint-2", "checkpoint-3"]


def test_a_pinned_checkpoint_outlives_rotation_until_it_is_let_go(attempt: AttemptPaths) -> None:
    said: list[tuple[str, str]] = []
    first = save(attempt, 1)
    checkpoints.complete_all(attempt, 1, told(said))
    held = checkpoints.pin(attempt, first)
    save(attempt, 2)
    checkpoints.complete_all(attempt, 1, told(said))
    assert names(attempt) == ["checkpoint-1", "checkpoint-2"]
    os.close(held)
    save(attempt, 3)
    checkpoints.complete_all(attempt, 1, told(said))
    assert names(attempt) == ["checkpoint-3"]
    assert ("rotated", "checkpoint-1") in said
    with pytest.raises(LtError, match="no_such_checkpoint"):
        checkpoints.pin(attempt, first)


def test_a_rotation_cut_in_the_middle_is_finished_by_the_next(attempt: AttemptPaths) -> None:
    save(attempt, 1)
    checkpoints.complete_all(attempt, 1, told([]))
    os.rename(attempt.manifest("checkpoint-1"), attempt.manifests / ".checkpoint-1.rotated")
    assert names(attempt) == []
    checkpoints.rotate(attempt, 1, told([]))
    assert os.listdir(attempt.out) == []
    assert os.listdir(attempt.manifests) == []


def test_a_folder_that_is_not_there_is_no_checkpoint(attempt: AttemptPaths) -> None:
    write_json(attempt.saved / "checkpoint-9", {"step": 9})
    said: list[tuple[str, str]] = []
    assert checkpoints.complete_all(attempt, None, told(said)) == 0
    assert said == [("checkpoint_failed", "checkpoint-9")]
    assert checkpoints.pending(attempt) == []


def test_a_checkpoint_saved_again_under_its_name_is_the_new_one(attempt: AttemptPaths) -> None:
    save(attempt, 1)
    checkpoints.complete_all(attempt, None, told([]))
    (attempt.out / "checkpoint-1" / "weights").write_text("other weights")
    write_json(attempt.saved / "checkpoint-1", {"step": 1})
    checkpoints.complete_all(attempt, None, told([]))
    manifest = json.loads(attempt.manifest("checkpoint-1").read_text())
    assert manifest["files"][0]["size"] == len("other weights")


def test_rotation_decides_by_step() -> None:
    def checkpoint(step: int, best: bool = False, kind: str = "checkpoint") -> Manifest:
        return Manifest(f"c{step}", kind, "out", (), step=step, best=best, created_at=1000 - step)

    found = [checkpoint(30), checkpoint(10, best=True), checkpoint(20, best=True), checkpoint(40), checkpoint(50)]
    assert checkpoints.superfluous(found, 2) == ["c10", "c30"]
    assert checkpoints.superfluous(found, 2, pinned={"c30"}) == ["c10"]
    assert checkpoints.superfluous(found, None) == []
    assert checkpoints.superfluous([checkpoint(1, kind="final"), checkpoint(2)], 1) == []
