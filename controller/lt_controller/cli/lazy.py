"""Groups whose commands are imported when they are run: `lt --help` must not wait for any of them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from .helping import HelpContext

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class LazyGroup(click.Group):
    """A group with a table of commands: name → (module in this package, attribute, short help).

    The help is in the table too, so that listing the commands imports none. `sections`, where there are too many for
    one list, are headings with the names under each.
    """

    context_class = HelpContext

    def __init__(
        self,
        *args: Any,
        table: Mapping[str, tuple[str, str, str]],
        sections: Mapping[str, Sequence[str]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.table = table
        self.sections = sections or {"Commands": tuple(table)}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table: what belongs together stands together."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in self.table:
            return None
        module, attribute, _ = self.table[cmd_name]
        command = getattr(import_module(f".{module}", __package__), attribute)
        assert isinstance(command, click.Command)
        command.context_class = HelpContext
        if "_LT_COMPLETE" in os.environ:  # a shell asks what may come next
            from .completing import completed

            return completed(command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The listing in `--help`, from the table alone."""
        widest = max(map(len, self.table), default=0)
        for heading, names in self.sections.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(widest), self.table[name][2]) for name in names])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The names of commands, from the table alone: a shell that completes must not wait for imports."""
        from click.shell_completion import CompletionItem

        from ..wording.help_text import help_text

        found = [(name, text) for name, (_, _, text) in self.table.items() if name.startswith(incomplete)]
        return [CompletionItem(name, help=help_text(text)) for name, text in found] + click.Command.shell_complete(
            self, ctx, incomplete
        )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As in click, and a misspelt command is answered with the nearest ones."""
        if args and args[0] not in self.table and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], list(self.table), n=2, cutoff=0.5)
            hint = f" Did you mean {' or '.join(near)}?" if near else f" {ctx.command_path} --help lists them."
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)
