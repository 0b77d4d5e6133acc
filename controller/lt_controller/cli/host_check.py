"""`lt host check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lt_agent.protocol.errors import LtError

from ..client import Client
from ..wording import check as say_check
from ..wording import exit_code, phrase, state
from ..wording.headings import heading
from .common import json_option
from .output import emit_json, emit_table, note
from .root import tell

if TYPE_CHECKING:
    from lt_inventory.check import Check


@click.command()
@click.argument("names", nargs=-1, metavar="[HOST]...")
@json_option
def check(names: tuple[str, ...], as_json: bool) -> int:
    """Log in, look around, and say what is fit for training and what to do about the rest. Without HOST: all of them.

    Exit code 1 if something keeps a host from training, 3 if one can't be reached.
    """
    code = 0
    results: dict[str, list[Check]] = {}
    with Client() as client:
        for name in names or [info.name for info in client.hosts()]:
            if not as_json:
                note(phrase("looking", host=name))
            try:
                results[name] = client.check_host(name)
            except LtError as error:
                code = max(code, exit_code(error.code))
                tell(error)
                continue
            if any(item.level == "bad" for item in results[name]):
                code = max(code, 1)
            if not as_json:
                show_checks(results[name])
    if as_json:
        emit_json(results)
    return code


def show_checks(checks: list[Check]) -> None:
    """The findings as a table."""
    rows = []
    for item in checks:
        finding, remedy = say_check(item.code, item.params, item.finding, item.remedy)
        rows.append((state(item.level), heading(item.name), finding, remedy))
    emit_table(("", "WHAT", "FOUND", "DO"), rows)
