"""Recipes for commands: jobs of a person's own script, from a file that says all that `lt run` would be told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_agent.protocol.errors import LtError

from ..freeze import freeze_code
from . import orders
from .data import bad_recipe
from .orders import Order
from .planning import Draft, draft_command
from .wishing import Wishes, wished

if TYPE_CHECKING:
    from lt_recipes.schema.command import CommandRecipe

    from .client import Client


def command_of(recipe: str, overrides: Sequence[str], folder: Path) -> tuple[CommandRecipe, Path] | None:
    """A recipe for a command, and the folder that it sends; None for one that trains.

    Raises LtError `bad_recipe`, and `recipe_has_sweep` for either kind: that is many jobs.
    """
    from lt_recipes.loading import is_command, read_source, validated
    from lt_recipes.problems import RecipeError

    try:
        file, source, said = read_source(recipe, overrides, folder)
    except RecipeError:
        return None  # told where recipes are read
    try:
        if isinstance(source.data, dict) and source.data.get("sweep") is not None:
            raise LtError("recipe_has_sweep", recipe=recipe)
        if not is_command(source.data):
            return None
        found = validated(file, source, said, folder).command
    except RecipeError as error:
        raise bad_recipe(recipe, error.problems) from None
    assert found is not None
    return found, (file.folder / Path(found.folder).expanduser()).absolute()


def recipe_draft(
    client: Client, command: CommandRecipe, folder: Path, name: str | None, wishes: Wishes | None
) -> tuple[Callable[[str], Draft], float | None]:
    """What thinks the command's job through for one host, and the hours it may last.

    Raises LtError `no_such_folder`, `folder_too_big`.
    """
    code = freeze_code(folder, client.home)

    def draft(host: str) -> Draft:
        made = draft_command(
            client,
            host,
            command.argv,
            folder,
            command.resources.gpus,
            command.pull,
            name,
            command.env.python,
            command.timeout,
            command.secrets,
            code=code,
            variables=command.variables,
            printed=command.printed,
        )
        return wished(client, made, Wishes(**_wishes(command, wishes or Wishes())))

    return draft, command.timeout / 3600 if command.timeout else None


def freeze_command_recipe(client: Client, command: CommandRecipe, folder: Path, wishes: Wishes | None) -> Order:
    """The order for a command's recipe, its folder as it is now."""
    order = orders.freeze_command(
        client,
        command.argv,
        folder,
        gpus=command.resources.gpus,
        outputs=command.pull,
        variables=command.variables,
        printed=command.printed,
        python=command.env.python,
        timeout=command.timeout,
        secrets=command.secrets,
        wishes=wishes,
    )
    return filled(order, command, wishes or Wishes())


def filled(order: Order, command: CommandRecipe, wishes: Wishes) -> Order:
    """The order with everything that a trial's values may have changed; what a person wished for goes first."""
    return replace(
        order,
        argv=tuple(command.argv),
        variables=command.variables,
        gpus=command.resources.gpus,
        python=command.env.python,
        timeout=command.timeout,
        wishes=_wishes(command, wishes),
    )


def _wishes(command: CommandRecipe, wishes: Wishes) -> dict[str, Any]:
    own = {
        "retries": command.retries,
        "retry_wait": command.retry_wait,
        "gpu_memory": command.resources.gpu_memory,
        "cpus": command.resources.cpus,
        "disk": command.resources.disk,
    }
    return {**own, **{key: value for key, value in vars(wishes).items() if value is not None}}
