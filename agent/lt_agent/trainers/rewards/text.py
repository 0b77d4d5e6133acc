"""Rewards that look at the answer's text alone. Pure, standard library: each maker takes the recipe's entry."""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Mapping, Optional

from ..failures import TrainingFailure
from .json_schema import check_schema, conforms

Scorer = Callable[[str, Any], Optional[float]]
"""(the answer's text, what the data says is right) → 0 to 1; None where the data says nothing."""

_NUMBER = re.compile(r"[-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?:/\d+)?")
_MARKS = (re.compile(r"\\boxed\{([^{}]*)\}"), re.compile(r"####\s*(.+)"), re.compile(r"<answer>(.*?)</answer>", re.S))


def exact_match(entry: Mapping[str, Any]) -> Scorer:
    """1 where the answer is the expected one, letter by letter; `ignore_case` and surrounding space aside."""
    find = _extract(entry)
    fold = bool(entry.get("ignore_case"))

    def score(text: str, expected: Any) -> float | None:
        if expected is None:
            return None
        found, wanted = (find(text) or "").strip(), str(expected).strip()
        return float(found.casefold() == wanted.casefold() if fold else found == wanted)

    return score


def numeric(entry: Mapping[str, Any]) -> Scorer:
    """1 where the answer's number is the expected one within `tolerance` (relative, default 1e-6).

    The number is what `extract` finds, else what stands in \\boxed{}, after #### or in <answer>, else the last one.
    """
    find = _extract(entry, marked=True)
    tolerance = float(entry.get("tolerance") or 1e-6)

    def score(text: str, expected: Any) -> float | None:
        wanted = number_in(str(expected)) if expected is not None else None
        if wanted is None:
            return None
        found = number_in(find(text) or "")
        return float(found is not None and abs(found - wanted) <= tolerance * max(1.0, abs(wanted)))

    return score


def regex(entry: Mapping[str, Any]) -> Scorer:
    """1 where `pattern` is found anywhere in the answer."""
    pattern = _compiled(str(entry["pattern"]))
    return lambda text, expected: float(pattern.search(text) is not None)


def tags(entry: Mapping[str, Any]) -> Scorer:
    """The share of `tags` that are there once, closed and in order: `<think>…</think><answer>…</answer>`."""
    names = list(entry.get("tags") or ("think", "answer"))

    def score(text: str, expected: Any) -> float:
        good, at = 0, 0
        for name in names:
            opened, closed = text.find(f"<{name}>", at), text.find(f"</{name}>", at)
            if 0 <= opened < closed and text.count(f"<{name}>") == text.count(f"</{name}>") == 1:
                good, at = good + 1, closed
        return good / len(names)

    return score


def length(entry: Mapping[str, Any]) -> Scorer:
    """1 between `min` and `max` characters, falling in proportion outside."""
    low, high = entry.get("min") or 0, entry.get("max")

    def score(text: str, expected: Any) -> float:
        count = len(text.strip())
        if count < low:
            return float(count / low)
        if high is not None and count > high:
            return max(0.0, 1.0 - (count - float(high)) / float(high))
        return 1.0

    return score


def json_schema(entry: Mapping[str, Any]) -> Scorer:
    """1 where the answer is JSON of that `json_schema`, a fenced block counting alone; 0 for anything else."""
    schema = entry["json_schema"]
    problem = check_schema(schema)
    if problem:
        raise TrainingFailure("bad_recipe", f"rewards: json_schema: {problem}")

    def score(text: str, expected: Any) -> float:
        fenced = re.search(r"```(?:json)?\s*\n(.*?)```", text, re.S)
        try:
            value = json.loads(fenced[1] if fenced else text)
        except (ValueError, RecursionError):
            return 0.0
        return float(conforms(value, schema))

    return score


SCORES: dict[str, Callable[[Mapping[str, Any]], Scorer]] = {
    "exact_match": exact_match,
    "numeric": numeric,
    "regex": regex,
    "format": tags,
    "length": length,
    "json_schema": json_schema,
}


def number_in(text: str) -> float | None:
    """The last number of a text; `1,234.5`, `-3e2` and `3/4` are numbers."""
    found = _NUMBER.findall(text)
    if not found:
        return None
    whole, _, part = found[-1].replace(",", "").partition("/")
    try:
        return float(whole) / float(part) if part else float(whole)
    except (ValueError, ZeroDivisionError, OverflowError):
        return None


def _extract(entry: Mapping[str, Any], marked: bool = False) -> Callable[[str], str | None]:
    own = entry.get("extract")
    if own:
        pattern = _compiled(str(own))

        def find(text: str) -> str | None:
            found = list(pattern.finditer(text))
            return (found[-1].group(1) if pattern.groups else found[-1].group(0)) if found else None

        return find
    if not marked:
        return lambda text: text

    def find_marked(text: str) -> str | None:
        for mark in _MARKS:
            found = mark.findall(text)
            if found:
                return str(found[-1])
        return text

    return find_marked


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.S)
    except re.error as error:
        raise TrainingFailure("bad_recipe", f"rewards: {pattern!r} is no regular expression: {error}") from None
