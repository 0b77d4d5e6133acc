"""Every way to end badly leaves a typed reason, and nothing half-done."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lt_agent
from support.training import ROWS, TYPE_OF, Attempt, full_or_lora, last_checkpoint, method_recipe, tiny_recipe

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

pytestmark = pytest.mark.train

OTHERS = [method for method in TYPE_OF if method not in ("sft", "ppo")]


def test_nan_ends_the_run_before_anything_is_saved(data: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(data, train={"learning_rate": 1e30, "logging_steps": 100}, save={"save_steps": 5})
    attempt = Attempt(tmp_path / "a", recipe)
    assert attempt.run_inside() == 1
    failure = attempt.failure()
    assert failure is not None
    assert failure["reason"] == "nan"
    assert attempt.metrics()[-1]["loss"] is None or attempt.metrics()[-1]["grad_norm"] is None
    assert attempt.words() == set()
    assert not list(attempt.paths.out.glob("checkpoint-*"))


@pytest.mark.parametrize("method", ["sft", "ppo", *(pytest.param(m, marks=pytest.mark.slow) for m in OTHERS)])
def test_nan_has_its_reason_with_every_method_and_the_last_good_checkpoint_is_named(
    method: str, tmp_path: Path
) -> None:
    # The first step learns nothing yet, and the second breaks the weights: its own loss was still a number.
    train = {"learning_rate": 1e30, "lr_scheduler_type": "constant_with_warmup", "warmup_steps": 1, "max_steps": 9}
    recipe = method_recipe(tmp_path, method, "full", train=train, save={"save_steps": 1})
    attempt = Attempt(tmp_path / "a", recipe)
    assert attempt.run_inside() == 1
    failure = attempt.failure()
    assert failure is not None
    assert failure["reason"] == "nan"
    assert "checkpoint-1 is the last that is known to be good" in failure["message"]
    assert attempt.words() == {"checkpoint-1", "checkpoint-2"}


@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"])
def test_a_checkpoint_that_can_not_be_resumed_exactly_is_refused(
    straight: Any, data: Path, tmp_path: Path, name: str
) -> None:
    kind, whole = straight
    step, checkpoint = copy_of_checkpoint(whole, tmp_path)
    (checkpoint / name).unlink()
    attempt = Attempt(tmp_path / "a", full_or_lora(data, kind), resume=checkpoint, step=step)
    assert attempt.run_inside() == 1
    failure = attempt.failure()
    assert failure is not None
    assert failure["reason"] == "resume_incomplete"
    assert name in failure["message"]


def copy_of_checkpoint(attempt: Attempt, folder: Path) -> tuple[int, Path]:
    step, checkpoint = last_checkpoint(attempt)
    return step, Path(shutil.copytree(checkpoint, folder / checkpoint.name))


def test_optimizer_state_that_would_run_code_is_not_loaded(data: Path, tmp_path: Path) -> None:
    """A checkpoint may come from another host: its pickles are read as plain tensors or not at all."""
    recipe = tiny_recipe(data, train={"max_steps": 4}, save={"save_steps": 2})
    first = Attempt(tmp_path / "1", recipe)
    assert first.run_inside() == 0
    checkpoint = first.paths.out / "checkpoint-2"
    torch.save({"state": Bomb(str(tmp_path / "ran"))}, checkpoint / "optimizer.pt")
    second = Attempt(tmp_path / "2", recipe, resume=checkpoint, step=2)
    assert second.run_inside() == 1
    assert not (tmp_path / "ran").exists()


class Bomb:
    """Pickled, it makes a file when it is loaded."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (self.path,)


def broken_rows(tmp_path: Path) -> dict[str, Any]:
    good = json.dumps(ROWS[0])
    (tmp_path / "bad.jsonl").write_text(f'{good}\n{good}\n{{"messages": [}}\n')
    return {"datasets": [{"path": str(tmp_path / "bad.jsonl"), "type": "messages"}]}


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        (broken_rows, "bad_data", ["bad.jsonl", "line 3"]),
        (lambda _: {"datasets": [{"path": "/nowhere/d.jsonl", "type": "text"}]}, "bad_data", ["/nowhere/d.jsonl"]),
        (lambda _: {"method": "alchemy"}, "bad_recipe", ["alchemy", "sft"]),
        (lambda _: {"train": {"learning_rat": 1}}, "bad_recipe", ["did you mean learning_rate"]),
        (lambda _: {"train": {"packing": True, "max_length": None}}, "bad_recipe", ["max_length"]),
        (lambda _: {"model": {"from_config": {"model_type": "lama"}}}, "bad_recipe", ["lama"]),
        (
            lambda _: {"model": {"from_config": None, "tokenizer": None, "name_or_path": "nobody/nothing-7b"}},
            "model_not_found",
            ["nobody/nothing-7b"],
        ),
        (
            lambda _: {"model": {"from_config": None, "tokenizer": None, "name_or_path": "/models/gone"}},
            "model_not_found",
            ["/models/gone"],
        ),
    ],
)
def test_a_failure_has_a_reason_and_names_its_cause(
    data: Path, tmp_path: Path, change: Callable[[Path], dict[str, Any]], reason: str, words: list[str]
) -> None:
    recipe = tiny_recipe(data)
    for key, value in change(tmp_path).items():
        recipe[key] = {**recipe[key], **value} if isinstance(value, dict) else value
    attempt = Attempt(tmp_path / "a", recipe)
    assert attempt.run_inside() == 1
    failure = attempt.failure()
    assert failure is not None
    assert failure["reason"] == reason
    assert all(word in failure["message"] for word in words), failure["message"]
    assert "\n" not in failure["message"]
    assert attempt.words() == set()


def test_a_failed_save_leaves_nothing_behind(data: Path, tmp_path: Path) -> None:
    attempt = Attempt(tmp_path / "a", tiny_recipe(data, train={"max_steps": 4}, save={"save_steps": 2}))
    # The folder of the second save is taken by a file: the first stays, and no half of the second.
    (attempt.paths.out / "checkpoint-4").write_text("in the way")
    assert attempt.run_inside() == 1
    assert attempt.words() == {"checkpoint-2"}
    assert [path.name for path in attempt.paths.out.iterdir() if path.is_dir()] == ["checkpoint-2"]


def test_a_python_without_the_libraries_is_named(data: Path, tmp_path: Path) -> None:
    attempt = Attempt(tmp_path / "a", full_or_lora(data, "lora"))
    environment = {"PYTHONPATH": str(Path(lt_agent.__file__).parents[1]), "PATH": os.environ["PATH"]}
    bare = [sys.executable, "-S", "-m", "lt_agent.trainers", str(attempt.paths.worker)]
    assert subprocess.run(bare, env=environment, capture_output=True, timeout=60, check=False).returncode == 1
    failure = attempt.failure()
    assert failure is not None
    assert failure["reason"] == "missing_module"
    assert "torch, transformers, trl, accelerate, datasets, peft" in failure["message"]
    assert sys.executable in failure["message"]
