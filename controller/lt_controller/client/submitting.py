"""A submit, from what was typed to what is recorded: for one host, or for the best of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .details import Plan
from .planning import Draft, draft_command, draft_recipe
from .wishing import Wishes, wished

if TYPE_CHECKING:
    from .client import Client

ANY = "any"


class Drafted(Protocol):
    """A job that has been thought through: for one host (`Draft`), or for the best of several (`Placement`)."""

    @property
    def name(self) -> str:
        """The job's."""

    def intent(self) -> dict[str, object]:
        """The submit intent's parameters."""

    def plan(self, client: Client) -> Plan:
        """As a dry run shows it."""


def is_choice(host: str) -> bool:
    """Whether `host` leaves the choice to lt: `any`, `any:gpu=a100`, or several names with commas between."""
    return host == ANY or host.startswith(ANY + ":") or "," in host


def recipe_job(
    client: Client,
    host: str,
    recipe: str,
    overrides: Sequence[str],
    name: str | None,
    folder: Path,
    wishes: Wishes | None,
) -> Drafted:
    """A recipe's job, or that of a recipe for a command. Raises LtError as `Client.submit` says."""
    from .commanding import command_of, recipe_draft

    found = command_of(recipe, overrides, folder)
    if found is not None:
        drafting, hours = recipe_draft(client, *found, name, wishes)
        return for_host(client, host, drafting, lambda: (None, hours))

    def draft(one: str) -> Draft:
        return wished(client, draft_recipe(client, one, recipe, list(overrides), name, folder), wishes)

    def memory() -> tuple[int | None, float | None]:
        from .placing import recipe_memory

        return recipe_memory(client, recipe, overrides)

    return for_host(client, host, draft, memory)


def command_job(
    client: Client,
    host: str,
    argv: Sequence[str],
    folder: Path,
    gpus: int | None,
    pull: Sequence[str],
    name: str | None,
    python: str | None,
    timeout: float | None,
    secrets: Sequence[str],
    wishes: Wishes | None,
) -> Drafted:
    """A command's job. Raises LtError as `Client.run` says."""

    def draft(one: str) -> Draft:
        made = draft_command(client, one, list(argv), folder, gpus, list(pull), name, python, timeout, secrets)
        return wished(client, made, wishes)

    hours = timeout / 3600 if timeout else None
    return for_host(client, host, draft, lambda: (None, hours))


def for_host(
    client: Client, host: str, draft: Callable[[str], Draft], memory: Callable[[], tuple[int | None, float | None]]
) -> Drafted:
    """What `draft` makes for this host, or for the best of those that `host` stands for (`place`)."""
    if not is_choice(host):
        return draft(host)
    from .placing import place

    return place(client, host, draft, memory)
