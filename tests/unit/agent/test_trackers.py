"""A tracker's event files become a manifest when the worker has ended."""

from __future__ import annotations

from pathlib import Path

from lt_agent import checkpoints, trackers
from lt_agent.protocol.paths import AttemptPaths
from lt_agent.protocol.ulid import new_ulid
from lt_controller.engine.pulls import home_name
from lt_controller.engine.verify import checked_manifest


def test_event_files_are_listed_with_their_hashes_and_are_no_checkpoint(tmp_path: Path) -> None:
    attempt = AttemptPaths(tmp_path / "a", new_ulid(), 1)
    for folder in (attempt.manifests, attempt.control):
        folder.mkdir(parents=True)
    assert not trackers.present(attempt)
    (tmp_path / "a" / "tensorboard" / "run").mkdir(parents=True)
    (tmp_path / "a" / "tensorboard" / "run" / "events.out.tfevents.1").write_bytes(b"scalars")
    told: list[str] = []
    assert trackers.present(attempt)
    trackers.publish(attempt, lambda code, **params: told.append(f"{code} {params['name']} {params['kind']}"))
    (manifest,) = checkpoints.manifests(attempt)
    assert [file.path for file in checked_manifest(manifest).files] == ["run/events.out.tfevents.1"]
    assert (manifest.base, told) == ("tensorboard", ["checkpoint tensorboard trackers"])
    assert checkpoints.newest(attempt) is None  # nothing to resume from
    assert checkpoints.superfluous([manifest], 1) == []


def test_each_attempt_has_its_own_folder_at_home(tmp_path: Path) -> None:
    (tmp_path / ".lt" / "manifests").mkdir(parents=True)
    assert home_name("tensorboard", "trackers", 1, tmp_path) == "tensorboard"
    (tmp_path / ".lt" / "manifests" / "tensorboard.json").write_text('{"attempt": 1}')
    assert home_name("tensorboard", "trackers", 2, tmp_path) == "tensorboard.2"
