"""A recipe's memory on a host, before it starts: finds the model's configuration and asks `lt_recipes.estimate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lt_agent.protocol.errors import LtError

from .data import bad_recipe
from .model_files import model_config

if TYPE_CHECKING:
    from .client import Client


@dataclass(frozen=True)
class Estimated:
    """Bytes on each GPU by what they are for. `memory` is the smallest GPU's of the host, None where none was asked."""

    parts: Mapping[str, float]
    total: float
    parameters: int
    trained: int
    gpus: int
    memory: int | None
    fits: bool | None
    changes: tuple[str, ...] | None  # `key=value` with which it fits; None where nothing helps


def estimate_recipe(
    client: Client, recipe: str, overrides: Sequence[str], host: str | None = None, config: Path | None = None
) -> Estimated:
    """Raises LtError `bad_recipe`, `no_such_host`, `not_enough_gpus` or `model_config_missing{model, why}`."""
    from lt_recipes.estimate import UnknownModelError, advise, estimate, read_model
    from lt_recipes.loading import load
    from lt_recipes.problems import RecipeError

    try:
        loaded = load(recipe, overrides, check_paths=False)
    except RecipeError as error:
        raise bad_recipe(recipe, error.problems) from None
    name = loaded.model.name_or_path or recipe
    try:
        model = read_model(model_config(loaded, config))
    except UnknownModelError as error:
        raise LtError("model_config_missing", model=name, why=str(error)) from None
    found = estimate(loaded, model)
    memory = _memory(client, host, loaded.resources.gpus) if host else None
    advice = advise(loaded, model, memory) if memory is not None else None
    return Estimated(
        parts=found.parts,
        total=found.total,
        parameters=found.parameters,
        trained=found.trained,
        gpus=found.gpus,
        memory=memory,
        fits=advice.fits if advice else None,
        changes=advice.changes if advice else None,
    )


def _memory(client: Client, host: str, gpus: int) -> int | None:
    info = client.host(host)
    facts = info.facts if info.facts else client.probe(host)
    sizes = [int(gpu["memory_total"]) for gpu in facts.get("gpus") or ()]
    if len(sizes) < gpus:
        raise LtError("not_enough_gpus", host=host, asked=gpus, there=len(sizes))
    return min(sorted(sizes, reverse=True)[: max(1, gpus)], default=None)
