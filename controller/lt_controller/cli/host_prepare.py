"""`lt host prepare`: for a host that reaches nothing but this machine."""

from __future__ import annotations

import sys
import time

import click

from ..client import Client
from ..wording import phrase
from ..wording.say import size
from .common import json_option
from .output import emit_json, note

_EVERY = 0.2  # seconds between two lines drawn


class _Progress:
    """One line that moves on a terminal; in a pipe a line for each thing that is done."""

    def __init__(self) -> None:
        self._next = 0.0
        self._told: set[str] = set()

    def __call__(self, what: str, done: int, total: int) -> None:
        whole = done >= total > 0
        if sys.stderr.isatty():
            if whole or time.monotonic() >= self._next:
                self._next = time.monotonic() + _EVERY
                click.echo(f"\r\x1b[K{_line(what, done, total)}", err=True, nl=False)
        elif whole and what not in self._told:
            self._told.add(what)
            note(_line(what, done, total))

    def end(self) -> None:
        if sys.stderr.isatty():
            click.echo("\r\x1b[K", err=True, nl=False)


def _line(what: str, done: int, total: int) -> str:
    if what == "wheels":
        return phrase("prepare_wheels", done=done, total=total)
    return phrase("prepare_sending", what=what, done=size(done), total=size(total))


@click.command()
@click.argument("host")
@click.argument("recipe")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@json_option
def prepare(host: str, recipe: str, overrides: tuple[str, ...], as_json: bool) -> int:
    """Send HOST all that RECIPE needs: packages for its platform, uv, the model, the data. For hosts without internet.

    From then on the host counts as offline (lt host edit HOST --online takes that back): lt submit builds from
    what was sent. Repeat it with the same or another recipe at any time; what is there is not sent again.
    """
    progress = _Progress()
    with Client() as client:
        try:
            done = client.prepare_host(host, recipe, overrides, progress)
        finally:
            progress.end()
    if as_json:
        emit_json(done)
        return 0
    note(phrase("prepared", host=host, sent=done["sent"] or None, there=done["there"] or None))
    return 0
