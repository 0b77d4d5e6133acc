"""A recipe's memory on a host, before it starts: finds the model's configuration and asks `lt_recipes.estimate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from lt_agent.protocol.errors import LtError

from .data import bad_recipe
from .model_files import model_config

if TYPE_CHECKING:
    from .client import Client
    from .history import Run


@dataclass(frozen=True)
class Estimated:
    """Bytes on each GPU by what they are for. `memory` is the smallest GPU's of the host, None where none was asked."""

    parts: Mapping[str, float]
    total: float
    parameters: int
    trained: int
    gpus: int  # 0: on the CPU, without what Python and its imports take
    memory: int | None
    fits: bool | None
    changes: tuple[str, ...] | None  # `key=value` with which it fits; None where nothing helps
    past: Past | None = None  # what earlier runs of this kind took; None where there are none
    steps: int | None = None  # None where the data lies elsewhere and `max_steps` says nothing


@dataclass(frozen=True)
class Past:
    """By earlier runs of the same method, model, adapter and length class. Seconds and bytes."""

    job: str  # the newest of them
    host: str
    runs: int
    per_step: float  # the median, for the rows that a step of this recipe learns from
    start_up: float
    seconds: float | None  # of the whole run; None where its steps are not known
    cost: float | None  # in the unit of the host's price
    price: float | None  # per hour
    peak: int | None  # the highest of those with as many rows at once
    reserved: int | None
    calibrated: float | None  # the estimate, times what such runs took of theirs; on GPUs alone


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
    steps = _steps(loaded)
    memory = _memory(client, host, loaded.resources.gpus) if host else None
    advice = advise(loaded, model, memory) if memory is not None else None
    return Estimated(
        parts=found.parts,
        total=found.total,
        parameters=found.parameters,
        trained=found.trained,
        gpus=loaded.resources.gpus,
        memory=memory,
        fits=advice.fits if advice else None,
        changes=advice.changes if advice else None,
        past=_past(client, loaded, model, found.total, host, steps),
        steps=steps,
    )


def _steps(loaded: Any) -> int | None:
    from lt_recipes.estimate.schedule import schedule
    from lt_recipes.paths import look_up

    from .reviewing import learnt_rows, surveyed

    if loaded.train.max_steps:
        return int(loaded.train.max_steps)
    surveys, all_seen = surveyed(loaded, {item.key: item.path for item in look_up(loaded)[0]})
    rows = learnt_rows(loaded, surveys)
    return schedule(loaded, rows).steps if all_seen and rows else None


def _past(client: Client, loaded: Any, model: Any, total: float, host: str | None, steps: int | None) -> Past | None:
    from lt_recipes.estimate.likeness import rows_a_step, rows_at_once

    from .history import like_hosts, past_runs

    recipe = loaded.model_dump(mode="json")
    runs = past_runs(client, recipe, like_hosts(client, host) if host else None)
    own = [run for run in runs if run.host == host]
    runs = own or runs  # this machine tells more than others with its GPU
    if not runs:
        return None
    per_step = median(run.per_step * rows_a_step(recipe) / run.rows_a_step for run in runs)
    start_up = median(run.start_up for run in runs)
    seconds = start_up + steps * per_step if steps else None
    price = client.host(host).host.price if host else None
    alike = [run for run in runs if run.rows_at_once == rows_at_once(recipe)]
    return Past(
        job=runs[0].job,
        host=runs[0].host,
        runs=len(runs),
        per_step=per_step,
        start_up=start_up,
        seconds=seconds,
        cost=price * seconds / 3600 if price is not None and seconds is not None else None,
        price=price,
        peak=max((run.peak for run in alike if run.peak), default=None),
        reserved=max((run.reserved for run in alike if run.reserved), default=None),
        calibrated=_calibrated(total, runs, model),
    )


def _calibrated(total: float, runs: Sequence[Run], model: Any) -> float | None:
    """Runs of the same model with other rows tell as well: how much they took of what is estimated for them."""
    from lt_recipes.estimate import estimate
    from lt_recipes.estimate.memory import CONTEXT
    from lt_recipes.schema import METHODS

    shares = []
    for run in runs:
        if run.reserved is not None:
            try:
                guess = estimate(METHODS[str(run.recipe.get("method"))].model_validate(run.recipe), model).total
            except ValueError:  # submitted by another lt, with keys that this one has not
                continue
            shares.append((run.reserved + CONTEXT) / guess)
    return total * median(shares) if shares else None


def _memory(client: Client, host: str, gpus: int) -> int | None:
    info = client.host(host)
    facts = info.facts if info.facts else client.probe(host)
    sizes = [int(gpu["memory_total"]) for gpu in facts.get("gpus") or ()]
    if len(sizes) < gpus:
        raise LtError("not_enough_gpus", host=host, asked=gpus, there=len(sizes))
    return min(sorted(sizes, reverse=True)[: max(1, gpus)], default=None)
