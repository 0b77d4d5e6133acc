"""What `lt recipe new` needs to know before it can propose anything: the data, the model, the machine."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_agent.protocol.errors import LtError

from .model_files import model_folder

if TYPE_CHECKING:
    from .client import Client

NEARLY_ALL = 0.995
"""Of the rows that `max_length` shall hold whole; the very longest are often accidents."""


@dataclass(frozen=True)
class DataSeen:
    """A data file as it looks: its type and the methods that learn from it. `rows` is 0 where it lies elsewhere."""

    path: str
    type: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    methods: tuple[str, ...] = ()
    rows: int = 0
    numbers: bool = False
    answered: bool = False
    local: Path | None = None


@dataclass(frozen=True)
class Drafted:
    """The text of a recipe, and what it was made for."""

    text: str
    values: Mapping[str, Any]


def look_at_data(path: str, method: str | None = None, type_: str | None = None) -> DataSeen:
    """Raises LtError `no_such_path`, `data_type_unknown{path, columns}`; `wrong_data{path, type, method}`."""
    from lt_recipes.draft import guess, methods_for, sample_rows
    from lt_recipes.paths import place_of
    from lt_recipes.review import survey
    from lt_recipes.schema import METHODS

    here = Path(path).expanduser()
    suits = METHODS[method].data_types if method else ()
    if place_of(path, [Path.cwd()]) != "local":
        found = type_ or (suits[0] if suits else None)
        return DataSeen(path, found, methods=tuple(methods_for(found)) if found else tuple(METHODS))
    if not here.exists():
        raise LtError("no_such_path", path=path, why=os.strerror(errno.ENOENT))
    rows = sample_rows(here)
    seen = guess(rows, (type_,) if type_ else suits)
    if seen is None:
        other = guess(rows)
        if other is not None and method:
            raise LtError("wrong_data", path=path, type=other.type, method=method, suits=list(suits))
        raise LtError("data_type_unknown", path=path, columns=list(rows[0])[:12] if rows else [])
    whole = survey(here, seen.type, seen.columns)
    return DataSeen(
        path=path,
        type=seen.type,
        columns=seen.columns,
        methods=tuple(methods_for(seen.type)),
        rows=whole.rows,
        numbers=bool(whole.rows) and whole.numbers == whole.rows,
        answered=bool(whole.rows) and whole.answered == whole.rows,
        local=here,
    )


def machine_of(client: Client, host: str | None) -> tuple[int | None, float | None]:
    """(bytes of the host's largest GPU, its compute capability): (0, None) without a GPU, (None, None) for no host.

    Raises what `Client.host` and `Client.probe` raise.
    """
    from lt_recipes.hardware import capability

    from .planning import known_facts

    if host is None:
        return None, None
    gpus = known_facts(client, client.host(host)).get("gpus") or []
    if not gpus:
        return 0, None
    best = max(gpus, key=lambda gpu: int(gpu.get("memory_total") or 0))
    return int(best.get("memory_total") or 0), capability(best)


def draft_recipe_text(
    client: Client, data: DataSeen, method: str, model: str, adapter: str, host: str | None, header: Sequence[str]
) -> Drafted:
    """The recipe for these answers; `header` are its first lines. Looks at the model where it is at hand or on the hub.

    Raises what `machine_of` raises.
    """
    from lt_recipes.draft import Answers, Guess, compose, written
    from lt_recipes.estimate import UnknownModelError, read_model
    from lt_recipes.review import ModelFiles, counter_for, survey
    from lt_recipes.review.rules import measured

    from ..wording import language

    memory, capability = machine_of(client, host)
    longest = None
    if data.local is not None and data.type is not None:
        lengths = sorted(measured(survey(data.local, data.type, data.columns), counter_for(model_folder(model))))
        longest = lengths[min(len(lengths) - 1, int(NEARLY_ALL * len(lengths)))] if lengths else None
    config: Mapping[str, Any] = {}
    known = None
    with contextlib.suppress(LtError, UnknownModelError):  # it may lie elsewhere: then the preset has to do
        config = _config(model)
        known = read_model(config)
    values = compose(
        Answers(
            method=method,
            model=model,
            data=data.path,
            guess=Guess(str(data.type), data.columns),
            adapter=adapter,
            memory=memory,
            capability=capability,
            rows=data.rows,
            longest=longest,
            numbers=data.numbers,
            answered=data.answered,
            known=known,
            context=ModelFiles(config).context,
        )
    )
    return Drafted(written(values, header, language()), values)


def _config(model: str) -> Mapping[str, Any]:
    from lt_recipes.schema.model import ModelSection

    from .model_files import model_config

    @dataclass(frozen=True)
    class _Named:
        model: ModelSection
        folder: Path | None = None

    return model_config(_Named(ModelSection(name_or_path=model)))
