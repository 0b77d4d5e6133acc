"""What a shell completes after <TAB>: names of hosts, jobs, recipes … by what the usage line calls them.

`eval "$(_LT_COMPLETE=bash_source lt)"` switches it on (also zsh_source, fish_source).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from lt_agent.protocol.errors import LtError

if TYPE_CHECKING:
    from ..client import Client


def completed(command: click.Command) -> click.Command:
    """The command, with its arguments and options completed whose word in the usage line is one of `NAMES`."""
    for param in command.params:
        words = (param.metavar or param.name or "").upper().strip("[].").split("|")
        if isinstance(param.type, click.types.StringParamType) and any(word in NAMES for word in words):
            param.type = _Names(words)
    return command


def _hosts(client: Client) -> Iterable[str]:
    return [info.name for info in client.hosts()]


def _jobs(client: Client) -> Iterable[str]:
    return [job.name for job in reversed(client.jobs(all=True))]


def _recipes(client: Client) -> Iterable[str]:
    from lt_recipes.loading import gallery

    return [entry.name for entry in gallery()]


def _sweeps(client: Client) -> Iterable[str]:
    return [sweep.name for sweep in client.sweeps()]


def _pipelines(client: Client) -> Iterable[str]:
    return dict.fromkeys(pipeline.name for pipeline in client.pipelines())


NAMES: dict[str, Callable[[Client], Iterable[str]]] = {
    "HOST": _hosts,
    "HOSTS": _hosts,
    "JOB": _jobs,
    "RECIPE": _recipes,
    "SWEEP": _sweeps,
    "PIPELINE": _pipelines,
}


class _Names(click.types.StringParamType):
    """Text, of which the shell is told the names that begin as what was typed; of a recipe, files too."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = tuple(words)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The names; none where they can't be read: a shell that completes shows no errors."""
        from ..client import Client

        try:
            with Client() as client:
                found = [name for word in self._words if word in NAMES for name in NAMES[word](client)]
        except (LtError, OSError):
            found = []
        items: list[Any] = [name for name in found if name.startswith(incomplete)]
        files = [CompletionItem(incomplete, type="file")] if "RECIPE" in self._words else []
        return [*map(CompletionItem, items), *files]
