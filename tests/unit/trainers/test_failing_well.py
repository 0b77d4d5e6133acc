"""Out of memory, hangs, and signs that a person should look: what is decided, and what a real worker does."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from lt_agent.trainers.again import again, smaller_batch
from lt_agent.trainers.hang import Watch
from lt_agent.trainers.signs import Signs
from support.training import Attempt, method_recipe
from support.wait import until


@pytest.mark.parametrize(
    ("train", "smaller"),
    [
        ({"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}, (2, 4)),
        ({}, (4, 2)),
        ({"per_device_train_batch_size": 9}, (3, 3)),
        ({"per_device_train_batch_size": 1}, None),
    ],
)
def test_a_smaller_batch_keeps_the_rows_of_a_step(train: dict[str, int], smaller: tuple[int, int] | None) -> None:
    found = smaller_batch(train)
    assert found == (
        None
        if smaller is None
        else {"per_device_train_batch_size": smaller[0], "gradient_accumulation_steps": smaller[1]}
    )


def test_memory_is_tried_three_times_a_hang_once_and_nothing_else_at_all() -> None:
    worker: dict[str, Any] | None = {"recipe": {"train": {"per_device_train_batch_size": 64}}}
    for passes in (2, 4, 8):
        assert worker is not None
        worker = again(worker, "oom")
        assert worker is not None
        assert worker["recipe"]["train"]["gradient_accumulation_steps"] == passes
    assert again(worker, "oom") is None
    hung = again(worker, "hang")
    assert hung is not None
    assert again(hung, "hang") is None
    assert again(worker, "nan") is None


@pytest.mark.parametrize(
    ("block", "processes", "steps"),
    [
        ({"num_generations": 2, "steps_per_generation": 1}, 1, 1),
        ({"num_generations": 8, "steps_per_generation": 1}, 1, 2),
        ({"steps_per_generation": 1}, 1, 2),
        ({"steps_per_generation": 1}, 2, 1),
        ({}, 1, None),
    ],
)
def test_a_smaller_batch_leaves_whole_groups_of_answers_in_a_round(
    block: dict[str, int], processes: int, steps: int | None
) -> None:
    recipe = {"method": "grpo", "grpo": block, "resources": {"gpus": processes}}
    changed = again({"recipe": recipe}, "oom")
    assert changed is not None
    assert changed["recipe"]["train"] == {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}
    assert (changed["recipe"].get("grpo") or {}).get("steps_per_generation") == steps


def test_kto_keeps_two_rows_to_compare() -> None:
    recipe = {"method": "kto", "train": {"per_device_train_batch_size": 2}}
    assert again({"recipe": recipe}, "oom") is None
    assert again({"recipe": {**recipe, "kto": {"loss_type": "apo_zero_unpaired"}}}, "oom") is not None


def test_memory_that_ran_out_while_evaluating_takes_nothing_from_the_training() -> None:
    recipe = {"method": "sft", "train": {"per_device_train_batch_size": 1}}
    changed = again({"recipe": recipe}, "oom", "evaluating")
    assert changed is not None
    assert changed["recipe"]["train"] == {"per_device_train_batch_size": 1, "per_device_eval_batch_size": 4}
    assert again({"recipe": recipe}, "oom", "step") is None, "a single row is as few as there are"
    one = {"method": "sft", "train": {"per_device_eval_batch_size": 1}}
    assert again({"recipe": one}, "oom", "evaluating") is None
    groups = {"method": "grpo", "grpo": {"num_generations": 8}, "train": {"per_device_eval_batch_size": 24}}
    fewer = again({"recipe": groups}, "oom", "evaluating")
    assert fewer is not None and fewer["recipe"]["train"]["per_device_eval_batch_size"] == 8, "whole groups"


def test_ppo_also_writes_fewer_answers_at_once_after_it_ran_out_of_memory() -> None:
    changed = again({"recipe": {"method": "ppo", "ppo": {"kl_coef": 0.1}}}, "oom")
    assert changed is not None
    assert changed["recipe"]["ppo"] == {"kl_coef": 0.1, "local_rollout_forward_batch_size": 32}
    assert changed["recipe"]["train"] == {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def test_a_step_hangs_after_ten_times_the_usual_and_a_phase_after_its_own_limit() -> None:
    clock = Clock()
    watch = Watch({"step_floor": 5, "evaluating": 100}, lambda phase, seconds: None, clock)
    watch.begin("step")
    assert watch.limit() == 1800
    for _ in range(5):
        clock.time += 2
        watch.step()
    assert watch.limit() == 20
    clock.time += 19
    assert not watch.overdue()
    watch.begin("evaluating")
    clock.time += 99
    assert not watch.overdue()
    clock.time += 2
    assert watch.overdue()
    watch.begin("step")
    assert watch.limit() == 20, "what an evaluation took is no step"


def test_writing_a_round_of_answers_is_no_hang_after_quick_steps_that_learn_from_the_one_before() -> None:
    clock = Clock()
    watch = Watch({"step_floor": 5}, lambda phase, seconds: None, clock)
    watch.expect_rounds(4)
    watch.begin("step")
    for _ in range(3):
        assert watch.limit() == 1800, "the first rounds"
        for seconds in (1, 60, 1, 1):  # a resumed run may begin in the middle of one
            clock.time += seconds
            watch.step()
    assert watch.limit() == 600
    clock.time += 61
    assert not watch.overdue()


def codes(logs: list[dict[str, float]]) -> list[tuple[str, int]]:
    signs = Signs()
    return [(event["code"], event["params"]["step"]) for n, log in enumerate(logs) for event in signs.seen(n, log)]


def test_a_falling_loss_gives_no_sign_and_a_spike_gives_one() -> None:
    falling = [{"loss": 3 * math.exp(-n / 40)} for n in range(80)]
    assert codes(falling) == []
    assert codes([*falling[:20], {"loss": 9.0}, {"loss": 9.5}, *falling[20:]]) == [("loss_spike", 20)]


def test_a_flat_loss_is_told_once_unless_it_has_arrived() -> None:
    assert codes([{"loss": 2.0}] * 90) == [("loss_plateau", 50)]
    assert codes([{"loss": 0.001}] * 90) == []


def test_rewards_that_collapse_or_do_not_differ_and_a_model_far_from_its_start_are_told() -> None:
    rising = [{"loss": 0.0, "reward": n / 40, "reward_std": 0.2, "kl": 0.1} for n in range(40)]
    assert codes(rising) == []
    fallen = [{"loss": 0.0, "reward": 0.0, "reward_std": 0.2, "kl": 0.1}] * 20
    assert [code for code, _ in codes(rising + fallen)] == ["reward_collapse"]
    assert codes([{"reward": 0.5, "reward_std": 0.0}] * 12) == [("reward_flat", 9)]
    alike = {"reward": 0.5, "reward_std": 0.4, "frac_reward_zero_std": 1.0}
    assert codes([alike] * 12) == [("reward_flat", 9)], "prompts that differ teach nothing, answers that do would"
    assert codes([alike, {**alike, "frac_reward_zero_std": 0.5}] * 6) == []
    assert codes([{"reward": 0.5, "kl": 0.11, "completions/mean_length": 100.0}] * 3) == [("kl_high", 0)]
    assert codes([{"reward": 0.5, "kl": 0.11, "completions/mean_length": 80.0}] * 3) == [], "it is logged per token"
    assert codes([{"reward": 0.5, "objective/kl": 11.0}] * 3) == [("kl_high", 0)]


GREEDY = """
def reward(completions, **columns):
    if len(completions) > 4:
        raise MemoryError(f"no room for {len(completions)}")
    return [float(len(completion[-1]["content"])) for completion in completions]
"""
STUCK = """
import pathlib, time
calls = 0

def reward(completions, **columns):
    global calls
    calls += 1
    mark = pathlib.Path(__file__).with_suffix(".once")
    if calls == 6 and not mark.exists():
        mark.touch()
        time.sleep(600)
    return [float(len(completion[-1]["content"])) for completion in completions]
"""


@pytest.mark.train
@pytest.mark.timeout(600)
def test_out_of_memory_is_tried_again_with_half_the_batch_and_the_same_rows_a_step(tmp_path: Path) -> None:
    pytest.importorskip("trl")
    recipe = method_recipe(tmp_path, "grpo", "full", train={"max_steps": 3, "per_device_train_batch_size": 8})
    (tmp_path / "letters.py").write_text(GREEDY)
    recipe["grpo"] |= {"num_generations": 2, "steps_per_generation": 1}
    attempt = Attempt(tmp_path / "a", recipe)
    assert attempt.run() == 0, attempt.log()
    (event,) = [event["params"] for event in attempt.events() if event["code"] == "started_again"]
    assert event == {
        "reason": "oom",
        "from_step": 0,
        "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 2,
    }
    plans = [event["params"] for event in attempt.events() if event["code"] == "plan"]
    assert [plan["batch_size"] for plan in plans] == [8, 8]
    assert attempt.failure() is None


@pytest.mark.train
@pytest.mark.timeout(600)
def test_a_hang_leaves_its_stacks_and_the_run_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    pytest.importorskip("trl")
    recipe = method_recipe(tmp_path, "grpo", "full", train={"max_steps": 8}, save={"save_steps": 2})
    (tmp_path / "letters.py").write_text(STUCK)
    recipe["watch"] = {"step_floor": 6.0}  # a busy machine may take seconds for a step
    attempt = Attempt(tmp_path / "a", recipe)
    process = attempt.start()
    try:
        until(lambda: process.poll() is not None, timeout=500, what="the worker's end")
    finally:
        process.kill()
    assert process.returncode == 0, attempt.log()
    told = {event["code"]: event["params"] for event in attempt.events()}
    assert told["hang"]["phase"] == "step"
    assert told["started_again"] == {"reason": "hang", "from_step": 4}
    assert "in reward" in attempt.log(), "the stack shows where it stood"
    assert "final" in attempt.words()


@pytest.mark.train
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_evaluation_that_runs_out_of_memory_is_made_smaller_and_the_training_is_not(tmp_path: Path) -> None:
    pytest.importorskip("trl")
    train = {"max_steps": 4, "per_device_train_batch_size": 4, "per_device_eval_batch_size": 8}
    evaluate = {"val_set_size": 8, "eval_steps": 2, "metric_for_best": "eval_reward", "eval_on_start": True}
    recipe = method_recipe(tmp_path, "grpo", "full", train=train, eval=evaluate)
    (tmp_path / "letters.py").write_text(GREEDY)
    recipe["grpo"] |= {"num_generations": 2}
    attempt = Attempt(tmp_path / "a", recipe)
    assert attempt.run() == 0, attempt.log()
    (event,) = [event["params"] for event in attempt.events() if event["code"] == "started_again"]
    assert event == {"reason": "oom", "from_step": 0, "per_device_eval_batch_size": 4}
    plans = [event["params"]["per_device_train_batch_size"] for event in attempt.events() if event["code"] == "plan"]
    assert plans == [4, 4]
