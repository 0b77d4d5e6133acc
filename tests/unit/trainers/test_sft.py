"""Real trainings of a model of 40,000 parameters: resume, stop, save, and every way to end badly."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.training import ROWS, Attempt, tiny_recipe, write_rows
from support.wait import until

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
torch = pytest.importorskip("torch")
pytest.importorskip("trl")
torch.set_num_threads(1)

pytestmark = pytest.mark.train

LORA = {"type": "lora", "r": 4, "alpha": 8, "dropout": 0.1, "modules_to_save": ["embed_tokens", "lm_head"]}
STEPS = 150


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("data") / "d.jsonl")


def recipe_for(data: Path, kind: str, **sections: Any) -> dict[str, Any]:
    """Dropout makes a resume without the random state come out wrong."""
    recipe = tiny_recipe(data, train={"max_steps": STEPS, "gradient_accumulation_steps": 2}, **sections)
    recipe["model"]["from_config"]["attention_dropout"] = 0.1
    if kind == "lora":
        recipe["adapter"] = LORA
    return recipe


@pytest.fixture(scope="module", params=["full", "lora"])
def straight(request: pytest.FixtureRequest, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """(kind, an attempt that trained from start to end)."""
    attempt = Attempt(tmp_path_factory.mktemp(request.param) / "a", recipe_for(data, request.param))
    assert attempt.run_inside() == 0, attempt.failure()
    return request.param, attempt


class WhenTrained:
    """Does something from another thread once `steps` steps are in the metrics."""

    def __init__(self, attempt: Attempt, steps: int, act: Callable[[], Any]) -> None:
        self._thread = threading.Thread(target=self._run, args=(attempt, steps, act))

    def _run(self, attempt: Attempt, steps: int, act: Callable[[], Any]) -> None:
        until(lambda: attempt.paths.metrics.exists() and attempt.paths.metrics.read_bytes().count(b"\n") >= steps)
        act()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: Any) -> None:
        self._thread.join()


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    found: dict[str, Any] = {}
    for file in sorted(folder.glob("*.safetensors")):
        found.update(load_file(file))
    assert found
    return found


def last_checkpoint(attempt: Attempt) -> tuple[int, Path]:
    step = max(int(name.split("-")[1]) for name in attempt.words() if name.startswith("checkpoint-"))
    return step, attempt.paths.out / f"checkpoint-{step}"


def copy_of_checkpoint(attempt: Attempt, folder: Path) -> tuple[int, Path]:
    step, checkpoint = last_checkpoint(attempt)
    return step, Path(shutil.copytree(checkpoint, folder / checkpoint.name))


def test_stop_and_resume_is_bit_equal_to_training_straight(straight: Any, data: Path, tmp_path: Path) -> None:
    kind, whole = straight
    recipe = recipe_for(data, kind)
    first = Attempt(tmp_path / "1", recipe)
    with WhenTrained(first, 5, lambda: first.paths.stop_request.write_text("{}")):
        assert first.run_inside() == 0
    step, checkpoint = last_checkpoint(first)
    assert 5 <= step < STEPS
    assert first.words() == {f"checkpoint-{step}"}, "a stopped run has no final model"
    assert first.word(checkpoint.name)["resumable"] is True

    second = Attempt(tmp_path / "2", recipe, resume=checkpoint, step=step)
    assert second.run_inside() == 0, second.failure()
    assert first.losses() == {k: v for k, v in whole.losses().items() if k <= step}
    assert second.losses() == {k: v for k, v in whole.losses().items() if k > step}
    a, b = weights(whole.paths.out / "final"), weights(second.paths.out / "final")
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)
    tokens = [line["num_tokens"] for line in whole.metrics() if "num_tokens" in line]
    assert [line["num_tokens"] for line in second.metrics() if "num_tokens" in line] == tokens[step:]
    plan = next(event["params"] for event in second.events() if event["code"] == "plan")
    assert (plan["first_step"], plan["total_steps"]) == (step, STEPS)


def test_a_run_leaves_checkpoint_final_model_plan_and_metrics(straight: Any) -> None:
    kind, whole = straight
    assert whole.words() == {"checkpoint-100", f"checkpoint-{STEPS}", "final"}
    assert whole.word("final") == {
        "step": STEPS,
        "kind": "final",
        "metric": None,
        "metric_name": None,
        "best": False,
        "resumable": False,
    }
    names = {file.name for file in (whole.paths.out / "final").iterdir()}
    assert {"tokenizer.json", "chat_template.jinja", "lt.json"} <= names
    assert not names & {"training_args.bin", "README.md"}, "no pickle and no model card comes home"
    assert ("adapter_model.safetensors" if kind == "lora" else "model.safetensors") in names
    note = json.loads((whole.paths.out / "final" / "lt.json").read_text())
    assert note["recipe"]["seed"] == 7
    assert note["versions"]["torch"]
    losses = whole.losses()
    assert list(losses) == list(range(1, STEPS + 1))
    assert losses[STEPS] < 0.7 * losses[1]
    assert "train_runtime" in whole.metrics()[-1]
    plan = next(event["params"] for event in whole.events() if event["code"] == "plan")
    assert plan["total_steps"] == STEPS
    assert (plan["train_rows"], plan["eval_rows"], plan["batch_size"]) == (len(ROWS), 0, 8)
    assert not (whole.paths.path / "cache").exists()


def test_the_final_model_answers_also_as_an_adapter_on_its_base(straight: Any) -> None:
    from lt_agent.trainers.generate import generate, load_folder
    from lt_agent.trainers.models import build_model

    kind, whole = straight
    final = whole.paths.out / "final"
    model, tokenizer = load_folder(final)
    assert set(generate(model, tokenizer, "What is 3?", max_new_tokens=8)) == {"prompt", "answer", "tokens", "seconds"}
    if kind == "lora":
        recipe = recipe_for(Path("unused"), kind)
        fresh = build_model(recipe["model"], tokenizer, recipe["seed"]).state_dict()
        kept = weights(final / "base")
        assert all(torch.equal(fresh[name], kept[name]) for name in kept)


def test_a_save_request_makes_one_checkpoint_and_training_goes_on(data: Path, tmp_path: Path) -> None:
    attempt = Attempt(tmp_path / "a", recipe_for(data, "full", save={"save_steps": 1000}))
    with WhenTrained(attempt, 3, lambda: attempt.paths.save_request.write_text('{"seq": 1}')):
        assert attempt.run_inside() == 0
    asked = attempt.words() - {f"checkpoint-{STEPS}", "final"}
    assert len(asked) == 1
    assert attempt.word(asked.pop())["resumable"] is True


def test_the_best_checkpoint_is_tracked_and_patience_ends_the_run(data: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(
        data,
        train={"learning_rate": 0.0, "max_steps": 50},
        eval={"val_set_size": 4, "eval_steps": 2, "early_stopping_patience": 2},
        save={"save_steps": 1000, "pull": "best"},
    )
    attempt = Attempt(tmp_path / "a", recipe)
    assert attempt.run_inside() == 0, attempt.failure()
    assert [line["step"] for line in attempt.metrics() if "eval_loss" in line] == [2, 4, 6]
    assert attempt.word("checkpoint-2")["best"] is True
    assert attempt.word("checkpoint-2")["metric_name"] == "eval_loss"
    assert attempt.words() == {"checkpoint-2", "final"}


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


@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"])
def test_a_checkpoint_that_can_not_be_resumed_exactly_is_refused(
    straight: Any, data: Path, tmp_path: Path, name: str
) -> None:
    kind, whole = straight
    step, checkpoint = copy_of_checkpoint(whole, tmp_path)
    (checkpoint / name).unlink()
    attempt = Attempt(tmp_path / "a", recipe_for(data, kind), resume=checkpoint, step=step)
    assert attempt.run_inside() == 1
    failure = attempt.failure()
    assert failure is not None
    assert failure["reason"] == "resume_incomplete"
    assert name in failure["message"]


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


def test_other_data_at_a_resume_is_told(straight: Any, data: Path, tmp_path: Path) -> None:
    kind, whole = straight
    other = write_rows(tmp_path / "other.jsonl", list(reversed(ROWS)))
    recipe = recipe_for(other, kind)
    recipe["train"]["max_steps"] = STEPS + 1
    step, checkpoint = last_checkpoint(whole)
    attempt = Attempt(tmp_path / "a", recipe, resume=checkpoint, step=step)
    assert attempt.run_inside() == 0, attempt.failure()
    assert "resume_data_differs" in [event["code"] for event in attempt.events()]


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


@pytest.fixture
def running() -> Iterator[list[Any]]:
    """Processes to end with the test."""
    processes: list[Any] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def test_a_stop_while_loading_leaves_at_once(data: Path, tmp_path: Path, running: list[Any]) -> None:
    attempt = Attempt(tmp_path / "a", recipe_for(data, "full"))
    running.append(attempt.start())
    until(lambda: "importing" in attempt.log(), what="the worker begins to import")
    attempt.paths.stop_request.write_text("{}")
    assert running[0].wait(timeout=30) == 0
    assert "nothing to save" in attempt.log()
    assert attempt.words() == set()
    assert attempt.losses() == {}
    assert attempt.failure() is None


def test_two_ranks_agree_on_a_stop_and_save_together(data: Path, tmp_path: Path, running: list[Any]) -> None:
    recipe = tiny_recipe(data, train={"max_steps": 2000}, resources={"gpus": 2})
    attempt = Attempt(tmp_path / "a", recipe)
    (attempt.paths.code / "datasets.py").write_text("raise SystemExit('a file of the person was imported')")
    running.append(attempt.start())
    until(lambda: len(attempt.losses()) >= 3 or running[0].poll() is not None, timeout=90, what="three steps")
    attempt.paths.stop_request.write_text("{}")
    assert running[0].wait(timeout=60) == 0, attempt.log()
    step, checkpoint = last_checkpoint(attempt)
    assert attempt.words() == {f"checkpoint-{step}"}
    assert step < 2000
    assert {"rng_state_0.pth", "rng_state_1.pth"} <= {file.name for file in checkpoint.iterdir()}
    plan = next(event["params"] for event in attempt.events() if event["code"] == "plan")
    assert (plan["processes"], plan["batch_size"]) == (2, 8)
    assert attempt.log().count("saved checkpoint-") == 1, "one rank speaks"
    assert "\r" not in attempt.log(), "no progress bars"
