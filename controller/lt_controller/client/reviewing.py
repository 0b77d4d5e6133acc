"""A recipe held against its data, its model's files and a host, before anything is sent. Worded by `wording`."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_agent.protocol.errors import LtError

from .data import bad_recipe, check_data
from .model_files import model_config, model_folder, tokenizer_config

if TYPE_CHECKING:
    from .client import Client


@dataclass(frozen=True)
class Found:
    """One finding with the place in the recipe that it belongs to."""

    weight: str  # problem, warning
    code: str
    key: str
    file: str
    line: int | None
    params: Mapping[str, Any] = field(default_factory=dict)

    def text(self, lang: str | None = None) -> str:
        """What is wrong and what to do, in the person's language, on one line without its place."""
        from ..wording import phrase

        return phrase(f"review_{self.code}", lang, **self.params)

    def place(self) -> str:
        """`mine.yaml:12: train.max_length`."""
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.key}"


@dataclass(frozen=True)
class Review:
    """The recipe as it will be sent, what travels with it, and what was found, problems first."""

    recipe: Mapping[str, Any]
    sends: Mapping[str, Path]
    found: tuple[Found, ...]
    tokens: str  # how lengths were counted: tokenizer, characters

    @property
    def problems(self) -> int:
        """How many findings have to be mended."""
        return sum(item.weight == "problem" for item in self.found)


def review_recipe(client: Client | None, recipe: str, overrides: Sequence[str] = (), host: str | None = None) -> Review:
    """Raises LtError `bad_recipe`, `bad_dataset`, `empty_dataset`; with `host` `no_such_host` and what a probe raises.

    `client` is needed for a host alone.
    """
    from lt_recipes.loading import read_source, validated
    from lt_recipes.paths import local_paths
    from lt_recipes.problems import RecipeError
    from lt_recipes.review import counter_for, findings

    try:
        read = validated(*read_source(recipe, overrides))
        loaded, locate = read.recipe, read.locate
        if loaded is None:  # a command: what it learns from is its own business
            assert read.command is not None
            return Review(read.command.model_dump(mode="json"), {}, (), "characters")
        paths = {item.key: item.path for item in local_paths(loaded)}
    except RecipeError as error:
        raise bad_recipe(recipe, error.problems) from None
    check_data(loaded, paths)
    surveys, all_seen = surveyed(loaded, paths)
    files, folder = model_files(loaded)
    counter = counter_for(folder)
    found = findings(loaded, surveys, files, counter, all_seen=all_seen)
    if host is not None and client is not None:
        found += _on_host(client, host, loaded, surveys if all_seen else {})
    found.sort(key=lambda item: item.weight != "problem")
    placed = tuple(Found(item.weight, item.code, item.key, *locate(item.key), item.params) for item in found)
    how = "tokenizer" if counter.exact else "characters"
    return Review(loaded.model_dump(mode="json"), paths, placed, how)


def surveyed(loaded: Any, paths: Mapping[str, Path]) -> tuple[dict[str, Any], bool]:
    """(what was seen in each data set that lies here, by key; whether that is all that is learned from)."""
    from lt_recipes.review import survey

    seen: dict[str, Any] = {}
    for block, entries in (("datasets", loaded.datasets), ("eval.datasets", loaded.eval.datasets)):
        for number, entry in enumerate(entries):
            path = paths.get(f"{block}.{number}.path")
            if path is not None:
                seen[f"{block}.{number}"] = survey(path, entry.type, entry.columns, entry.max_samples)
    here = [seen.get(f"datasets.{number}") for number in range(len(loaded.datasets))]
    return seen, all(item is not None and item.rows for item in here)


def model_files(loaded: Any) -> tuple[Any, Path | None]:
    """(what can be read of the model, the folder of its tokenizer). Nothing is fetched."""
    from lt_recipes.review import ModelFiles

    chosen = loaded.model.tokenizer
    if loaded.model.from_config is not None and (chosen is None or chosen.name_or_path is None):
        return ModelFiles(config=loaded.model.from_config), None
    name = (chosen.name_or_path if chosen else None) or loaded.model.name_or_path
    folder = model_folder(str(name), loaded.folder)
    tokenizer, template = tokenizer_config(folder)
    config: Mapping[str, Any] = {}
    place = model_folder(str(loaded.model.name_or_path), loaded.folder)
    if place is not None and (place / "config.json").is_file():
        config = model_config(loaded, place / "config.json")
    return ModelFiles(config, tokenizer, template), folder


def _on_host(client: Client, host: str, loaded: Any, surveys: Mapping[str, Any]) -> list[Any]:
    from lt_recipes.estimate import UnknownModelError, read_model
    from lt_recipes.estimate.schedule import schedule
    from lt_recipes.review import Machine, host_findings

    from .planning import known_facts

    facts = known_facts(client, client.host(host))
    rows = learnt_rows(loaded, surveys)
    model = None
    with contextlib.suppress(UnknownModelError, LtError):  # told as `memory_unknown`
        model = read_model(model_config(loaded))
    return host_findings(loaded, Machine.of(host, facts), model, schedule(loaded, rows) if rows else None)


def learnt_rows(loaded: Any, surveys: Mapping[str, Any]) -> int:
    """Rows of all data sets that lie here, weights counted."""
    return sum(
        round(surveys[f"datasets.{number}"].rows * entry.weight)
        for number, entry in enumerate(loaded.datasets)
        if f"datasets.{number}" in surveys
    )
