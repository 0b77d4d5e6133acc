"""A data file, read once for what a review asks: rows, their texts, labels, answers. Malformed rows are passed over:
`dataset_check` tells those.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..data_files import READERS
from ..dataset_check import MAX_DISTINCT, ROLES, row_problem

SAMPLE = 4000
"""Rows whose texts are kept for counting tokens; of larger data a random choice of so many."""

_TALK = {"messages": ("messages", "role"), "sharegpt": ("conversations", "from")}

Sequence = tuple[str, int]
"""One text that the model reads at once, and the turns it is made of (0: no chat template is applied)."""


@dataclass
class Survey:
    """What was seen. `sample` has for each kept row the texts that the model reads: two where answers are compared."""

    type: str
    rows: int = 0
    duplicates: int = 0  # rows that stood there before
    sample: list[list[Sequence]] = field(default_factory=list)
    chat: bool = False  # some row is a conversation: a chat template is needed
    silent: int = 0  # conversations in which the assistant says nothing
    good: int = 0  # of `unpaired_preference`
    bad: int = 0
    same: int = 0  # of `preference`: chosen is rejected
    answered: int = 0  # of `prompt`
    numbers: int = 0  # answers that are numbers


def survey(path: Path, type_: str, columns: Mapping[str, str], most: int | None = None) -> Survey:
    """Reads a data file or folder; `most` rows at the most. Parquet is not looked into: no rows."""
    found = Survey(type_)
    known: set[int] = set()
    draw = random.Random(0)  # noqa: S311 — which rows are measured, no secret
    for row in rows_of(path):
        if most is not None and found.rows >= most:
            break
        if row_problem(row, type_, columns) is not None:
            continue
        found.rows += 1
        if len(known) < MAX_DISTINCT:
            mark = hash(json.dumps(row, sort_keys=True))
            found.duplicates += mark in known
            known.add(mark)
        _note(found, row, columns)
        place = len(found.sample) if len(found.sample) < SAMPLE else draw.randrange(found.rows)
        if place < SAMPLE:
            texts = _texts(row, type_, columns)
            found.sample[place : place + 1] = [texts]
    return found


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a data file, or of all in a folder; what is malformed is passed over. Raises OSError."""
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    for file in files:
        reader = READERS.get(file.suffix.lower())
        if reader is not None and not file.name.startswith("."):
            for _, row in reader(file, lambda *_: None):
                if isinstance(row, dict):
                    yield row


def _note(found: Survey, row: Mapping[str, Any], columns: Mapping[str, str]) -> None:
    def value(name: str) -> Any:
        return row.get(columns.get(name, name))

    if found.type in ("messages", "sharegpt", "alpaca"):
        found.chat = True
    elif not found.chat:
        found.chat = any(isinstance(value(name), list) for name in ("prompt", "completion", "chosen"))
    if found.type in _TALK:
        turns, who = _TALK[found.type]
        roles = [ROLES.get(turn.get(who)) for turn in value(turns)]
        found.silent += "assistant" not in roles
    if found.type == "unpaired_preference":
        label = value("label")
        good = label.strip().lower() in ("true", "1") if isinstance(label, str) else bool(label)
        found.good, found.bad = found.good + good, found.bad + (not good)
    elif found.type == "preference":
        found.same += value("chosen") == value("rejected")
    elif found.type == "prompt" and (answer := value("answer")) is not None:
        found.answered += 1
        found.numbers += is_number(answer)


def is_number(answer: Any) -> bool:
    """Whether an answer can be compared as a number: `42`, `"1,000"`, `"-3.5"`."""
    try:
        float(str(answer).replace(",", ""))
    except ValueError:
        return False
    return not isinstance(answer, bool)


def _texts(row: Mapping[str, Any], type_: str, columns: Mapping[str, str]) -> list[Sequence]:
    def part(name: str, what: str = "content") -> Sequence:
        value = row.get(columns.get(name, name))
        if isinstance(value, list):
            turns = [turn for turn in value if isinstance(turn, dict)]
            return "\n".join(str(turn.get(what) or "") for turn in turns), len(turns)
        return (str(value) if value is not None else ""), 0

    if type_ == "text":
        return [part("text")]
    if type_ == "messages":
        return [part("messages")]
    if type_ == "sharegpt":
        system = part("system")[0]
        return [_joined(part("conversations", "value"), (system, 1 if system else 0))]
    if type_ == "alpaca":
        asked = _joined(part("instruction"), part("input"), part("system"))
        pairs = row.get(columns.get("history", "history")) or []
        before = "\n".join(str(text) for pair in pairs for text in pair)
        return [(f"{before}\n{asked[0]}\n{part('output')[0]}", 2 + 2 * len(pairs))]
    if type_ == "preference":
        return [_joined(part("prompt"), part("chosen")), _joined(part("prompt"), part("rejected"))]
    if type_ == "prompt":
        return [part("prompt")]
    return [_joined(part("prompt"), part("completion"))]


def _joined(*parts: Sequence) -> Sequence:
    return "\n".join(text for text, _ in parts if text), sum(turns for _, turns in parts)
