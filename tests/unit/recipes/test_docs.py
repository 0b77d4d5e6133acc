"""docs/recipes.md has every key of a recipe, and each line that it offers can be pasted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lt_recipes import gallery
from lt_recipes.schema import METHODS
from lt_recipes.schema.rewards import KEYS
from lt_recipes.validation import known_keys
from lt_recipes.yaml_source import parse_value

DOCS = Path(__file__).parents[3] / "docs"
ROW = re.compile(r"\| `(\w+)` \| .+ \| `(.+)` \|\Z")
BASE: dict[str, Any] = {
    "version": 1,
    "method": "sft",
    "model": {"name_or_path": "org/model"},
    "datasets": [{"path": "data/x.jsonl", "type": "messages"}],
}
# What a block must hold beside the pasted line.
NEEDED: dict[str, dict[str, Any]] = {
    "model": {"name_or_path": "org/model", "tokenizer": {"name_or_path": "a/b"}},
    "adapter": {"type": "lora"},
    "datasets": {"path": "x", "type": "messages"},
    "eval": {"val_set_size": 0.1},
    "save": {},
    "ppo": {"adap_kl_ctrl": True},
}
# Of adapters other than LoRA.
ADAPTER_OF = dict.fromkeys(("decompose_both", "decompose_factor"), "lokr")
ADAPTER_OF |= dict.fromkeys(("num_virtual_tokens", "encoder_hidden_size"), "ptuning")
NEEDED_BY_REWARDS = {
    "pattern": "a",
    "json_schema": {},
    "path": "x.py",
    "name_or_path": "a/b",
    "base_url": "http://a",
    "model": "m",
}


def rows() -> Iterator[tuple[str, str, str]]:
    """(block, key, line to paste) of every table row under the heading The keys."""
    text = (DOCS / "recipes.md").read_text(encoding="utf-8").partition("## The keys")[2]
    block = ""
    for line in text.splitlines():
        if line.startswith("## "):
            return
        if line.startswith("### "):
            block = line.removeprefix("### ")
        if line == "`model.tokenizer`:":
            block = "model.tokenizer"
        found = ROW.match(line)
        if found and found[2].startswith(found[1] + ":"):
            yield block, found[1], found[2]


def test_every_key_is_documented() -> None:
    documented = {(block, key) for block, key, _ in rows()}
    ours = {(block.removesuffix(".*"), key) for recipe in METHODS.values() for block, key in known_keys(recipe)}
    ours = {(block, key) for block, key in ours if not block.startswith("eval.datasets") and block != "gspo"}
    methods = {("", name) for name in METHODS} | {("", "rewards")}  # which have a section, and no line at the top
    assert documented == ours - methods


@pytest.mark.parametrize(("block", "key", "line"), list(rows()))
def test_every_line_can_be_pasted(block: str, key: str, line: str) -> None:
    value = parse_value(line)
    assert list(value) == [key]
    data = dict(BASE)
    method = block if block in METHODS else "grpo" if block == "rewards" else "sft"
    if method != "sft":
        data |= {"method": method, "datasets": [{"path": "x", "type": METHODS[method].data_types[0]}]}
    if "rewards" in METHODS[method].model_fields:
        data |= {"rewards": [{"type": "numeric"}]}
    if block == "":
        data |= {"eval": {"val_set_size": 0.1}, **value}
    elif block == "rewards":
        type_ = value.get("type") or next((name for name, keys in KEYS.items() if key in keys[0] | keys[1]), "numeric")
        needed = {name: NEEDED_BY_REWARDS[name] for name in KEYS[type_][0]}
        data["rewards"] = [{"type": type_, **needed, **value}]
    elif block == "model.tokenizer":
        other = {} if "name_or_path" in value or "train_from" in value else {"train_from": "x.txt"}
        data["model"] = {"name_or_path": "org/model", "tokenizer": {**other, **value}}
    else:
        beside = dict(NEEDED.get(block, {}))
        if key in ("from_config", "datasets"):
            beside.pop("name_or_path", None), beside.pop("val_set_size", None)
        if block == "adapter":
            beside |= {"type": ADAPTER_OF.get(key, "lora")}
        data[block] = {**beside, **value}
        if block == "model" and "load_in_4bit" in value:
            data["adapter"] = {"type": "lora"}
        if block == "datasets":
            data[block] = [data[block]]
        if block == "parallel":
            data |= _for_strategy(key)
            data[block] = {**data[block], **value}
        if block == "save":
            data["eval"] = {"val_set_size": 0.1}
    METHODS[method].model_validate(data)


def _for_strategy(key: str) -> dict[str, Any]:
    """What a key of `parallel:` needs: its strategy, and what that needs."""
    if key == "processes":
        return {"parallel": {}, "resources": {"gpus": 0}}
    strategy = "deepspeed" if key in ("zero_stage", "config") else "fsdp"
    beside: dict[str, Any] = {"resources": {"gpus": 2}, "train": {"gradient_checkpointing": False}}
    return {**beside, "parallel": {"strategy": strategy}, "env": {"packages": ["deepspeed"]}}


def test_the_gallery_is_documented() -> None:
    text = (DOCS / "recipes.md").read_text(encoding="utf-8")
    for entry in gallery():
        assert f"| `{entry.name}` |" in text
