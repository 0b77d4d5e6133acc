"""Every method trains, in full and with LoRA: it learns, is stopped, and goes on bit by bit as if it had not been."""

from __future__ import annotations

import typing
from pathlib import Path
from typing import Any

import pytest

from lt_recipes.schema.dpo import Loss
from support.training import METHOD_STEPS, TYPE_OF, Attempt, WhenTrained, last_checkpoint, method_recipe, weights

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

pytestmark = pytest.mark.train

OTHERS = [method for method in TYPE_OF if method != "sft"]  # which has tests of its own
GRPO_LOSSES = ("grpo", "dr_grpo", "dapo", "bnpo", "cispo", "sapo", "luspo", "vespo")
EACH = [pytest.param(method, "lora") for method in OTHERS]
EACH += [pytest.param(method, "full", marks=pytest.mark.slow) for method in OTHERS]


def average(values: list[float]) -> float:
    return sum(values) / len(values)


def series(attempt: Attempt, name: str) -> list[float]:
    return [line[name] for line in attempt.metrics() if name in line]


@pytest.mark.parametrize(("method", "kind"), EACH)
def test_a_method_learns_and_resumes_bit_by_bit(method: str, kind: str, tmp_path: Path) -> None:
    recipe = method_recipe(tmp_path, method, kind)
    whole = Attempt(tmp_path / "whole", recipe)
    assert whole.run_inside() == 0, whole.failure()
    rewarded = TYPE_OF[method] == "prompt"
    learnt = series(whole, "rewards/letters/mean" if rewarded else "loss")
    assert len(learnt) == METHOD_STEPS
    first, last = average(learnt[:8]), average(learnt[-8:])
    assert last > 1.2 * first if rewarded else last < 0.9 * first

    first_half = Attempt(tmp_path / "1", recipe)
    with WhenTrained(first_half, 5, lambda: first_half.paths.stop_request.write_text("{}")):
        assert first_half.run_inside() == 0
    step, checkpoint = last_checkpoint(first_half)
    assert 5 <= step < METHOD_STEPS
    second = Attempt(tmp_path / "2", recipe, resume=checkpoint, step=step)
    assert second.run_inside() == 0, second.failure()
    assert second.losses() == {k: v for k, v in whole.losses().items() if k > step}
    assert series(second, "num_tokens") == series(whole, "num_tokens")[step:]
    a, b = weights(whole.paths.out / "final"), weights(second.paths.out / "final")
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)

    step, checkpoint = last_checkpoint(second)
    nothing_left = Attempt(tmp_path / "3", recipe, resume=checkpoint, step=step)
    assert nothing_left.run_inside() == 0, nothing_left.failure()
    assert (step, nothing_left.losses(), nothing_left.words()) == (METHOD_STEPS, {}, {"final"})
    c = weights(nothing_left.paths.out / "final")
    assert c.keys() == a.keys()
    assert all(torch.equal(a[name], c[name]) for name in a)


@pytest.mark.slow
@pytest.mark.parametrize("loss", [*typing.get_args(Loss), ["sigmoid", "sft"]], ids=str)
def test_every_loss_of_dpo_trains(loss: Any, tmp_path: Path) -> None:
    block: dict[str, Any] = {"loss_type": [loss] if isinstance(loss, str) else loss}
    if loss in ("exo_pair", "robust"):
        block["label_smoothing"] = 0.1
    if len(block["loss_type"]) > 1:
        block["loss_weights"] = [1.0, 0.5]
    attempt = Attempt(tmp_path / "a", method_recipe(tmp_path, "dpo", train={"max_steps": 4}, dpo=block))
    assert attempt.run_inside() == 0, attempt.failure()
    assert len(attempt.losses()) == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "loss"),
    [*(("grpo", loss) for loss in GRPO_LOSSES), ("kto", "apo_zero_unpaired")],
)
def test_every_other_loss_of_grpo_and_kto_trains(method: str, loss: str, tmp_path: Path) -> None:
    recipe = method_recipe(tmp_path, method, train={"max_steps": 3})
    recipe[method] = {**recipe.get(method, {}), "loss_type": loss}
    attempt = Attempt(tmp_path / "a", recipe)
    assert attempt.run_inside() == 0, attempt.failure()
    assert len(attempt.losses()) == 3


@pytest.mark.parametrize(
    "method", ["ppo", *(pytest.param(name, marks=pytest.mark.slow) for name in ("grpo", "gspo", "rloo"))]
)
def test_several_rewards_count_by_their_weights_and_each_has_its_mean(method: str, tmp_path: Path) -> None:
    recipe = method_recipe(tmp_path, method, "full", train={"max_steps": 2})
    recipe["rewards"] = [
        {**recipe["rewards"][0], "weight": 0.5},
        {"type": "length", "min": 4, "weight": -2.0},
        {"type": "regex", "pattern": "[0-9]"},
        {"type": "numeric"},
    ]
    attempt = Attempt(tmp_path / "a", recipe)
    assert attempt.run_inside() == 0, attempt.failure()
    for line in attempt.metrics()[:2]:
        mean = {name: line[f"rewards/{name}/mean"] for name in ("letters", "length", "regex", "numeric")}
        whole = 0.5 * mean["letters"] - 2 * mean["length"] + mean["regex"] + mean["numeric"]
        assert line["reward"] == pytest.approx(whole, abs=1e-4)


def test_gspo_takes_the_published_clipping_range_unless_the_recipe_says_another() -> None:
    from lt_agent.trainers.gspo import METHOD

    assert METHOD.defaults["importance_sampling_level"] == "sequence"
    assert (METHOD.defaults["epsilon"], METHOD.defaults["epsilon_high"]) == (3e-4, 4e-4)


def test_a_checkpoint_within_a_round_of_answers_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    block = {"steps_per_generation": 2, "num_generations": 2}
    recipe = method_recipe(tmp_path, "grpo", "full", train={"max_steps": 4}, grpo=block, save={"save_steps": 1})
    assert Attempt(tmp_path / "a", recipe).run_inside() == 0
    said = capsys.readouterr().out.splitlines()
    within = [said[n - 1] for n, line in enumerate(said) if "within a round of answers" in line]
    assert within == ["saved checkpoint-1", "saved checkpoint-3"]


@pytest.mark.parametrize("kind", [pytest.param("full", marks=pytest.mark.slow), "lora"])
def test_a_finished_reward_model_grades_the_answers_of_the_next_job(kind: str, tmp_path: Path) -> None:
    graded = Attempt(tmp_path / "r", method_recipe(tmp_path, "reward", kind))
    assert graded.run_inside() == 0, graded.failure()
    recipe = method_recipe(tmp_path, "grpo", "full", train={"max_steps": 3})
    recipe["model"] = {**recipe["model"], "tokenizer": {"name_or_path": str(graded.paths.out / "final")}}
    recipe["rewards"] = [
        {"type": "model", "name": "graded", "name_or_path": str(graded.paths.out / "final"), "weight": 0.5},
        {"type": "length", "min": 3},
    ]
    recipe["grpo"]["beta"] = 0.04
    attempt = Attempt(tmp_path / "g", recipe)
    assert attempt.run_inside() == 0, attempt.failure()
    line = attempt.metrics()[0]
    assert {"rewards/graded/mean", "rewards/length/mean", "kl"} <= set(line)
    assert line["reward"] == pytest.approx(0.5 * line["rewards/graded/mean"] + line["rewards/length/mean"], abs=1e-4)
