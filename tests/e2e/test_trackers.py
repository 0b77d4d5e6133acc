"""TensorBoard's event files come home, verified, beside the checkpoints."""

from __future__ import annotations

import pytest

from support.laptop import Laptop, tree_hashes
from support.sshd import SshHost
from support.wait import until

pytestmark = [pytest.mark.train, pytest.mark.slow]
pytest.importorskip("trl", reason="the train extra is not installed")
pytest.importorskip("tensorboard", reason="TensorBoard is not installed")


def test_tensorboards_event_files_come_home_verified(laptop: Laptop, box: SshHost) -> None:
    small = ["train.max_steps=4", "train.logging_steps=1", "save.save_steps=100", "train.report_to=[tensorboard]"]
    name = laptop.submit("box", "tiny-sft", *small)
    laptop.lt("wait", name, timeout=200)
    until(lambda: laptop.job(name)["pull_state"] == "pulled", 60, "pulled")
    home = laptop.home / "runs" / name / "tensorboard"
    there = box.root / "jobs" / laptop.job(name)["id"] / "1" / "tensorboard"
    assert tree_hashes(home) == tree_hashes(there)
    assert any("tfevents" in path for path in tree_hashes(home))
