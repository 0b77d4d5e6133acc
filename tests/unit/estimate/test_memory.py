"""Memory parts against numbers worked out by hand, and advice that leads to a recipe which fits."""

from __future__ import annotations

from typing import Any

import pytest

from lt_recipes import load
from lt_recipes.estimate import advise, estimate, read_model
from lt_recipes.estimate.memory import NF4, inference_bytes, lora_parameters
from lt_recipes.schema import METHODS, Recipe

QWEN = {
    "model_type": "qwen2",
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "vocab_size": 152064,
}
MODEL = read_model(QWEN)
GIB = 2**30


def recipe(name: str, *overrides: str) -> Recipe:
    return load(name, overrides, check_paths=False)


def parts(made: Recipe) -> dict[str, float]:
    return dict(estimate(made, MODEL).parts)


def test_full_training_holds_weights_gradients_and_two_moments_of_their_type() -> None:
    sixteen, thirty_two = parts(recipe("sft", "model.torch_dtype=bfloat16")), parts(recipe("sft"))
    for found, size in ((sixteen, 2), (thirty_two, 4)):
        assert found["weights"] == found["gradients"] == MODEL.parameters * size
        assert found["optimizer"] == 2 * MODEL.parameters * size


@pytest.mark.parametrize(
    ("optim", "size"),
    [
        ("adamw_8bit", 2),
        ("sgd", 0),
        ("paged_lion_8bit", 1),
        ("paged_adamw_32bit", 8),  # float32 in any case
        ("rmsprop", 2),
        ("prodigy", 8),
        ("ademamix_8bit", 3),
    ],
)
def test_optimizers_differ(optim: str, size: int) -> None:
    sixteen = "model.torch_dtype=bfloat16"
    assert parts(recipe("sft", sixteen, f"train.optim={optim}")).get("optimizer", 0) == MODEL.parameters * size


def test_weights_of_float32_have_copies_of_16_bits_while_they_are_computed_with() -> None:
    assert parts(recipe("sft"))["16-bit copies"] == 2 * (MODEL.linear + MODEL.embedding)
    for words in (["model.torch_dtype=bfloat16"], ["train.bf16=false"], ["resources.gpus=0"]):
        assert "16-bit copies" not in parts(recipe("sft", *words))
    assert "16-bit copies" not in parts(recipe("sft-lora", "model.torch_dtype=float32"))
    assert parts(recipe("sft", "resources.gpus=0"))["activations"] == 2 * parts(recipe("sft"))["activations"]


def test_what_shards_the_optimizer_holds_float32_for_it() -> None:
    words = ["model.torch_dtype=bfloat16", "resources.gpus=4", "env.packages=[deepspeed]"]
    zero = parts(recipe("sft", *words, "parallel.strategy=deepspeed", "parallel.zero_stage=3"))
    each = MODEL.parameters / 4
    assert (zero["weights"], zero["gradients"], zero["optimizer"]) == (2 * each, 2 * each, 12 * each)
    fsdp = parts(recipe("sft", *words, "parallel.strategy=fsdp"))
    assert (fsdp["weights"], fsdp["gradients"], fsdp["optimizer"]) == (4 * each, 4 * each, 8 * each)


def test_an_adapter_is_rank_times_inputs_and_outputs() -> None:
    h, kv, ffn, r = 3584, 512, 18944, 16
    by_hand = 28 * r * ((h + h) + 2 * (h + kv) + (h + h) + 2 * (h + ffn) + (ffn + h))
    assert lora_parameters(recipe("sft-lora"), MODEL) == by_hand
    two = recipe("sft-lora", "adapter.target_modules=[q_proj, v_proj]", "adapter.layers_to_transform=0-3")
    assert lora_parameters(two, MODEL) == 4 * r * ((h + h) + (h + kv))


def test_an_adapter_counts_as_peft_counts_it() -> None:
    torch = pytest.importorskip("torch")
    peft = pytest.importorskip("peft")
    transformers = pytest.importorskip("transformers")
    small = {**QWEN, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
    small |= {"vocab_size": 300, "pad_token_id": 0}
    kind = small.pop("model_type")
    config = transformers.AutoConfig.for_model(kind, **small)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
        model = peft.get_peft_model(model, peft.LoraConfig(r=8, target_modules="all-linear", task_type="CAUSAL_LM"))
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    assert lora_parameters(recipe("sft-lora", "adapter.r=8"), read_model(config.to_dict())) == trained


def test_four_bits_are_for_the_linear_layers_alone() -> None:
    found = parts(recipe("sft-qlora"))
    assert found["weights"] == MODEL.linear * NF4 + (MODEL.parameters - MODEL.linear) * 2
    assert 5.0 < found["weights"] / GIB < 6.0


def test_a_reference_is_kept_in_full_training_and_not_under_an_adapter() -> None:
    assert parts(recipe("dpo"))["reference"] == MODEL.parameters * 4
    assert "reference" not in parts(recipe("dpo-lora"))
    assert "reference" not in parts(recipe("dpo", "dpo.precompute_ref_log_probs=true"))
    assert "reference" in parts(recipe("grpo"))
    assert "reference" not in parts(recipe("grpo", "grpo.beta=0"))


def test_checkpointing_saves_activations_and_sharding_divides_what_its_stage_says() -> None:
    assert (
        parts(recipe("sft", "train.gradient_checkpointing=false"))["activations"]
        > 5 * parts(recipe("sft"))["activations"]
    )
    one = parts(recipe("sft"))
    sharded = parts(recipe("sft", "resources.gpus=4", "env.packages=[deepspeed]", "parallel.strategy=deepspeed"))
    assert sharded["weights"] == one["weights"] / 2
    assert sharded["gradients"] == one["gradients"] / 8
    assert sharded["optimizer"] == MODEL.parameters * 12 / 4
    assert parts(recipe("sft", "resources.gpus=4", "parallel.strategy=fsdp"))["weights"] == one["weights"] / 4


def test_answers_being_written_take_keys_and_values() -> None:
    found = parts(recipe("grpo-lora"))
    assert found["generation"] == 2 * 28 * 4 * 128 * 2 * (1024 + 512) * 32


@pytest.mark.parametrize("name", ["sft", "sft-lora", "dpo-lora", "kto-lora", "reward"])
@pytest.mark.parametrize("memory", [16, 24, 48])
def test_advice_leads_to_a_recipe_that_fits_and_keeps_the_batch(name: str, memory: int) -> None:
    made = recipe(name)
    advice = advise(made, MODEL, memory * GIB)
    if advice.fits or advice.changes is None:
        assert advice.fits == (estimate(made, MODEL).total <= memory * GIB)
        return
    changed = recipe(name, *advice.changes)
    assert estimate(changed, MODEL).total <= memory * GIB
    for before, after in ((made.train, changed.train),):
        rows = (before.per_device_train_batch_size or 8) * (before.gradient_accumulation_steps or 1)
        assert rows == (after.per_device_train_batch_size or 8) * (after.gradient_accumulation_steps or 1)


def test_what_fits_nowhere_is_said() -> None:
    assert advise(recipe("sft"), MODEL, 2 * GIB).changes is None


@pytest.mark.parametrize("method", METHODS)
def test_every_method_can_be_estimated(method: str) -> None:
    found: dict[str, Any] = parts(recipe(f"tiny-{method}"))
    assert found["weights"] > 0
    assert ("reference" in found) == (method in ("dpo", "kto", "rloo", "ppo"))
    assert ("value" in found) == (method == "ppo")


@pytest.mark.parametrize(("name", "memory"), [("8gb", 8), ("16gb", 16), ("24gb", 24), ("48gb", 48), ("80gb", 80)])
def test_a_preset_fits_the_memory_it_is_named_for(name: str, memory: int, tmp_path: Any) -> None:
    (tmp_path / "r.yaml").write_text(f"extends: [sft-lora, {name}]\n")
    made = load(tmp_path / "r.yaml", check_paths=False)
    assert estimate(made, MODEL).total <= memory * 1e9


def test_weights_alone_for_using_a_model() -> None:
    assert inference_bytes(7_000_000_000, "int4") == 3.5e9
