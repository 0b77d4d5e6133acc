"""PPO of our own: its formulas, and what a stop in the middle of a round must not change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.training import Attempt, WhenTrained, last_checkpoint, method_recipe, weights

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

pytestmark = pytest.mark.train

ROUNDS = {"num_ppo_epochs": 2, "num_mini_batches": 2}
"""Four steps learn from one round of answers."""


def mask_of(*lengths: int) -> Any:
    return torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


def test_advantages_are_the_discounted_sum_of_what_came_better_than_expected() -> None:
    from lt_agent.trainers.ppo_math import advantages_and_returns

    rewards, values = torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([[0.5, 1.0, 2.0]])
    gamma, lam = 0.9, 0.8
    deltas = [1.0 + gamma * 1.0 - 0.5, 2.0 + gamma * 2.0 - 1.0, 4.0 - 2.0]
    expected = [sum((gamma * lam) ** (k - t) * deltas[k] for k in range(t, 3)) for t in range(3)]
    advantages, returns = advantages_and_returns(rewards, values, mask_of(3), gamma, lam)
    assert advantages[0].tolist() == pytest.approx(expected)
    assert returns[0].tolist() == pytest.approx([a + v for a, v in zip(expected, values[0].tolist(), strict=True)])


def test_padding_behind_an_answer_changes_none_of_its_numbers() -> None:
    from lt_agent.trainers.ppo_math import advantages_and_returns, token_rewards, whiten

    short, padded = mask_of(2), mask_of(2, 4)[:1]
    values, kl = torch.tensor([[0.3, 0.7]]), torch.tensor([[0.1, 0.2]])
    junk = torch.tensor([[9.0, 9.0]])
    plain = token_rewards(torch.tensor([5.0]), kl, short, 0.5)
    assert plain[0].tolist() == pytest.approx([-0.05, 5.0 - 0.1])
    behind = token_rewards(torch.tensor([5.0]), torch.cat([kl, junk], 1), padded, 0.5)
    assert behind[0].tolist() == pytest.approx([-0.05, 4.9, 0.0, 0.0])
    a, _ = advantages_and_returns(plain, values, short, 1.0, 0.95)
    b, _ = advantages_and_returns(behind, torch.cat([values, junk], 1), padded, 1.0, 0.95)
    assert b[0].tolist() == pytest.approx([*a[0].tolist(), 0.0, 0.0])
    assert whiten(torch.cat([a, junk], 1), padded)[0, :2].tolist() == pytest.approx(whiten(a, short)[0].tolist())


def test_whitening_makes_mean_0_and_variance_1_or_keeps_the_mean() -> None:
    from lt_agent.trainers.ppo_math import whiten

    values, mask = torch.tensor([[1.0, 2.0, 3.0], [10.0, 0.0, 0.0]]), mask_of(3, 1)
    white = whiten(values, mask)[mask]
    assert white.mean().item() == pytest.approx(0.0, abs=1e-6)
    assert white.var(unbiased=False).item() == pytest.approx(1.0, abs=1e-4)
    assert whiten(values, mask, shift_mean=False)[mask].mean().item() == pytest.approx(4.0, abs=1e-5)


def test_moving_further_than_the_clipping_range_is_worth_nothing() -> None:
    from lt_agent.trainers.ppo_math import policy_losses, value_losses

    ratio = torch.tensor([0.5, 1.0, 1.5], requires_grad=True)
    for advantage, at_rest in ((1.0, 2), (-1.0, 0)):
        losses, clipped = policy_losses(ratio.log(), torch.zeros(3), torch.full((3,), advantage), 0.2)
        (slope,) = torch.autograd.grad(losses.sum(), ratio)
        assert [value == 0 for value in slope.tolist()] == [index == at_rest for index in range(3)]
        assert clipped.tolist() == [index == at_rest for index in range(3)]
    new = torch.tensor([1.0, 0.1], requires_grad=True)
    losses, clipped = value_losses(new, torch.zeros(2), torch.full((2,), 2.0), 0.2)
    (slope,) = torch.autograd.grad(losses.sum(), new)
    assert slope.tolist() == pytest.approx([0.0, -1.9])
    assert clipped.tolist() == [True, False]


def test_the_distance_is_estimated_without_bias_and_k3_is_never_negative() -> None:
    from lt_agent.trainers.ppo_math import kl_estimate

    p, q = torch.tensor([0.7, 0.2, 0.1]), torch.tensor([0.5, 0.3, 0.2])
    exact = (p * (p / q).log()).sum().item()
    for kind in ("k1", "k3"):
        drawn = kl_estimate(p.log(), q.log(), kind)
        assert (p * drawn).sum().item() == pytest.approx(exact, abs=1e-6)
    assert (kl_estimate(p.log(), q.log(), "k3") >= 0).all()


def test_the_weight_of_the_distance_follows_its_target_and_no_more_than_a_fifth_at_once() -> None:
    from lt_agent.trainers.ppo_math import KlControl

    far, near, fixed = (KlControl(0.1, adaptive, 6.0, 1000.0) for adaptive in (True, True, False))
    far.update(600.0, 100)
    near.update(5.4, 100)
    fixed.update(600.0, 100)
    assert far.weight == pytest.approx(0.1 * 1.02)
    assert near.weight == pytest.approx(0.1 * 0.99)
    assert fixed.weight == 0.1


def test_an_answer_ends_with_its_first_end_token() -> None:
    from lt_agent.trainers.ppo_round import answer_mask

    answers = torch.tensor([[5, 2, 2, 7], [5, 6, 7, 8], [2, 1, 1, 1]])
    assert answer_mask(answers, torch.tensor([2])).sum(1).tolist() == [2, 4, 1]
    assert answer_mask(answers, torch.tensor([2, 6])).sum(1).tolist() == [2, 2, 1], "whichever comes first"


def tiny_model() -> Any:
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(1)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = AutoConfig.for_model("llama", vocab_size=12, eos_token_id=2, pad_token_id=0, bos_token_id=1, **sizes)
    return AutoModelForCausalLM.from_config(config)


def test_answers_are_drawn_from_the_policy_whatever_its_own_settings_for_generation_are() -> None:
    from types import SimpleNamespace

    from lt_agent.trainers.ppo_answers import as_drawn

    tokenizer = SimpleNamespace(pad_token_id=0, eos_token_id=2)
    asked = SimpleNamespace(response_length=12, temperature=1.0)
    drawn = []
    for own in ({}, {"repetition_penalty": 5.0, "top_p": 0.3, "top_k": 2, "min_p": 0.5, "no_repeat_ngram_size": 1}):
        model = tiny_model()
        model.generation_config.update(**own)
        torch.manual_seed(3)
        ids = torch.tensor([[5, 6]] * 4)
        drawn.append(model.generate(ids, generation_config=as_drawn(asked, model, tokenizer)))
    assert torch.equal(*drawn)


def test_every_token_that_the_model_names_ends_an_answer() -> None:
    from types import SimpleNamespace

    from lt_agent.trainers.ppo_answers import end_tokens

    model = tiny_model()
    model.generation_config.eos_token_id = [7, 2]
    assert end_tokens(model, SimpleNamespace(eos_token_id=2)) == [2, 7]
    model.generation_config.eos_token_id = None
    assert end_tokens(model, SimpleNamespace(eos_token_id=2)) == [2]


def test_values_are_read_in_float32_also_where_the_policy_computes_in_bfloat16() -> None:
    from lt_agent.trainers.ppo_answers import ValueHead

    head = ValueHead(4)
    torch.nn.init.constant_(head.weight, 1 / 3)
    states = torch.full((1, 1, 4), 0.1, dtype=torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = head(states)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(4 * float(states[0, 0, 0]) / 3, abs=1e-7)


def test_each_round_is_given_as_often_as_it_is_passed_over_and_each_epoch_is_shuffled_anew() -> None:
    from lt_agent.trainers.ppo_round import RoundSampler

    sampler = RoundSampler(10, 4, 3, seed=1)
    first = list(sampler)
    assert len(first) == len(sampler) == 2 * 4 * 3
    assert first[:4] == first[4:8] == first[8:12] != first[12:16]
    assert len(set(first)) == 8
    sampler.set_epoch(1)
    assert list(sampler) != first


def series(attempt: Attempt, name: str) -> list[float]:
    return [line[name] for line in attempt.metrics() if name in line]


def learnt(line: dict[str, Any]) -> dict[str, Any]:
    """What of a line of metrics follows from the training alone."""
    return {key: value for key, value in line.items() if key != "time" and not key.startswith("memory/")}


@pytest.mark.parametrize("kind", [pytest.param("full", marks=pytest.mark.slow), "lora"])
def test_a_stop_in_the_middle_of_a_round_changes_nothing(kind: str, tmp_path: Path) -> None:
    # A round is written in parts of three answers, which may be of unequal length.
    block = {
        **ROUNDS,
        "local_rollout_forward_batch_size": 3,
        "adap_kl_ctrl": True,
        "target": 1.0,
        "horizon": 200,
        "kl_coef": 0.01,
        "whiten_rewards": True,
    }
    train = {"max_steps": 14, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}
    recipe = method_recipe(tmp_path, "ppo", kind, train=train, ppo=block)
    whole = Attempt(tmp_path / "whole", recipe)
    assert whole.run_inside() == 0, whole.failure()
    assert len(series(whole, "objective/kl")) == 4  # a round each four steps
    assert len(set(series(whole, "objective/kl_coef"))) == 4

    first_half = Attempt(tmp_path / "1", {**recipe, "save": {"save_steps": 6}, "train": {**recipe["train"]}})
    with WhenTrained(first_half, 6, lambda: first_half.paths.stop_request.write_text("{}")):
        assert first_half.run_inside() == 0
    checkpoint = first_half.paths.out / "checkpoint-6"
    assert (checkpoint / "ppo_0.safetensors").is_file()
    second = Attempt(tmp_path / "2", recipe, resume=checkpoint, step=6)
    assert second.run_inside() == 0, second.failure()
    assert [learnt(line) for line in second.metrics()[:-1]] == [learnt(line) for line in whole.metrics()[6:-1]]
    a, b = weights(whole.paths.out / "final"), weights(second.paths.out / "final")
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not (whole.paths.out / "final" / "ppo_0.safetensors").exists()  # it is for who trains on alone
    ends = [weights(attempt.paths.out / "checkpoint-14") for attempt in (whole, second)]
    assert ends[0].keys() == ends[1].keys() >= {"value_head.weight"}
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])

    nothing_left = Attempt(tmp_path / "3", recipe, resume=whole.paths.out / "checkpoint-14", step=14)
    assert nothing_left.run_inside() == 0, nothing_left.failure()
    assert nothing_left.losses() == {}
    c = weights(nothing_left.paths.out / "final")
    assert all(torch.equal(a[name], c[name]) for name in a)


def test_a_checkpoint_without_the_value_head_is_refused(tmp_path: Path) -> None:
    recipe = method_recipe(tmp_path, "ppo", "full", train={"max_steps": 2})
    begun = Attempt(tmp_path / "1", recipe)
    assert begun.run_inside() == 0
    step, checkpoint = last_checkpoint(begun)
    (checkpoint / "ppo_0.safetensors").unlink()
    again = Attempt(tmp_path / "2", recipe, resume=checkpoint, step=step)
    assert again.run_inside() == 1
    failure = again.failure()
    assert (
        failure is not None and failure["reason"] == "resume_incomplete" and "ppo_0.safetensors" in failure["message"]
    )


def test_how_a_step_is_cut_into_passes_does_not_change_it(tmp_path: Path) -> None:
    losses = []
    for rows, passes in ((8, 1), (4, 2)):
        train = {"max_steps": 2, "per_device_train_batch_size": rows, "gradient_accumulation_steps": passes}
        attempt = Attempt(tmp_path / str(rows), method_recipe(tmp_path, "ppo", "full", train=train))
        assert attempt.run_inside() == 0, attempt.failure()
        losses.append(list(attempt.losses().values()))
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_held_out_prompts_are_answered_and_a_round_needs_enough_of_them(tmp_path: Path) -> None:
    evaluate = {"val_set_size": 5, "eval_steps": 1, "metric_for_best": "eval_reward"}
    recipe = method_recipe(tmp_path, "ppo", "full", train={"max_steps": 2}, eval=evaluate, save={"pull": "best"})
    attempt = Attempt(tmp_path / "a", recipe)
    assert attempt.run_inside() == 0, attempt.failure()
    assert len(series(attempt, "eval_reward")) == 2
    assert series(attempt, "eval_rewards/letters/mean") == pytest.approx(series(attempt, "eval_reward"))
    assert [attempt.word(name)["metric_name"] for name in attempt.words() if name != "final"] == ["eval_reward"] * 2

    many = method_recipe(tmp_path, "ppo", "full", train={"per_device_train_batch_size": 64})
    refused = Attempt(tmp_path / "b", many)
    assert refused.run_inside() == 1
    failure = json.loads(refused.paths.failure.read_text())
    assert failure["reason"] == "bad_recipe" and "a round takes 64 prompts" in failure["message"]
