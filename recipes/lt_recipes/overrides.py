"""`train.learning_rate=1e-4` on the command line, laid over what the file says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .problems import COMMAND_LINE, Problem, RecipeError
from .yaml_source import KeyPath, Source, dotted, parse_value


def parse_override(text: str) -> tuple[tuple[str, ...], Any]:
    """The key's parts and the value, which is read as YAML; an empty one is null. Raises RecipeError."""
    key, equals, value = text.partition("=")
    key = key.strip()
    parts = tuple(key.split("."))
    if not equals or not all(part and not any(c.isspace() for c in part) for part in parts):
        hint = "write train.learning_rate=1e-4 or datasets.0.path=data/mine.jsonl"
        raise RecipeError([Problem(COMMAND_LINE, None, "", f"{text!r} is no key=value", hint)])
    try:
        return parts, parse_value(value)
    except RecipeError as error:
        found = error.problems[0]
        hint = found.hint or "put the value in quotes"
        raise RecipeError([Problem(COMMAND_LINE, None, key, f"{value!r}: {found.message}", hint)]) from None


def apply_overrides(source: Source, overrides: Sequence[str]) -> set[KeyPath]:
    """Changes `source` in place, later overrides over earlier ones; says which keys came from the command line.

    What can't be applied is added to `source.problems`.
    """
    said: set[KeyPath] = set()
    for text in overrides:
        try:
            parts, value = parse_override(text)
            lay(source, ".".join(parts), value, said)
        except RecipeError as error:
            source.problems.extend(error.problems)
    return said


def lay(source: Source, key: str, value: Any, said: set[KeyPath]) -> None:
    """As one override, of a value that is no text any more. Raises RecipeError."""
    if not isinstance(source.data, dict):
        source.data = {}
    source.data = _set(source.data, (), tuple(key.split(".")), value, source, said)


def _set(current: Any, path: KeyPath, rest: tuple[str, ...], value: Any, source: Source, said: set[KeyPath]) -> Any:
    if not rest:
        for known in [key for key in source.lines if key[: len(path)] == path]:
            del source.lines[known]
        said.difference_update([key for key in said if key[: len(path)] == path])
        said.add(path)
        return value
    part, further = rest[0], rest[1:]
    if current is None:
        current = [] if part.isdecimal() else {}
        said.add(path)
    if isinstance(current, dict):
        current[part] = _set(current.get(part), (*path, part), further, value, source, said)
        return current
    whole = dotted((*path, *rest))
    if isinstance(current, list):
        if not (part.isascii() and part.isdecimal()) or int(part[:6]) > len(current):
            count = "1 entry" if len(current) == 1 else f"{len(current)} entries"
            message = f"{dotted(path)} has {count}, so there is no {part}"
            hint = f"the first is {dotted(path)}.0, and {dotted(path)}.{len(current)} adds one"
            raise RecipeError([Problem(COMMAND_LINE, None, whole, message, hint)])
        index = int(part)
        before = current[index] if index < len(current) else None
        after = _set(before, (*path, index), further, value, source, said)
        current[index : index + 1] = [after]
        return current
    raise RecipeError([Problem(COMMAND_LINE, None, whole, f"{dotted(path)} is a single value, not a block")])
