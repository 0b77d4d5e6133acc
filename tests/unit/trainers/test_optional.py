"""What a host may lack: named before anything slow where it is needed, and said where it is only faster."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lt_agent.trainers.optional import optimizer_package, optimizer_settings
from lt_recipes.schema.train import Optimizer
from support.training import Attempt, method_recipe, tiny_recipe, weights

pytestmark = pytest.mark.train

PLAIN = {"adamw_torch", "adamw_torch_fused", "adafactor", "sgd", "adagrad", "rmsprop", "adamw_anyprecision"}


def test_every_optimizer_has_its_package_named() -> None:
    names = set(typing.get_args(Optimizer)) - {"adamw_torch_xla", "adamw_torch_npu_fused"}
    assert {name for name in names if optimizer_package(name) is None} == PLAIN
    packages = {"adamw_8bit": "bitsandbytes", "paged_adamw_32bit": "bitsandbytes", "adamw_torch_8bit": "torchao"}
    packages |= {"prodigy": "prodigyopt", "schedule_free_adamw": "schedulefree", "galore_adamw_8bit": "galore_torch"}
    assert {name: optimizer_package(name) for name in packages} == packages


def test_an_optimizer_whose_package_is_missing_is_told_before_anything_slow(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    (tmp_path / "d.jsonl").write_text("")
    attempt = Attempt(tmp_path / "a", tiny_recipe(tmp_path / "d.jsonl", train={"optim": "grokadamw"}))
    assert attempt.run_inside() == 1
    failure = attempt.failure()
    assert failure is not None
    assert failure["reason"] == "missing_module" and "grokadamw" in failure["message"]
    assert "importing torch" not in capsys.readouterr().out


def test_settings_are_numbers_and_truth_values() -> None:
    assert optimizer_settings("d_coef=2, safeguard_warmup=true") == {"d_coef": 2.0, "safeguard_warmup": True}
    assert optimizer_settings(None) == {}


@pytest.mark.slow
def test_prodigy_finds_its_rate_and_resumes_bit_by_bit(tmp_path: Path) -> None:
    pytest.importorskip("prodigyopt")
    torch = pytest.importorskip("torch")
    recipe = method_recipe(tmp_path, "sft", "lora", save={"save_steps": 12})
    del recipe["train"]["learning_rate"]
    recipe["train"] |= {"optim": "prodigy", "optim_args": "d_coef=2.0", "lr_scheduler_type": "constant"}
    whole = Attempt(tmp_path / "whole", recipe)
    assert whole.run_inside() == 0, whole.failure()
    losses = list(whole.losses().values())
    assert losses[-1] < losses[0]
    second = Attempt(tmp_path / "2", recipe, resume=whole.paths.out / "checkpoint-12", step=12)
    assert second.run_inside() == 0, second.failure()
    assert second.losses() == {step: loss for step, loss in whole.losses().items() if step > 12}
    a, b = weights(whole.paths.out / "final"), weights(second.paths.out / "final")
    assert all(torch.equal(a[name], b[name]) for name in a)


def dtypes_in(value: Any) -> Iterator[Any]:
    """Of all tensors in dictionaries within each other."""
    if isinstance(value, dict):
        for one in value.values():
            yield from dtypes_in(one)
    elif hasattr(value, "dtype"):
        yield value.dtype


@pytest.mark.parametrize(
    "name",
    [
        "adamw_8bit",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("paged_adamw_8bit", "lion_8bit", "adafactor", "sgd")),
    ],
)
def test_an_optimizer_learns_and_resumes_bit_by_bit(name: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip(optimizer_package(name) or "torch")
    train = {"optim": name, "max_steps": 6, "warmup_steps": 0.2, "lr_scheduler_type": "cosine"}
    recipe = method_recipe(tmp_path, "sft", "full", train=train, save={"save_steps": 3})
    # What has less than 4,096 numbers keeps its state in 32 bits.
    recipe["model"]["from_config"] |= {"hidden_size": 64, "intermediate_size": 128}
    whole = Attempt(tmp_path / "whole", recipe)
    assert whole.run_inside() == 0, whole.failure()
    losses = list(whole.losses().values())
    assert losses[-1] < losses[0]
    if "8bit" in name:
        state = torch.load(whole.paths.out / "checkpoint-3" / "optimizer.pt", weights_only=True)["state"]
        assert "torch.uint8" in {str(dtype) for dtype in dtypes_in(state)}
    second = Attempt(tmp_path / "2", recipe, resume=whole.paths.out / "checkpoint-3", step=3)
    assert second.run_inside() == 0, second.failure()
    assert second.losses() == {step: loss for step, loss in whole.losses().items() if step > 3}


def test_kernels_that_are_not_there_are_said_and_the_run_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("trl")
    recipe: dict[str, Any] = method_recipe(tmp_path, "sft", train={"max_steps": 2, "use_liger_kernel": True})
    recipe["model"] = {**recipe["model"], "attn_implementation": "flash_attention_2"}
    attempt = Attempt(tmp_path / "a", recipe)
    assert attempt.run_inside() == 0, attempt.failure()
    told = [event["params"] for event in attempt.events() if event["code"] == "not_used"]
    assert [params["what"] for params in told] == ["liger_kernel", "flash_attention_2"]
    assert {params["why"] for params in told} <= {"not_installed", "no_gpu"}
    assert "liger_kernel is not used: " in capsys.readouterr().out


@pytest.mark.parametrize(("held", "moved"), [("bfloat16", 0.0), ("float32", 1.0)])
def test_weights_of_16_bits_do_not_follow_the_small_updates_of_a_full_training(held: str, moved: float) -> None:
    """What the finding `updates_lost` says, and why the gallery's recipes in full hold float32."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    weights = torch.nn.Parameter((torch.randn(10_000) * 0.02).to(getattr(torch, held)))
    before = weights.detach().clone()
    optimizer = torch.optim.AdamW([weights], lr=1e-6, weight_decay=0.0)
    for _ in range(20):
        weights.grad = torch.ones_like(weights)
        optimizer.step()
    assert float((weights != before).float().mean()) == pytest.approx(moved, abs=0.05)
