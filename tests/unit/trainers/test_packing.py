"""Examples that share a row do not see each other, without flash attention too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.training import Attempt, method_recipe

pytest.importorskip("trl")

pytestmark = pytest.mark.train


def test_a_packed_row_has_the_loss_of_its_examples_one_by_one(tmp_path: Path) -> None:
    losses = []
    for name, packed in (("a", False), ("b", True)):
        train: dict[str, Any] = {"max_steps": 1, "per_device_train_batch_size": 24, "max_length": 64, "packing": packed}
        attempt = Attempt(tmp_path / name, method_recipe(tmp_path, "sft", "full", train=train))
        assert attempt.run_inside() == 0, attempt.failure()
        plan = next(event["params"] for event in attempt.events() if event["code"] == "plan")
        losses.append((plan["train_rows"], attempt.metrics()[0]["loss"]))
    assert losses[1][0] < losses[0][0]
    assert losses[1][1] == pytest.approx(losses[0][1], abs=1e-4)
