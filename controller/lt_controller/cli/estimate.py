"""`lt estimate`: how much memory a recipe takes, and whether it fits a host, before anything is sent."""

from __future__ import annotations

from pathlib import Path

import click

from ..wording import phrase
from .common import json_option
from .output import emit, emit_json, emit_table


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
        emit_table(("PER GPU", "MEMORY"), [(name, size(taken)) for name, taken in found.parts.items()])
        trained = f"{found.trained:,}"
        emit(phrase("estimate_total", total=size(found.total), parameters=f"{found.parameters:,}", trained=trained))
        if found.memory is not None:
            key = "estimate_fits" if found.fits else "estimate_change" if found.changes else "estimate_too_large"
            emit(phrase(key, host=host, memory=size(found.memory), changes=" ".join(map(repr, found.changes or ()))))
    return 0 if found.fits is not False else 1
