"""The tables of `docs/planning.md`, by the functions that `lt estimate` uses: `python -m lt_recipes.estimate`."""

from __future__ import annotations

from collections.abc import Iterator

from ..extending import overlaid
from ..loading import PACKAGE, load, presets
from ..schema import METHODS, Recipe
from ..yaml_source import parse
from .memory import NF4, estimate, inference_bytes, optimizer_bytes
from .parameters import Model, read_model

SIZES = (0.5, 1.5, 3, 7, 8, 14, 32, 70)
"""Billions of parameters that people ask for."""
PRECISIONS = {"float32": "fp32", "bfloat16": "fp16, bf16", "int8": "int8", "int4": "int4"}

QWEN2_5_7B = {
    "model_type": "qwen2",
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "vocab_size": 152064,
}
"""Of the model's `config.json` on the hub, what sizes follow from."""


def inference_table() -> Iterator[str]:
    """Weights alone, GiB."""
    yield "| parameters | fp32 (4 bytes) | fp16, bf16 (2) | int8 (1) | int4 (0.5) |"
    yield "|---|---|---|---|---|"
    for size in SIZES:
        cells = [f"{inference_bytes(round(size * 1e9), precision) / 2**30:.1f}" for precision in PRECISIONS]
        yield f"| {size:g} B | {' | '.join(cells)} |"


def training_table() -> Iterator[str]:
    """Bytes per weight, before activations."""
    yield "| way | weights | gradients | optimizer | together |"
    yield "|---|---|---|---|---|"
    ways: list[tuple[str, float, str | None]] = [
        ("full, fp32, AdamW", 4.0, None),
        ("full, fp32, 8-bit AdamW", 4.0, "adamw_8bit"),
        ("full, bf16, AdamW", 2.0, None),
        ("full, bf16, 8-bit AdamW", 2.0, "adamw_8bit"),
        ("full, bf16, Adafactor", 2.0, "adafactor"),
    ]
    for title, per, optim in ways:
        moments = optimizer_bytes(optim, per)
        yield f"| {title} | {per:g} | {per:g} | {moments:g} | {2 * per + moments:g} |"
    adapter = 4.0 + 4.0 + optimizer_bytes(None, 4.0)
    yield f"| LoRA on bf16 | 2 | | | 2, and {adapter:g} for each weight of the adapter |"
    four = 2.0 + 2.0 + optimizer_bytes(None, 2.0)
    yield (
        f"| QLoRA (NF4, quantised twice) | {NF4:.2f} | | | {NF4:.2f} for linear layers, 2 for the rest, "
        f"and {four:g} for each weight of the adapter |"
    )


def preset_table(model: Model | None = None) -> Iterator[str]:
    """What a preset is estimated to take for Qwen2.5-7B under LoRA, GB = 10⁹ bytes."""
    yield "| preset | batch × accumulation | tokens | base | estimate |"
    yield "|---|---|---|---|---|"
    model = model or read_model(QWEN2_5_7B)
    for name in presets():
        recipe = _with_preset(name)
        train = recipe.train
        base = "4 bits" if recipe.model.load_in_4bit else "bfloat16"
        rows = f"{train.per_device_train_batch_size} × {train.gradient_accumulation_steps}"
        length = getattr(train, "max_length", None)
        yield f"| `{name}` | {rows} | {length} | {base} | {estimate(recipe, model).total / 1e9:.1f} GB |"


def _with_preset(name: str) -> Recipe:
    """`sft-lora` under a preset, as `extends: [sft-lora, NAME]` has it."""
    values = load("sft-lora", check_paths=False).model_dump(mode="json", exclude_unset=True)
    preset = parse((PACKAGE / "presets" / f"{name}.yaml").read_bytes(), name).data
    return METHODS["sft"].model_validate(overlaid(values, preset))
