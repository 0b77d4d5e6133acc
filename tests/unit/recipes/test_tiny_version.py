"""Every gallery recipe has a tiny version, and a worker trains it to its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from lt_recipes import check_dataset, gallery, load
from lt_recipes.dataset_check import TYPES
from lt_recipes.tiny_version import PACKAGE, SHIPPED, STEPS, tiny_version
from support.training import Attempt

NAMES = [entry.name for entry in gallery()]


@pytest.mark.parametrize("name", NAMES)
def test_a_gallery_recipe_has_a_tiny_version_of_the_same_method(name: str, tmp_path: Path) -> None:
    whole = load(name, check_paths=False)
    small = tiny_version(whole, tmp_path)
    assert (small.method, small.train.max_steps, small.resources.gpus) == (whole.method, STEPS, 0)
    assert (small.adapter and small.adapter.type) == (whole.adapter and whole.adapter.type)
    assert all(Path(entry.path).is_file() for entry in small.datasets)


@pytest.mark.train
@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_tiny_version_of_a_gallery_recipe_trains(name: str, tmp_path: Path) -> None:
    pytest.importorskip("trl")
    small = tiny_version(load(name, check_paths=False), tmp_path)
    attempt = Attempt(tmp_path / "a", small.model_dump(mode="json"))
    assert attempt.run_inside() == 0, attempt.failure()
    assert "final" in attempt.words()


@pytest.mark.parametrize("type_", TYPES)
def test_data_of_every_type_is_shipped_and_fits_its_type(type_: str) -> None:
    report = check_dataset(PACKAGE / "data" / SHIPPED[type_], type_)
    assert report.ok and report.rows >= 100 and report.duplicates == 0


@pytest.mark.train
@pytest.mark.slow
@pytest.mark.parametrize("type_", load("sft", check_paths=False).data_types)
def test_a_tiny_model_learns_from_each_type_that_is_shipped(type_: str, tmp_path: Path) -> None:
    pytest.importorskip("trl")
    small = tiny_version(
        load("sft-lora", [f"datasets.0.type={type_}", "train.assistant_only_loss=null"], check_paths=False), tmp_path
    )
    attempt = Attempt(tmp_path / "a", small.model_dump(mode="json"))
    assert attempt.run_inside() == 0, attempt.failure()


def test_rows_of_ones_own_are_taken(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text('{"instruction": "a", "output": "b"}\n')
    mine = ["datasets.0.path=mine.jsonl", "datasets.0.type=alpaca"]
    small = tiny_version(load("sft-lora", mine, cwd=tmp_path), tmp_path)
    assert small.datasets[0].path == str(tmp_path / "mine.jsonl")
