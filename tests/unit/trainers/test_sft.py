"""Real trainings of a model of 40,000 parameters: resume, stop, save, and what is left in the spool."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.training import (
    LONG,
    ROWS,
    Attempt,
    WhenTrained,
    full_or_lora,
    last_checkpoint,
    tiny_recipe,
    weights,
    write_rows,
)
from support.wait import until

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

pytestmark = pytest.mark.train


def test_stop_and_resume_is_bit_equal_to_training_straight(straight: Any, data: Path, tmp_path: Path) -> None:
    kind, whole = straight
    recipe = full_or_lora(data, kind)
    first = Attempt(tmp_path / "1", recipe)
    with WhenTrained(first, 5, lambda: first.paths.stop_request.write_text("{}")):
        assert first.run_inside() == 0
    step, checkpoint = last_checkpoint(first)
    assert 5 <= step < LONG
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
    assert (plan["first_step"], plan["total_steps"]) == (step, LONG)


def test_a_run_leaves_checkpoint_final_model_plan_and_metrics(straight: Any) -> None:
    kind, whole = straight
    assert whole.words() == {"checkpoint-100", f"checkpoint-{LONG}", "final"}
    assert whole.word("final") == {
        "step": LONG,
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
    assert list(losses) == list(range(1, LONG + 1))
    assert losses[LONG] < 0.7 * losses[1]
    assert "train_runtime" in whole.metrics()[-1]
    plan = next(event["params"] for event in whole.events() if event["code"] == "plan")
    assert plan["total_steps"] == LONG
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
        recipe = full_or_lora(Path("unused"), kind)
        fresh = build_model(recipe["model"], tokenizer, recipe["seed"]).state_dict()
        kept = weights(final / "base")
        assert all(torch.equal(fresh[name], kept[name]) for name in kept)


def test_a_save_request_makes_one_checkpoint_and_training_goes_on(data: Path, tmp_path: Path) -> None:
    attempt = Attempt(tmp_path / "a", full_or_lora(data, "full", save={"save_steps": 1000}))
    with WhenTrained(attempt, 3, lambda: attempt.paths.save_request.write_text('{"seq": 1}')):
        assert attempt.run_inside() == 0
    asked = attempt.words() - {f"checkpoint-{LONG}", "final"}
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


@pytest.mark.parametrize("kind", [pytest.param("full", marks=pytest.mark.slow), "lora"])
def test_the_finished_model_is_the_best_checkpoint_where_the_recipe_asks_for_it(
    kind: str, data: Path, tmp_path: Path
) -> None:
    # The highest loss counts as best: that of the first step, while all goes well.
    best_at_end = {"load_best_model_at_end": True, "greater_is_better": True}
    recipe = full_or_lora(data, kind, eval={"val_set_size": 4, "eval_steps": 2, **best_at_end})
    recipe["train"]["max_steps"] = 8
    attempt = Attempt(tmp_path / "1", recipe)
    assert attempt.run_inside() == 0, attempt.failure()
    results = {line["step"]: line["eval_loss"] for line in attempt.metrics() if "eval_loss" in line}
    step = max(results, key=lambda one: results[one])
    assert step < 8
    final = attempt.word("final")
    assert (final["step"], final["metric"]) == (step, pytest.approx(results[step]))
    best, a = weights(attempt.paths.out / f"checkpoint-{step}"), weights(attempt.paths.out / "final")
    assert best.keys() == a.keys()
    assert all(torch.equal(best[name], a[name]) for name in a)

    checkpoint = attempt.paths.out / "checkpoint-8"
    again = Attempt(tmp_path / "2", recipe, resume=checkpoint, step=8, number=2)
    assert again.run_inside() == 0, again.failure()
    b = weights(again.paths.out / "final")
    assert all(torch.equal(a[name], b[name]) for name in a), "the best of the attempt that it goes on from"


def test_a_run_that_has_reached_its_last_step_trains_no_further_and_ends_with_its_model(
    straight: Any, data: Path, tmp_path: Path
) -> None:
    kind, whole = straight
    recipe = full_or_lora(data, kind)
    recipe["train"]["max_steps"] = 100  # in the middle of an epoch, whose next batch waits
    checkpoint = whole.paths.out / "checkpoint-100"
    attempt = Attempt(tmp_path / "a", recipe, resume=checkpoint, step=100)
    assert attempt.run_inside() == 0, attempt.failure()
    assert attempt.losses() == {}
    assert attempt.words() == {"final"}
    a, b = weights(checkpoint), weights(attempt.paths.out / "final")
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)
    plan = next(event["params"] for event in attempt.events() if event["code"] == "plan")
    assert (plan["first_step"], plan["total_steps"]) == (100, 100)


def test_other_data_at_a_resume_is_told(straight: Any, data: Path, tmp_path: Path) -> None:
    kind, whole = straight
    other = write_rows(tmp_path / "other.jsonl", list(reversed(ROWS)))
    recipe = full_or_lora(other, kind)
    recipe["train"]["max_steps"] = LONG + 1
    step, checkpoint = last_checkpoint(whole)
    attempt = Attempt(tmp_path / "a", recipe, resume=checkpoint, step=step)
    assert attempt.run_inside() == 0, attempt.failure()
    assert "resume_data_differs" in [event["code"] for event in attempt.events()]


def test_a_finished_model_is_the_start_of_the_next_job(straight: Any, data: Path, tmp_path: Path) -> None:
    """`job:NAME` in a recipe is such a folder; for LoRA its adapter is trained further on the same base."""
    kind, whole = straight
    final = whole.paths.out / "final"
    recipe = tiny_recipe(data, train={"max_steps": 2})
    recipe["model"] = {"name_or_path": str(final if kind == "full" else final / "base"), "torch_dtype": "float32"}
    if kind == "lora":
        recipe["model"]["tokenizer"] = {"name_or_path": str(final)}
        recipe["adapter"] = {"type": "lora", "path": str(final)}
    attempt = Attempt(tmp_path / "a", recipe)
    assert attempt.run_inside() == 0, attempt.failure()
    assert attempt.losses()[1] < 1.1 * whole.losses()[LONG] + 0.1, "it begins where the other ended"


def test_evaluation_on_rows_of_their_own_after_each_epoch(data: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(data, train={"max_steps": 12}, save={"save_steps": None})
    recipe["eval"] = {"datasets": [{"path": str(data), "type": "messages", "max_samples": 3}]}
    attempt = Attempt(tmp_path / "a", recipe)
    assert attempt.run_inside() == 0, attempt.failure()
    assert [line["step"] for line in attempt.metrics() if "eval_loss" in line] == [6, 12]
    assert attempt.words() == {"checkpoint-6", "checkpoint-12", "final"}
    assert attempt.word("checkpoint-12")["metric"] == pytest.approx(attempt.metrics()[-2]["eval_loss"])


def test_a_stop_while_loading_leaves_at_once(data: Path, tmp_path: Path, running: list[Any]) -> None:
    attempt = Attempt(tmp_path / "a", full_or_lora(data, "full"))
    running.append(attempt.start())
    until(lambda: "importing" in attempt.log(), what="the worker begins to import")
    attempt.paths.stop_request.write_text("{}")
    assert running[0].wait(timeout=30) == 0
    assert "nothing to save" in attempt.log()
    assert attempt.words() == set()
    assert attempt.losses() == {}
    assert attempt.failure() is None


@pytest.mark.timeout(600)
def test_two_ranks_agree_on_a_stop_and_save_together(data: Path, tmp_path: Path, running: list[Any]) -> None:
    recipe = tiny_recipe(data, train={"max_steps": 2000}, parallel={"processes": 2})
    attempt = Attempt(tmp_path / "a", recipe)
    (attempt.paths.code / "datasets.py").write_text("raise SystemExit('a file of the person was imported')")
    running.append(attempt.start())
    until(lambda: len(attempt.losses()) >= 3 or running[0].poll() is not None, timeout=240, what="three steps")
    attempt.paths.stop_request.write_text("{}")
    assert running[0].wait(timeout=120) == 0, attempt.log()
    step, checkpoint = last_checkpoint(attempt)
    assert attempt.words() == {f"checkpoint-{step}"}
    assert step < 2000
    assert {"rng_state_0.pth", "rng_state_1.pth"} <= {file.name for file in checkpoint.iterdir()}
    plan = next(event["params"] for event in attempt.events() if event["code"] == "plan")
    assert (plan["processes"], plan["batch_size"]) == (2, 8)
    assert attempt.log().count("saved checkpoint-") == 1, "one rank speaks"
    assert attempt.log().count("preparing the data once for 2 processes") == 1
    assert "\r" not in attempt.log(), "no progress bars"


def test_before_and_after_are_answered_in_one_start(straight: Any) -> None:
    _, whole = straight
    command = [sys.executable, "-m", "lt_agent.trainers.generate", "--prompt", "What is 3?", "--max-new-tokens", "4"]
    command += ["--model", str(whole.paths.out / "final"), "--recipe", str(whole.paths.worker), "--untrained"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    before, after = (json.loads(line) for line in done.stdout.splitlines())
    assert (before["model"], after["model"]) == ("untrained", str(whole.paths.out / "final"))
    assert before["answer"] != after["answer"]
