"""Does it fit, and what to change so that it does: one change after the other, the cheapest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..schema import METHODS, Recipe
from .memory import Estimate, estimate
from .parameters import Model


@dataclass(frozen=True)
class Advice:
    """`fits` as it is; else the `changes` (`key=value`) with which it would, or None where nothing helps."""

    fits: bool
    changes: tuple[str, ...] | None
    then: Estimate | None  # with the changes


def advise(recipe: Recipe, model: Model, memory: float) -> Advice:
    """For a GPU with `memory` bytes that are free."""
    if estimate(recipe, model).total <= memory:
        return Advice(True, (), None)
    changed: dict[str, Any] = recipe.model_dump(mode="json")
    made: dict[str, str] = {}
    for key, value in _changes(recipe):
        _set(changed, key, value)
        made[key] = f"{key}={_yaml(value)}"
        then = estimate(METHODS[recipe.method].model_validate(changed), model)
        if then.total <= memory:
            return Advice(False, tuple(made.values()), then)
    return Advice(False, None, None)


def _changes(recipe: Recipe) -> Iterator[tuple[str, Any]]:
    if recipe.train.gradient_checkpointing is False:
        yield "train.gradient_checkpointing", True
    if recipe.model.torch_dtype == "float32" and recipe.adapter is not None:
        yield "model.torch_dtype", "bfloat16"
    rows = recipe.train.per_device_train_batch_size or 8
    passes = recipe.train.gradient_accumulation_steps or 1
    least = 2 if recipe.method == "kto" else 1
    while rows % 2 == 0 and rows // 2 >= least:
        rows, passes = rows // 2, passes * 2
        yield "train.gradient_accumulation_steps", passes
        yield "train.per_device_train_batch_size", rows
    if recipe.adapter is None:
        yield "train.optim", "adamw_8bit"
        yield "adapter", {"type": "lora", "r": 16, "alpha": 32}
        yield "train.optim", recipe.train.optim
        if recipe.model.torch_dtype == "float32":
            # Not before: updates of weights that are trained themselves would be rounded away.
            yield "model.torch_dtype", "bfloat16"
    if recipe.model.name_or_path is not None and not recipe.model.load_in_4bit:
        yield "model.load_in_4bit", True
    length = getattr(recipe.train, "max_length", None)
    while length and length > 512:
        length //= 2
        yield "train.max_length", length


def _set(values: dict[str, Any], key: str, value: Any) -> None:
    *way, last = key.split(".")
    for part in way:
        values = values.setdefault(part, {})
    if value is None:
        values.pop(last, None)
    else:
        values[last] = value


def _yaml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(item)}" for key, item in value.items()) + "}"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
