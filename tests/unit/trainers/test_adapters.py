"""Each kind of adapter trains on the tiny model, is stopped, and goes on bit by bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.training import Attempt, last_checkpoint, method_recipe, weights

torch = pytest.importorskip("torch")
pytest.importorskip("trl")
from lt_agent.trainers.registry import missing_modules  # noqa: E402

pytestmark = pytest.mark.train

ADAPTERS: dict[str, dict[str, Any]] = {
    "dora": {"type": "lora", "r": 4, "alpha": 8, "use_dora": True},
    "rslora": {"type": "lora", "r": 4, "alpha": 8, "use_rslora": True},
    "loraplus": {"type": "lora", "r": 4, "alpha": 8, "loraplus_lr_ratio": 16},
    "layers": {"type": "lora", "r": 4, "alpha": 8, "layers_to_transform": [1]},
    "list": {"type": "lora", "r": 4, "alpha": 8, "target_modules": ["q_proj", "v_proj"]},
    "lokr": {"type": "lokr", "r": 4, "alpha": 8},
    "ptuning": {"type": "ptuning", "num_virtual_tokens": 4},
}
SLOW = {"rslora", "layers", "list"}
RATES = {"ptuning": 3e-2}


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] if kind in SLOW else []) for kind in ADAPTERS]
)
def test_an_adapter_learns_and_resumes_bit_by_bit(kind: str, tmp_path: Path) -> None:
    recipe = method_recipe(tmp_path, "sft", "full", save={"save_steps": 10})
    recipe["train"]["learning_rate"] = RATES.get(kind, 1e-2)
    recipe["adapter"] = ADAPTERS[kind]
    whole = Attempt(tmp_path / "whole", recipe)
    assert whole.run_inside() == 0, whole.failure()
    losses = list(whole.losses().values())
    assert sum(losses[-5:]) < sum(losses[:5])
    second = Attempt(tmp_path / "2", recipe, resume=whole.paths.out / "checkpoint-10", step=10)
    if kind == "ptuning":  # PEFT does not save what makes the tokens
        assert whole.word("checkpoint-10")["resumable"] is False
        assert second.run_inside() == 1
        assert (second.failure() or {})["reason"] == "resume_incomplete"
        return
    assert second.run_inside() == 0, second.failure()
    assert second.losses() == {step: loss for step, loss in whole.losses().items() if step > 10}
    a, b = weights(whole.paths.out / "final"), weights(second.paths.out / "final")
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)
    if kind == "layers":
        assert all(".layers.1." in name for name in a)
    if kind == "list":
        assert all("q_proj" in name or "v_proj" in name for name in a)


def test_loraplus_gives_the_second_half_its_own_learning_rate(tmp_path: Path) -> None:
    recipe = method_recipe(tmp_path, "sft", "full", train={"max_steps": 1})
    recipe["adapter"] = ADAPTERS["loraplus"]
    attempt = Attempt(tmp_path / "a", recipe)
    assert attempt.run_inside() == 0, attempt.failure()
    _, checkpoint = last_checkpoint(attempt)
    groups = torch.load(checkpoint / "optimizer.pt", weights_only=True)["param_groups"]
    rates = {round(group["initial_lr"], 6) for group in groups if group["params"]}
    assert rates == {3e-3, 48e-3}


@pytest.mark.skipif(bool(missing_modules(["bitsandbytes"])), reason="bitsandbytes is not installed")
def test_a_model_in_four_bits_learns_through_its_adapter_and_resumes(tmp_path: Path) -> None:
    base = Attempt(tmp_path / "base", method_recipe(tmp_path, "sft", "full", train={"max_steps": 1}))
    base_recipe = base.recipe()
    base_recipe["model"]["from_config"] |= {"hidden_size": 64, "intermediate_size": 128}
    base.write(base_recipe)
    assert base.run_inside() == 0, base.failure()
    recipe = method_recipe(tmp_path, "sft", "lora", train={"max_steps": 12}, save={"save_steps": 6})
    recipe["model"] = {"name_or_path": str(base.paths.out / "final"), "load_in_4bit": True, "torch_dtype": "float32"}
    recipe["adapter"] = {"type": "lora", "r": 4, "alpha": 8}
    recipe["train"]["learning_rate"] = 3e-2
    whole = Attempt(tmp_path / "whole", recipe)
    assert whole.run_inside() == 0, whole.failure()
    losses = list(whole.losses().values())
    assert sum(losses[-4:]) < sum(losses[:4])
    second = Attempt(tmp_path / "2", recipe, resume=whole.paths.out / "checkpoint-6", step=6)
    assert second.run_inside() == 0, second.failure()
    assert second.losses() == {step: loss for step, loss in whole.losses().items() if step > 6}


def test_four_bits_without_their_package_are_told_before_anything_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lt_agent.trainers import worker

    monkeypatch.setattr(worker, "missing_modules", lambda names: [name for name in names if name == "bitsandbytes"])
    recipe = method_recipe(tmp_path, "sft", "lora")
    recipe["model"] = {"name_or_path": "org/model", "load_in_4bit": True}
    attempt = Attempt(tmp_path / "a", recipe)
    assert attempt.run_inside() == 1
    failure = attempt.failure()
    assert failure is not None
    assert failure["reason"] == "missing_module"
    assert "bitsandbytes" in failure["message"]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dpo", "grpo", "ppo"])
def test_an_adapter_of_an_earlier_job_is_trained_further_against_what_it_was(method: str, tmp_path: Path) -> None:
    first = Attempt(tmp_path / "1", method_recipe(tmp_path, "sft", "lora"))
    assert first.run_inside() == 0, first.failure()
    final = first.paths.out / "final"
    recipe = method_recipe(tmp_path, method, "lora", train={"max_steps": 8}, save={"save_steps": 4})
    recipe["model"] = {"name_or_path": str(final / "base"), "tokenizer": {"name_or_path": str(final)}}
    recipe["adapter"] = {"type": "lora", "path": str(final)}
    recipe.setdefault(method, {})["kl_coef" if method == "ppo" else "beta"] = 0.1
    whole = Attempt(tmp_path / "2", recipe)
    assert whole.run_inside() == 0, whole.failure()
    assert [path for path in (whole.paths.out / "final").iterdir() if path.is_dir()] == [], "one adapter, not two"
    second = Attempt(tmp_path / "3", recipe, resume=whole.paths.out / "checkpoint-4", step=4)
    assert second.run_inside() == 0, second.failure()
    assert second.losses() == {step: loss for step, loss in whole.losses().items() if step > 4}


def test_a_tracker_that_is_not_installed_is_told_and_the_training_goes_on(tmp_path: Path) -> None:
    if not missing_modules(["swanlab"]):
        pytest.skip("it is installed")
    recipe = method_recipe(tmp_path, "sft", train={"report_to": ["swanlab"], "max_steps": 2})
    attempt = Attempt(tmp_path / "a", recipe)
    assert attempt.run_inside() == 0
    (told,) = [event["params"] for event in attempt.events() if event["code"] == "tracker_missing"]
    assert told["tracker"] == "swanlab"
    peaks = [line["memory/peak"] for line in attempt.metrics() if "memory/peak" in line]
    assert peaks and peaks == sorted(peaks) and peaks[0] > 50 << 20


def test_a_tracker_that_fails_is_told_and_the_training_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboard")
    recipe = method_recipe(tmp_path, "sft", train={"report_to": ["tensorboard"], "max_steps": 2})
    attempt = Attempt(tmp_path / "a", recipe)
    (tmp_path / "file").write_text("stands in the way")
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "file" / "events"))
    assert attempt.run_inside() == 0, attempt.failure()
    (told,) = [event["params"] for event in attempt.events() if event["code"] == "tracker_failed"]
    assert told["tracker"] == "tensorboard" and told["why"]
    assert len(attempt.losses()) == 2 and "final" in attempt.words()


def test_an_adapter_in_the_place_of_a_model_is_told_with_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text('{"base_model_name_or_path": "org/model"}')
    recipe = method_recipe(tmp_path, "sft")
    recipe["model"] = {"name_or_path": str(tmp_path / "adapter")}
    attempt = Attempt(tmp_path / "a", recipe)
    assert attempt.run_inside() == 1
    failure = attempt.failure()
    assert failure is not None
    assert (failure["reason"], "org/model" in failure["message"]) == ("bad_recipe", True)


def test_four_bits_are_computed_with_in_float16_under_loss_scaling() -> None:
    """A GPU without bfloat16: torch's scaler takes no gradients of that type, and float32 is slow there."""
    pytest.importorskip("bitsandbytes")
    from lt_agent.trainers.adapters import hold_adapter_over_four_bits
    from lt_agent.trainers.models import quantisation

    config = quantisation({"load_in_4bit": True}, fp16=True)["quantization_config"]
    assert config.bnb_4bit_compute_dtype == torch.float16
    layer = torch.nn.Linear(2, 2, dtype=torch.bfloat16)
    hold_adapter_over_four_bits(layer, fp16=True)
    assert layer.weight.dtype == torch.float32
    hold_adapter_over_four_bits(layer, fp16=False)
    assert layer.weight.dtype == torch.bfloat16
