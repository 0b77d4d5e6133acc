"""The combinations of a grid, the values by which a search is tried out beforehand, and how a value is written."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..schema.sweep import SpaceSection, SweepSection


def expand(grid: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Every combination of the values, in the order of the file: the last key changes fastest."""
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def flattened(block: Mapping[str, Any], is_leaf: Callable[[Any], bool]) -> dict[tuple[str, ...], Any]:
    """`{train: {learning_rate: [..]}}` by the path of each leaf; what is no block is a leaf in any case."""
    found: dict[tuple[str, ...], Any] = {}
    for key, value in block.items():
        if isinstance(value, dict) and value and not is_leaf(value):
            found |= {(key, *path): leaf for path, leaf in flattened(value, is_leaf).items()}
        else:
            found[(key,)] = value
    return found


def probes(section: SweepSection) -> list[dict[str, Any]]:
    """The trials by which a sweep is checked before it starts: of a grid all, of a search the ends of each value.

    A number between two is tried at both ends and at an odd place between, which no whole number is.
    """
    if section.grid:
        return expand(section.grid)
    ends = {key: _ends(space) for key, space in section.search.items()}
    first = {key: values[0] for key, values in ends.items()}
    return [first, *({**first, key: value} for key, values in ends.items() for value in values[1:])]


def override(key: str, value: Any) -> str:
    """`key=value` as on the command line; JSON is YAML, so nothing changes its type on the way."""
    return f"{key}={json.dumps(value, ensure_ascii=True)}"


def _ends(space: SpaceSection) -> list[Any]:
    if space.choice is not None:
        return list(space.choice)
    low, high = space.bounds
    if "integer" in space.kind:
        return [int(low), int(high)]
    return [float(low), float(high), low + (high - low) * 0.381966]
