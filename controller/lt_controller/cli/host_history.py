"""`lt host history`: what a host was, on which terms, from when until when."""

from __future__ import annotations

from datetime import datetime

import click

from ..client import Client
from ..client.details import HostPeriod
from ..wording.machine import machine
from .common import json_option
from .output import emit_json, emit_table


@click.command()
@click.argument("name", metavar="HOST")
@json_option
def history(name: str, as_json: bool) -> int:
    """What HOST is and was: hardware, driver, provider, price, end of lease; a line for each time something changed.

    Also of a host that you have removed: what it cost still counts.
    """
    with Client() as client:
        found = client.host_history(name)
    if as_json:
        emit_json(found)
        return 0
    emit_table(
        ("SINCE", "TILL", "MACHINE", "DRIVER", "PROVIDER", "PRICE", "UNTIL", "CHANGE"),
        [_row(period) for period in found],
        right=(5,),
        spare=("DRIVER", "PROVIDER", "UNTIL"),
    )
    return 0


def _row(period: HostPeriod) -> tuple[str, ...]:
    data = period.data
    driver = str(data.get("driver") or "") + (f" (CUDA {data['cuda']})" if data.get("cuda") else "")
    return (
        _time(period.since),
        _time(period.till),
        machine(data),
        driver.strip(),
        str(data.get("provider") or ""),
        f"{period.price:g}/h" if period.price is not None else "",
        _time(period.until),
        " ".join(period.changed),
    )


def _time(when: datetime | None) -> str:
    return when.astimezone().strftime("%Y-%m-%d %H:%M") if when else ""
