"""Which earlier runs a recipe may be measured by. Pure, over recipes as they are stored with a job."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def kind_of_run(recipe: Mapping[str, Any]) -> tuple[str, ...]:
    """What two runs must share for a step of one to tell of a step of the other: method, model, adapter, precision,
    number of GPUs, and the length of rows within a factor of two.
    """
    model, train = recipe.get("model") or {}, recipe.get("train") or {}
    adapter = recipe.get("adapter") or {}
    return (
        str(recipe.get("method")),
        model_name(model),
        f"{adapter.get('type')} {bool(adapter.get('use_dora'))}",
        f"{model.get('torch_dtype')} {bool(model.get('load_in_4bit'))} {bool(train.get('fp16'))}",
        str((recipe.get("resources") or {}).get("gpus", 1)),
        str(train.get("gradient_checkpointing") is not False),
        str(length_class(recipe)),
    )


def model_name(model: Mapping[str, Any]) -> str:
    """The model by name; a folder that was sent is known by its last part, whatever machine it lies on."""
    if model.get("from_config") is not None:
        return json.dumps(model["from_config"], sort_keys=True)
    name = str(model.get("name_or_path"))
    if name.startswith(("data:", "/", "~", ".", "host:")):
        parts = [part for part in name.removeprefix("data:").split("/") if part]
        return parts[0] if name.startswith("data:") else parts[-1] if parts else name
    return name


def length_class(recipe: Mapping[str, Any]) -> int:
    """The power of two that holds the longest row: 1024 and 700 tokens are of one class."""
    own = recipe.get(str(recipe.get("method"))) or {}
    length = own.get("max_completion_length") or own.get("response_length")
    length = length or (recipe.get("train") or {}).get("max_length") or 1024
    return math.ceil(math.log2(max(1, int(length))))


def rows_at_once(recipe: Mapping[str, Any]) -> int:
    """Rows of one forward pass on one GPU: what memory depends on."""
    return int((recipe.get("train") or {}).get("per_device_train_batch_size") or 8)


def rows_a_step(recipe: Mapping[str, Any]) -> int:
    """Rows that a step learns from: what its time depends on."""
    train = recipe.get("train") or {}
    gpus = max(1, int((recipe.get("resources") or {}).get("gpus", 1)))
    return rows_at_once(recipe) * int(train.get("gradient_accumulation_steps") or 1) * gpus
