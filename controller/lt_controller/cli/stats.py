"""`lt stats`: how past jobs went."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import click

from ..client import Client
from ..client.statistics import BY
from ..wording import phrase
from ..wording.say import duration
from .common import json_option
from .curves import write_text
from .output import emit_json, emit_table, note
from .times import moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..client.details import Stat


@click.command()
@click.option("--by", type=click.Choice(BY), default="host", show_default=True, help="a line for each of these")
@click.option("--since", metavar="TIME", help="of jobs submitted from then on: 2026-11-21, or 2d, 12h ago")
@click.option("--csv", "csv_file", metavar="FILE", help="write the lines as CSV; - is stdout")
@json_option
def stats(by: str, since: str | None, csv_file: str | None, as_json: bool) -> int:
    """How past jobs went, by host, recipe or both: how many succeeded, how long they waited, how fast they were.

    The rate of success leaves out what a person stopped. Waiting is from the submit to the first start.

    \b
    lt stats --since 7d
    lt stats --by recipe --json
    """
    with Client() as client:
        found = client.stats(by, since=moment(since))
    if csv_file:
        write_text(csv_file, as_csv(found))
    elif as_json:
        emit_json(found)
    elif not found:
        note(phrase("stats_nothing"))
    else:
        emit_table(
            ("HOST", "RECIPE", "JOBS", "SUCCESS", "FAILED", "STOPPED", "WAITED", "9 OF 10", "HOURS", "A DAY", "STEPS/S",
             "TOKENS/S"),
            [_row(stat) for stat in found],
            right=range(2, 12),
            spare=("STOPPED", "9 OF 10", "A DAY", "HOURS", "FAILED"),
        )  # fmt: skip
    return 0


def as_csv(found: Sequence[Stat]) -> str:
    """A line for each; what is not known stays empty."""
    from ..client.details import Stat
    from ..client.spreadsheet import csv_text

    names = [field.name for field in fields(Stat)]
    return csv_text([names, *([getattr(stat, name) for name in names] for stat in found)])


def _row(stat: Stat) -> tuple[object, ...]:
    return (
        stat.host,
        stat.recipe,
        stat.jobs,
        f"{stat.success:.0%}" if stat.success is not None else "",
        stat.failed or "",
        stat.stopped or "",
        duration(stat.waited) if stat.waited is not None else "",
        duration(stat.waited_long) if stat.waited_long is not None else "",
        f"{stat.ran:.1f}" if stat.ran else "",
        f"{stat.jobs_a_day:.1f}" if stat.jobs_a_day is not None else "",
        f"{stat.steps_a_second:.3g}" if stat.steps_a_second is not None else "",
        f"{stat.tokens_a_second:.0f}" if stat.tokens_a_second is not None else "",
    )
