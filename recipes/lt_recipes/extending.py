"""`extends:`: a recipe that says only what it changes of others, from the gallery, the presets or a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .paths import anchored
from .problems import Problem, RecipeError
from .yaml_source import Source

MAX_BASES = 8

Read = Callable[[str, Path], "tuple[Source, Path]"]
"""(name or path, the folder of the recipe that names it) → the parsed recipe and its folder. Raises RecipeError."""


def extend(source: Source, folder: Path, read: Read, above: tuple[str, ...] = ()) -> Source:
    """`source` over all that it extends, later bases over earlier ones.

    Blocks are laid over each other key by key; a list or a single value takes the place of the whole one before, and
    `null` takes a key away. Raises RecipeError for a base that is not there, or that extends itself.
    """
    if not isinstance(source.data, dict) or "extends" not in source.data:
        return source
    line = source.lines.get(("extends",))
    names = source.data.pop("extends")
    names = [names] if isinstance(names, str) else names
    if not (isinstance(names, list) and names and all(isinstance(name, str) and name for name in names)):
        raise _error(source, line, "must name a recipe or a list of recipes", "write extends: sft-lora")
    merged: dict[str, Any] = {}
    for name in names:
        if name in above or len(above) >= MAX_BASES:
            raise _error(source, line, f"{' → '.join((*above, name))} leads back to itself")
        try:
            base, where = read(name, folder)
        except RecipeError as error:
            first = error.problems[0]
            raise _error(source, line, f"{name!r} {first.message}", first.hint) from None
        base = extend(base, where, read, (*above, name))
        if not isinstance(base.data, dict):
            raise _error(source, line, f"{name!r} is no recipe")
        source.problems.extend(base.problems)
        merged = overlaid(merged, base.data if where == folder else anchored(base.data, where))
    source.data = overlaid(merged, source.data)
    # What came from a base is told by the line that named it.
    for key in source.data:
        source.lines.setdefault((key,), line or 1)
    return source


def overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` laid over `below`, block by block."""
    found = dict(below)
    for key, value in above.items():
        under = found.get(key)
        if value is None:
            found.pop(key, None)
        elif isinstance(value, dict) and isinstance(under, dict):
            found[key] = overlaid(under, value)
        else:
            found[key] = value
    return found


def _error(source: Source, line: int | None, message: str, hint: str = "") -> RecipeError:
    return RecipeError([Problem(source.file, line, "extends", message, hint)])
