"""What several commands share: options, the client, waiting for a request, lengths of time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..wording import phrase, state
from ..wording.say import size
from .output import note

if TYPE_CHECKING:
    from ..client import Client
    from ..client.details import Request
    from ..client.models import Job

F = TypeVar("F", bound=Callable[..., Any])

SETTLE_SECONDS = 5.0  # how long a command waits to say whether what it asked for was done


def json_option(command: F) -> F:
    """`--json`: the result as one JSON document."""
    return click.option("--json", "as_json", is_flag=True, help="the result as JSON")(command)


def seconds(text: str | None) -> float | None:
    """`90`, `90s`, `30m`, `12h`, `2d` in seconds; None of nothing. Raises LtError `bad_time`."""
    from ..client import quantities

    return None if text is None else quantities.seconds(text)


class Reading:
    """A line on stderr while large data is read; nothing for what is quick, and nothing in a pipe."""

    _PATIENCE = 0.7  # seconds before it is worth a line
    _EVERY = 0.2

    def __init__(self) -> None:
        self._next = time.monotonic() + self._PATIENCE
        self._drawn = False

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *exc: object) -> None:
        self._clear()

    def note(self, what: str, done: int, total: int) -> None:
        """How far the reading of `what` is."""
        now = time.monotonic()
        if done >= total:
            self._clear()
        elif now >= self._next and sys.stderr.isatty():
            self._next = now + self._EVERY
            self._drawn = True
            line = phrase("reading", what=what, done=size(done), total=size(total))
            click.echo(f"\r\x1b[K{line}", err=True, nl=False)

    def _clear(self) -> None:
        if self._drawn:
            self._drawn = False
            click.echo("\r\x1b[K", err=True, nl=False)


def settle(client: Client, request: Request, what: str, job: Job, *, waited_for: bool = False) -> Request:
    """Waits a moment for the request, and tells the person how it stands. Raises why it was refused.

    With `waited_for` the caller goes on to wait for what was asked: no word on how to do that.
    """
    host, home = job.host, client.home.run(job.name)
    request = client.settle(request, SETTLE_SECONDS)
    what = f"{what} {job.name}"
    if not request.open and waited_for:
        return request
    if not request.open:
        if request.kind in ("stop", "pause") and client.job(job.id).resting:
            note(phrase("done", what=what))  # it never reached its host, or it was quick
            return request
        kept = str(home) if job.pull_state == "pulled" else ""
        there = host if client.has_host(host) else ""
        note(phrase(f"done_{request.kind}", what=what, job=job.name, host=there, home=kept))
        return request
    reach = client.reachability().get(host)
    known = reach.state if reach is not None and reach.state != "reachable" else None
    note(phrase("asked", what=what, host=host, state=state(known) if known else None))
    return request
