"""What a data file holds, by its first rows: its type, its columns' names, and what it can train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from ..dataset_check import row_problem
from ..review.survey import rows_of
from ..schema import METHODS
from ..schema.data import COLUMNS

FIRST = 50
"""Rows that a guess looks at; all of them must fit."""

_ORDER = (
    *("messages", "sharegpt", "preference", "unpaired_preference", "prompt_completion", "alpaca", "text", "prompt"),
)
_ALIASES: dict[str, tuple[str, ...]] = {
    "text": ("content", "document", "body"),
    "messages": ("dialogue", "dialog", "conversation", "chat", "turns"),
    "conversations": ("conversation", "dialogue", "items"),
    "prompt": ("question", "query", "instruction", "input", "problem", "user"),
    "completion": ("answer", "response", "output", "solution", "assistant", "reply"),
    "instruction": ("question", "query"),
    "output": ("response", "answer"),
    "chosen": ("accepted", "preferred", "better", "winner"),
    "rejected": ("dispreferred", "worse", "loser"),
    "label": ("good", "is_good", "thumbs_up", "desirable"),
    "answer": ("solution", "target", "ground_truth", "label"),
}
"""What people call a column that has this name here."""


@dataclass(frozen=True)
class Guess:
    """A data file's type and, where its columns have other names, which is which."""

    type: str
    columns: Mapping[str, str] = field(default_factory=dict)


def sample_rows(path: Path) -> list[dict[str, Any]]:
    """The first rows of a file or folder; none where nothing can be read."""
    try:
        return list(islice(rows_of(path), FIRST))
    except OSError:
        return []


def guess(rows: Sequence[Mapping[str, Any]], types: Sequence[str] = ()) -> Guess | None:
    """The type (one of `types`, where given) that all rows have; under their own columns' names first."""
    wanted = [type_ for type_ in _ORDER if not types or type_ in types]
    if not rows:
        return None
    for type_ in wanted:
        if _fit(rows, type_, {}):
            extra = _renamed(rows[0], type_, required=False) if type_ == "prompt" else {}
            return Guess(type_, extra)
    for type_ in wanted:
        columns = _renamed(rows[0], type_, required=True)
        if columns and _fit(rows, type_, columns):
            return Guess(type_, columns)
    return None


def methods_for(type_: str) -> list[str]:
    """The methods that learn from data of this type, the most usual first."""
    return [name for name, model in METHODS.items() if type_ in model.data_types]


def _fit(rows: Sequence[Mapping[str, Any]], type_: str, columns: Mapping[str, str]) -> bool:
    return all(row_problem(row, type_, columns) is None for row in rows)


def _renamed(row: Mapping[str, Any], type_: str, *, required: bool) -> dict[str, str]:
    """Columns of the type by what they are called in the row; no column of the row stands for two."""
    there = {str(name).lower(): str(name) for name in row}
    found: dict[str, str] = {}
    for column, must in COLUMNS[type_].items():
        if column in row or (required and not must and column != "answer"):
            continue
        for alias in _ALIASES.get(column, ()):
            if alias in there and there[alias] not in found.values():
                found[column] = there[alias]
                break
    return found
