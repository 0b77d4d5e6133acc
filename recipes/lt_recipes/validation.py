"""From parsed values to a `Recipe`, or to every problem in them with file and line."""

from __future__ import annotations

import types
import typing
from collections.abc import Collection, Iterator
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .problems import COMMAND_LINE, Problem
from .refused import REFUSED
from .schema import METHODS, Recipe
from .schema.command import CommandRecipe
from .suggest import nearest
from .yaml_source import KeyPath, Source, dotted


def validate(source: Source, said: Collection[KeyPath] = ()) -> tuple[Recipe | None, list[Problem]]:
    """The recipe if nothing is wrong with it, and all problems, in the order of the file.

    `said` are the keys that came from the command line.
    """
    problems = list(source.problems)
    if not isinstance(source.data, dict):
        problems.append(Problem(source.file, source.lines.get(()), "", "is no recipe", "see lt recipe show sft-lora"))
        return None, problems
    # An empty block (`env:` with nothing under it) is an absent one.
    data = {key: value for key, value in source.data.items() if value is not None}
    method = data.get("method")
    model = METHODS.get(method) if isinstance(method, str) else None
    recipe = None
    try:
        # With an unknown method the rest is still worth checking, against any of them.
        recipe = (model or METHODS["sft"]).model_validate(data if model else {**data, "method": "sft"})
    except ValidationError as error:
        problems += problems_of(error, model or METHODS["sft"], source, said)
    if model is None:
        problems.append(_method_problem(method, source, said))
    problems.sort(key=lambda problem: (problem.file == COMMAND_LINE, problem.line or 0))
    return (recipe if not problems else None), problems


def validate_command(source: Source, said: Collection[KeyPath] = ()) -> tuple[CommandRecipe | None, list[Problem]]:
    """As `validate`, for a file with `command:` in the place of `method:`."""
    problems = list(source.problems)
    recipe = None
    try:
        recipe = CommandRecipe.model_validate({key: value for key, value in source.data.items() if value is not None})
    except ValidationError as error:
        problems += [_named(problem, source, said) for problem in problems_of(error, CommandRecipe, source, said)]
    problems.sort(key=lambda problem: (problem.file == COMMAND_LINE, problem.line or 0))
    return (recipe if not problems else None), problems


def _named(problem: Problem, source: Source, said: Collection[KeyPath]) -> Problem:
    """A problem of the whole that begins with `key: ` is told at that key."""
    key, colon, message = problem.message.partition(": ")
    if problem.key or not colon or key.split(".")[0] not in CommandRecipe.model_fields:
        return problem
    file, line = place(tuple(key.split(".")), source, said)
    return Problem(file, line, key, message, problem.hint)


def problems_of(
    error: ValidationError, model: type[BaseModel], source: Source, said: Collection[KeyPath] = ()
) -> list[Problem]:
    """What pydantic found, in our words and with file and line."""
    return [_problem(details, model, source, said) for details in error.errors(include_url=False, include_input=True)]


def section_problems(error: ValidationError, model: type[BaseModel], source: Source) -> list[Problem]:
    """What is wrong with a file that is no recipe, in the words in which recipes are told: `model` read `source`."""
    found = []
    for details in error.errors(include_url=False, include_input=True):
        path: KeyPath = tuple(part for part in details["loc"])
        message, hint = _wording(details)
        if details["type"] == "extra_forbidden":
            near = nearest(str(path[-1]), _keys_at(model, path[:-1]))
            message, hint = "is not known", f"did you mean {near}?" if near else ""
        found.append(Problem(source.file, place(path, source, ())[1], dotted(path), message, hint))
    return found


def _keys_at(model: type[BaseModel], path: KeyPath) -> list[str]:
    here: type[BaseModel] | None = model
    for part in path:
        if here is None:
            return []
        field = here.model_fields.get(str(part))
        here = _section_of(field.annotation)[0] if field is not None else here  # the name of an entry of a block
    return list(here.model_fields) if here is not None else []


def place(path: KeyPath, source: Source, said: Collection[KeyPath]) -> tuple[str, int | None]:
    """Where the value at `path` was written: (file, line), for a missing one the block it is missing from."""
    for end in range(len(path), -1, -1):
        if path[:end] in said:
            return COMMAND_LINE, None
        if path[:end] in source.lines:
            return source.file, source.lines[path[:end]]
    return source.file, None


def known_keys(model: type[BaseModel], where: str = "") -> Iterator[tuple[str, str]]:
    """All keys a recipe of this model may have, as (block, key): `("train", "learning_rate")`, `("datasets.*", …)`."""
    for key, field in model.model_fields.items():
        yield where, key
        inner, is_list = _section_of(field.annotation)
        if inner is not None:
            yield from known_keys(inner, ".".join(filter(None, (where, key, "*" if is_list else ""))))


def _section_of(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType, list, dict):
        for part in typing.get_args(annotation):
            inner, is_list = _section_of(part)
            if inner is not None:
                return inner, is_list or origin is list
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    return None, False


def _problem(details: ErrorDetails, model: type[BaseModel], source: Source, said: Collection[KeyPath]) -> Problem:
    path: KeyPath = details["loc"]
    file, line = place(path, source, said)
    if details["type"] == "extra_forbidden":
        message, hint = _unknown_key(path, model)
    else:
        message, hint = _wording(details)
    return Problem(file, line, dotted(path), message, hint)


def _unknown_key(path: KeyPath, model: type[BaseModel]) -> tuple[str, str]:
    key = str(path[-1])
    block = ".".join("*" if isinstance(part, int) else part for part in path[:-1])
    if key in REFUSED.get(block, {}):
        return REFUSED[block][key]
    keys = list(known_keys(model))
    here = [name for where, name in keys if where == block]
    near = nearest(key, here)
    refused = nearest(key, REFUSED.get(block, {}))
    if near is None and refused is not None:
        return REFUSED[block][refused]
    elsewhere = [where for where, name in keys if name == key and where != block]
    if elsewhere:
        # The shortest path is the place people mean: datasets rather than eval.datasets.
        target = min(elsewhere, key=len).replace("*", "0")
        return "is not known here", f"it belongs to {target}: {target}.{key}" if target else "it stands at the top"
    if near is not None:
        return "is not known", f"did you mean {near}?"
    return "is not known", "known here: " + ", ".join(here) if len(here) <= 16 else "see docs/recipes.md"


def _method_problem(method: Any, source: Source, said: Collection[KeyPath]) -> Problem:
    file, line = place(("method",), source, said)
    known = ", ".join(METHODS)
    if method is None:
        return Problem(file, line, "method", "is missing", f"write method: {next(iter(METHODS))} (known: {known})")
    near = nearest(str(method), METHODS)
    hint = f"did you mean {near}?" if near else f"known: {known}"
    return Problem(file, line, "method", f"{_shown(method)} is not known", hint)


_MANY = 16  # words that are still read when they are listed

_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def _wording(details: ErrorDetails) -> tuple[str, str]:
    kind, given, context = details["type"], details["input"], details.get("ctx", {})
    shown = _shown(given)
    if kind == "missing":
        return "is missing", ""
    if kind == "value_error":
        text = str(context.get("error", details["msg"]))
        return (f"{shown} {text}", "") if text.startswith("must ") else (text, "")
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"must be {words} {context[name]}, not {shown}", ""
    if kind == "literal_error":
        return _not_among(given, str(context.get("expected", "")))
    if kind in ("int_from_float",):
        return f"must be a whole number, not {shown}", ""
    if kind.startswith(("float_", "int_", "finite_number")):
        whole = "a whole number" if kind.startswith("int_") else "a number"
        return f"must be {whole}, not {shown}", ""
    if kind.startswith("bool_"):
        return f"must be true or false, not {shown}", ""
    if kind == "string_too_short":
        return "must not be empty", ""
    if kind.startswith("string_"):
        return f"must be text, not {shown}", "" if given is None else "put it in quotes"
    if kind == "list_type":
        return f"must be a list, not {shown}", "write [a, b], or one entry a line with a dash before it"
    if kind == "too_short":
        return "must have at least one entry", ""
    if kind in ("model_type", "dict_type", "model_attributes_type", "mapping_type"):
        return f"must be a block of keys, not {shown}", "write the keys below it, indented"
    return details["msg"][:1].lower() + details["msg"][1:], ""


def _not_among(given: Any, expected: str) -> tuple[str, str]:
    allowed = [word.strip("' ") for word in expected.replace(" or ", ", ").split(", ")]
    near = nearest(given, allowed) if isinstance(given, str) else None
    if near is not None and near != given:
        known = f" known: {', '.join(allowed)}" if len(allowed) <= _MANY else ""
        return f"{_shown(given)} is not known", f"did you mean {near}?{known}"
    hint = "put the word in quotes" if isinstance(given, bool) and allowed != ["1"] else ""
    return f"must be {' or '.join(filter(None, (', '.join(allowed[:-1]), allowed[-1])))}, not {_shown(given)}", hint


def _shown(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "…")
    if isinstance(value, (int, float)):
        return str(value)[:60]
    return "a list" if isinstance(value, list) else "a block of keys"
