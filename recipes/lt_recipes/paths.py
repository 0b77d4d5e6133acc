"""Which values of a recipe are paths, where each lies, and what must travel to the host."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .problems import Problem, RecipeError
from .schema import Recipe

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?\Z")
_JOB = re.compile(r"[\w.-]+(/[\w.-]+)*\Z")
PATH_KEYS = ("path", "name_or_path", "train_from", "chat_template_path", "adapter")
"""The keys whose values may be paths, wherever they stand."""
_FILE_SUFFIXES = (".jsonl", ".json", ".ndjson", ".csv", ".parquet", ".txt", ".jinja", ".py")

Place = Literal["local", "host", "job", "hub"]


@dataclass(frozen=True)
class LocalPath:
    """A file or folder of this machine that the recipe names; `key` is dotted: `datasets.0.path`."""

    key: str
    path: Path  # absolute
    kind: Literal["file", "folder"]


def path_values(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """(key, value) of every key that may hold a path; hub ids among them."""
    model = recipe.model
    yield from _given("model.name_or_path", model.name_or_path)
    if model.tokenizer is not None:
        yield from _given("model.tokenizer.name_or_path", model.tokenizer.name_or_path)
        yield from _given("model.tokenizer.train_from", model.tokenizer.train_from)
    if recipe.adapter is not None:
        yield from _given("adapter.path", recipe.adapter.path)
    for index, dataset in enumerate(recipe.datasets):
        yield f"datasets.{index}.path", dataset.path
    for index, dataset in enumerate(recipe.eval.datasets):
        yield f"eval.datasets.{index}.path", dataset.path
    for index, reward in enumerate(getattr(recipe, "rewards", [])):
        yield from _given(f"rewards.{index}.path", reward.path)
        yield from _given(f"rewards.{index}.name_or_path", reward.name_or_path)
    yield from _given("train.chat_template_path", getattr(recipe.train, "chat_template_path", None))


def anchored(data: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The values of a recipe that stands in `folder`, for one elsewhere: what lies there gets its full path."""

    def value(key: str, item: Any) -> Any:
        if isinstance(item, dict):
            return {name: value(name, below) for name, below in item.items()}
        if isinstance(item, list):
            return [value(key, below) for below in item]
        if key in PATH_KEYS and isinstance(item, str) and not item.startswith(("host:", "job:")):
            found = find(item, [folder])
            return str(found) if found else item
        return item

    return {name: value(name, item) for name, item in data.items()}


def place_of(value: str, folders: list[Path]) -> Place:
    """Where `value` points: `host:/…` and `job:…` say so; what lies in one of `folders`, or looks like a path, is
    local; the rest is an id of the hub. Raises ValueError in words for a malformed one.
    """
    if value.startswith("host:"):
        if not value.startswith("host:/") or ".." in value.split("/"):
            raise ValueError("must be an absolute path on the host: host:/data/train.jsonl")
        return "host"
    if value.startswith("job:"):
        if not _JOB.match(value[4:]) or ".." in value.split("/"):
            raise ValueError(
                "must name a job: job:sft-lora-k3x9qp, or one of its checkpoints: job:sft-lora-k3x9qp/checkpoint-400"
            )
        return "job"
    if find(value, folders) is not None or not _HUB_ID.match(value) or value.lower().endswith(_FILE_SUFFIXES):
        return "local"
    return "hub"


def find(value: str, folders: list[Path]) -> Path | None:
    """The absolute path of what `value` names, looked for in each of `folders` in turn; None if it is nowhere."""
    for folder in folders:
        try:
            path = Path(os.path.abspath(folder / Path(value).expanduser()))
            if path.exists():
                return path
        except (OSError, ValueError, RuntimeError):  # too long, a null byte, an unknown ~user
            return None
    return None


def local_paths(recipe: Recipe, cwd: Path | None = None, recipe_dir: Path | None = None) -> list[LocalPath]:
    """What must travel to the host, in the recipe's order.

    A relative path is looked for in `cwd`, then beside the recipe's file (`recipe_dir`, as loaded if not given).
    Raises RecipeError with all that is not there.
    """
    found, problems = look_up(recipe, cwd, recipe_dir)
    if problems:
        raise RecipeError(problems)
    return found


def look_up(
    recipe: Recipe, cwd: Path | None = None, recipe_dir: Path | None = None
) -> tuple[list[LocalPath], list[Problem]]:
    """As `local_paths`, with the problems (without file and line) beside what was found."""
    beside = recipe_dir or recipe.folder
    folders = [cwd or Path.cwd()] + ([beside] if beside else [])
    found: list[LocalPath] = []
    problems: list[Problem] = []
    for key, value in path_values(recipe):
        try:
            if place_of(value, folders) != "local":
                continue
        except ValueError as error:
            problems.append(Problem("", None, key, f"{value!r} {error}"))
            continue
        path = find(value, folders)
        if path is None:
            problems.append(_missing(key, value, folders))
        elif path.is_file() or path.is_dir():
            found.append(LocalPath(key, path, "file" if path.is_file() else "folder"))
        else:
            problems.append(Problem("", None, key, f"{path} is neither a file nor a folder"))
    return found, problems


def with_paths(recipe: Recipe, places: Mapping[str, str]) -> dict[str, Any]:
    """The recipe as a dict with some path values replaced: `{"datasets.0.path": "data:train/<digest>/train.jsonl"}`.

    Raises KeyError for a key that holds no path.
    """
    value: dict[str, Any] = recipe.model_dump(mode="json")
    known = dict(path_values(recipe))
    for key, new in places.items():
        if key not in known:
            raise KeyError(key)
        target: Any = value
        *way, last = key.split(".")
        for part in way:
            target = target[int(part) if isinstance(target, list) else part]
        target[last] = new
    return value


def _given(key: str, value: str | None) -> Iterator[tuple[str, str]]:
    if value is not None:
        yield key, value


def _missing(key: str, value: str, folders: list[Path]) -> Problem:
    tried: list[str] = []
    for folder in folders:
        place = os.path.abspath(os.path.join(folder, os.path.expanduser(value)))
        if place not in tried:
            tried.append(place)
    hint = f"give the right one, on the command line as {key}=PATH; host:/path is a path on the host"
    return Problem("", None, key, "is not there: looked for " + " and ".join(tried), hint)
