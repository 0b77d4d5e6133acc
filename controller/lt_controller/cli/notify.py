"""`lt notify`: who is told of what, how that went, and trying it."""

from __future__ import annotations

import shlex

import click

from lt_agent.protocol.errors import LtError

from ..client import Client
from ..client.channels import Delivery, NotifyChannel
from ..client.notify import ENDS
from ..wording import phrase, say
from .common import json_option
from .lazy import LazyGroup
from .output import ago, emit, emit_json, emit_table, note

COMMANDS = {
    "ls": ("notify", "ls", "the channels, and what they were told lately"),
    "test": ("notify", "test", "tell a channel (or all) something now"),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def notify() -> None:
    """Be told when a job ends, fails or hangs, a lease runs out, or a host stays away.

    Channels stand in config.toml as [notify.NAME]; docs/notify.md has one of each kind.
    """


@click.command()
@click.option("--last", "-n", type=click.IntRange(0), default=20, show_default=True, help="so many of what was told")
@json_option
def ls(last: int, as_json: bool) -> int:
    """The channels of config.toml, and what they were told lately."""
    with Client() as client:
        channels, told = client.notify_channels(), client.deliveries(last)
        path = str(client.home.config_file)
    if as_json:
        emit_json({"channels": channels, "deliveries": told})
        return 0
    if not channels:
        line = f"printf '\\n[notify.me]\\nto = \"desktop\"\\n' >> {shlex.quote(path)}"
        note(phrase("notify_no_channels", path=path, table="[notify.NAME]", line=line))
    else:
        emit_table(("NAME", "TO", "TELLS", "ONLY", "LAST", "LEFT", "WHY"), [_channel(one) for one in channels])
    if told:
        emit("")
        emit_table(("TIME", "NAME", "WHAT", "STATE", "TRIES", "WHY"), [_delivery(one) for one in told])
    return 0


@click.command("test")
@click.argument("name", required=False)
@json_option
def test(name: str | None, as_json: bool) -> int:
    """Tell channel NAME, or all of them, something now; exit code 1 if one could not be told.

    The background process sends it, as it sends everything else.
    """
    with Client() as client:
        found = client.notify_test(name)
    if as_json:
        emit_json({one: error.as_dict() if error else None for one, error in found.items()})
    for one, error in found.items():
        if not as_json:
            _tell(one, error)
    return 1 if any(found.values()) else 0


def _tell(name: str, error: LtError | None) -> None:
    if error is None:
        note(phrase("notify_told", name=name))
        return
    said = say(error)
    note(f"{name}: {said.message}" + (f"\n    → {said.next}" if said.next else ""))


def _channel(one: NotifyChannel) -> tuple[str, ...]:
    only = ", ".join(f"{key} {' '.join(patterns)}" for key, patterns in one.only.items())
    error = say(dict(one.error)).message if one.error else ""
    on = ", ".join(["end", *(kind for kind in one.on if kind not in ENDS)] if set(ENDS) <= set(one.on) else one.on)
    return (one.name, one.to, on, only, ago(one.last_sent), str(one.pending or ""), error)


def _delivery(one: Delivery) -> tuple[str, ...]:
    error = say(dict(one.error)).message if one.error else ""
    moment = one.time.astimezone().strftime("%m-%d %H:%M:%S") if one.time else ""
    return (moment, one.channel, one.text, phrase(f"notify_is_{one.state}"), str(one.tries or ""), error)
