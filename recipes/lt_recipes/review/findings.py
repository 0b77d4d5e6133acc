"""One thing that a review found. Codes with parameters: the words are chosen where it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Weight = Literal["problem", "warning"]


@dataclass(frozen=True)
class Finding:
    """`problem`: the run would fail, or could not be what was meant. `warning`: worth a look, it may be meant.

    `key` is the recipe's, dotted (`train.max_length`).
    """

    weight: Weight
    code: str
    key: str
    params: Mapping[str, Any] = field(default_factory=dict)


def problem(code: str, key: str, **params: Any) -> Finding:
    """A finding that has to be mended."""
    return Finding("problem", code, key, params)


def warning(code: str, key: str, **params: Any) -> Finding:
    """A finding to look at."""
    return Finding("warning", code, key, params)
