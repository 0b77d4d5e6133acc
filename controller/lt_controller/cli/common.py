"""What several commands share: options, the client, waiting for a request, lengths of time."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lt_agent.protocol.errors import LtError

from ..wording import phrase, state
from .output import note

if TYPE_CHECKING:
    from ..client import Client
    from ..client.details import Request

F = TypeVar("F", bound=Callable[..., Any])

SETTLE_SECONDS = 5.0  # how long a command waits to say whether what it asked for was done
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def json_option(command: F) -> F:
    """`--json`: the result as one JSON document."""
    return click.option("--json", "as_json", is_flag=True, help="the result as JSON")(command)


def seconds(text: str | None) -> float | None:
    """`90`, `90s`, `30m`, `12h`, `2d` in seconds. Raises LtError `bad_time`."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", text.strip().lower())
    if match is None:
        raise LtError("bad_time", value=text)
    return float(match[1]) * _UNITS[match[2]]


def settle(client: Client, request: Request, what: str, host: str, wait: float = SETTLE_SECONDS) -> Request:
    """Waits a moment for the request, and tells the person how it stands. Raises why it was refused."""
    request = client.settle(request, wait)
    if not request.open:
        note(phrase("done", what=what))
        return request
    reach = client.reachability().get(host)
    known = reach.state if reach is not None and reach.state != "reachable" else None
    note(phrase("asked", what=what, host=host, state=state(known) if known else None))
    return request
