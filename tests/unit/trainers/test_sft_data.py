"""Each data type, alone and together, through a real training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.training import ROWS, Attempt, tiny_recipe, write_rows

pytest.importorskip("torch")
pytest.importorskip("trl")

pytestmark = pytest.mark.train

SHAPES: dict[str, dict[str, Any]] = {
    "text": {"text": "A lease is time you paid for."},
    "prompt_completion": {"prompt": "What is a lease?", "completion": " Time you paid for."},
    "alpaca": {"instruction": "What is a lease?", "input": "", "output": "Time you paid for."},
    "sharegpt": {"conversations": [{"from": "human", "value": "Lease?"}, {"from": "gpt", "value": "Paid time."}]},
}


@pytest.mark.parametrize("kind", SHAPES)
def test_every_data_type_trains(tmp_path: Path, kind: str) -> None:
    file = write_rows(tmp_path / "d.jsonl", [SHAPES[kind]] * 8)
    recipe = tiny_recipe(file, train={"max_steps": 2})
    recipe["datasets"] = [{"path": str(file), "type": kind}]
    attempt = Attempt(tmp_path / "a", recipe)
    assert attempt.run_inside() == 0, attempt.failure()
    assert len(attempt.losses()) == 2


def test_parquet_and_a_folder_of_files_train_as_one(data: Path, tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    folder = tmp_path / "rows"
    folder.mkdir()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS[:10]), folder / "a.parquet")
    write_rows(folder / "b.jsonl", ROWS[10:])
    recipe = tiny_recipe(data, train={"max_steps": 1})
    recipe["datasets"] = [
        {"path": str(folder), "type": "messages"},
        {"path": str(data), "type": "messages", "max_samples": 5, "weight": 2.0},
    ]
    attempt = Attempt(tmp_path / "a", recipe)
    assert attempt.run_inside() == 0, attempt.failure()
    plan = next(event["params"] for event in attempt.events() if event["code"] == "plan")
    assert plan["train_rows"] == len(ROWS) + 2 * 5


def test_types_that_do_not_go_together_are_refused(data: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(data)
    other = write_rows(tmp_path / "text.jsonl", [SHAPES["text"]] * 4)
    recipe["datasets"].append({"path": str(other), "type": "text"})
    attempt = Attempt(tmp_path / "a", recipe)
    assert attempt.run_inside() == 1
    failure = attempt.failure()
    assert failure is not None
    assert failure["reason"] == "bad_recipe"
    assert "messages, text" in failure["message"]
