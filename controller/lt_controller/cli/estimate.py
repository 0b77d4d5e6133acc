"""`lt estimate`: how much memory a recipe takes, and whether it fits a host, before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..wording import phrase
from .common import json_option
from .output import emit, emit_json, emit_table

if TYPE_CHECKING:
    from ..client.estimating import Estimated


@click.command()
@click.argument("recipe")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--host", metavar="HOST", help="say whether it fits this host's GPUs, and what to change if not")
@click.option(
    "--config",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="the model's config.json, where it is not to be had from here",
)
@json_option
def estimate(recipe: str, overrides: tuple[str, ...], host: str | None, config: Path | None, as_json: bool) -> int:
    """Memory of RECIPE (a gallery name or a file) on each GPU: weights, gradients, optimizer, activations …

    Where runs like it have succeeded, also what they took: memory at the peak, time, and by the host's price the cost.
    Exit code 1 if it does not fit the host.
    """
    from ..client import Client
    from ..client.estimating import estimate_recipe
    from ..wording.say import size

    with Client() as client:
        found = estimate_recipe(client, recipe, overrides, host, config)
    if as_json:
        emit_json(found)
    else:
        heading = "PER GPU" if found.gpus else "ON THE CPU"
        emit_table((heading, "MEMORY"), [(name, size(taken)) for name, taken in found.parts.items()])
        trained = f"{found.trained:,}"
        key = "estimate_total" if found.gpus else "estimate_total_cpu"
        emit(phrase(key, total=size(found.total), parameters=f"{found.parameters:,}", trained=trained))
        if found.memory is not None:
            key = "estimate_fits" if found.fits else "estimate_change" if found.changes else "estimate_too_large"
            emit(phrase(key, host=host, memory=size(found.memory), changes=" ".join(map(repr, found.changes or ()))))
        _show_past(found)
    return 0 if found.fits is not False else 1


def _show_past(found: Estimated) -> None:
    past = found.past
    if past is None:
        emit(phrase("estimate_no_past", steps=found.steps))
        return
    if past.peak is not None:
        calibrated = past.calibrated and round(past.calibrated)
        where: dict[str, Any] = {"job": past.job, "host": past.host}
        emit(phrase("estimate_peak", peak=past.peak, reserved=past.reserved, calibrated=calibrated, **where))
    told: dict[str, Any] = {"per_step": past.per_step, "job": past.job, "host": past.host}
    if past.seconds is None:
        emit(phrase("estimate_step_time", start_up=past.start_up, **told))
    else:
        cost = None if past.cost is None else f"{past.cost:.2f}"
        emit(phrase("estimate_time", seconds=past.seconds, steps=found.steps, cost=cost, price=past.price, **told))
