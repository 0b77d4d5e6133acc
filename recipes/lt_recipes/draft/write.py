"""A recipe's values as YAML that a person reads: blocks in the usual order, a comment where a value is one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

_ORDER = ("version", "method", "description", "model", "adapter", "datasets", "rewards", "train")
_LAST = ("eval", "save", "resources", "env")
_COLUMN = 38

COMMENTS: dict[str, tuple[str, str]] = {
    "adapter": ("without this block all weights are trained", "去掉这一块即训练全部参数"),
    "adapter.alpha": ("the update counts alpha / r", "更新量按 alpha / r 缩放"),
    "model.load_in_4bit": ("QLoRA: the frozen weights lie in 4 bits", "QLoRA：冻结的权重以 4 位存放"),
    "rewards": ("what a good answer is; docs/recipes.md lists the kinds", "什么是好回答；种类见 docs/recipes.md"),
    "train.num_train_epochs": ("passes over the data", "数据遍数"),
    "train.per_device_train_batch_size": ("rows at a time: smaller takes less memory", "每次的行数：越小越省显存"),
    "train.gradient_accumulation_steps": ("passes a step: keep the product", "每步累积次数：保持二者乘积不变"),
    "train.warmup_steps": ("below 1: the fraction of all steps", "小于 1 表示占总步数的比例"),
    "train.max_length": ("tokens; longer rows are cut", "token 数；更长的会被截断"),
    "train.assistant_only_loss": ("learn the answers, not the questions", "只学习回答，不学习提问"),
    "train.gradient_checkpointing": ("less memory, a third more time", "省显存，时间多约三分之一"),
    "eval.val_set_size": ("held out of the data, to measure on", "从数据中留出，用于评估"),
    "save.save_total_limit": ("checkpoints that stay on the host", "主机上保留的检查点数"),
    "save.pull": ("last | best | all | none come home", "自动取回哪些：last | best | all | none"),
    "resources.gpus": ("0 trains on the CPU", "0 表示用 CPU"),
}
"""(English, Chinese) by dotted key."""


def written(values: Mapping[str, Any], header: Sequence[str], lang: str = "en") -> str:
    """The text of the recipe, its header's lines as comments first. Reading it gives `values` again."""
    lines = [f"# {line}".rstrip() for line in header]
    own = [key for key in values if key not in _ORDER and key not in _LAST]
    for key in (*_ORDER, *own, *_LAST):
        if values.get(key) is None:
            continue
        if isinstance(values[key], (dict, list)):
            lines.append("")
        lines += _entry(key, values[key], 0, key, lang)
    return "\n".join(lines) + "\n"


def _entry(key: str, value: Any, depth: int, path: str, lang: str) -> list[str]:
    indent = "  " * depth
    if isinstance(value, dict) and depth == 0:
        lines = [_commented(f"{indent}{key}:", path, lang)]
        for name, item in value.items():
            if item is not None:
                lines += _entry(name, item, depth + 1, f"{path}.{name}", lang)
        return lines
    if isinstance(value, list) and value and isinstance(value[0], dict):
        lines = [_commented(f"{indent}{key}:", path, lang)]
        for item in value:
            if key == "rewards":
                lines.append(f"{indent}  - {_inline(item)}")
                continue
            for number, (name, part) in enumerate(item.items()):
                lines.append(f"{indent}  {'- ' if number == 0 else '  '}{name}: {_inline(part)}")
        return lines
    return [_commented(f"{indent}{key}: {_inline(value)}", path, lang)]


def _commented(text: str, path: str, lang: str) -> str:
    comment = COMMENTS.get(path)
    return text if comment is None else f"{text.ljust(_COLUMN - 1)} # {comment[lang == 'zh']}"


def _inline(value: Any) -> str:
    if isinstance(value, float):
        return _number(value)
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _number(value: float) -> str:
    """As a person writes it: 3, 0.05, 2e-4."""
    if value == int(value):
        return str(int(value))
    if abs(value) >= 1e-3:
        return repr(value)
    digits, _, power = f"{value:e}".partition("e")
    return f"{digits.rstrip('0').rstrip('.')}e{int(power)}"
