"""`lt controller`: the background process that carries everything out."""

from __future__ import annotations

import click

from ..client import Client
from ..client.details import ControllerStatus
from ..wording import phrase
from .common import json_option
from .lazy import LazyGroup
from .output import ago, emit, emit_json, emit_pairs, emit_table, note

COMMANDS = {
    "run": ("controller", "run", "in the foreground, until Ctrl-C"),
    "start": ("controller", "start", "in the background; any command that needs it does this"),
    "status": ("controller", "status", "its pid, hosts, connections, and what it is doing"),
    "stop": ("controller", "stop", "make it leave; jobs on the hosts go on"),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def controller() -> None:
    """The background process that talks to the hosts. It starts when it is needed and leaves when nothing is to do."""


@click.command()
def run() -> None:
    """Run the controller here, in the foreground; it does not leave by itself."""
    import os
    import sys

    from ..home import Home

    # A program of its own: the command line imports none of the engine. From the top folder, since `-m` imports from
    # the folder one stands in first, and that may be a stranger's project.
    command = [sys.executable, "-m", "lt_controller.engine", "--home", str(Home().path), "--linger", "inf"]
    os.chdir("/")
    os.execv(sys.executable, command)  # noqa: S606 - an argv list, no shell


@click.command()
@json_option
def start(as_json: bool) -> int:
    """Start it, unless it runs."""
    with Client() as client:
        return _show(client.controller_start(), as_json)


@click.command()
@json_option
def status(as_json: bool) -> int:
    """Whether it runs, and what it is doing. Exit code 1 if it does not run."""
    with Client() as client:
        return _show(client.controller_status(), as_json)


@click.command()
def stop() -> int:
    """Make it leave. Jobs on the hosts go on; the next command that needs it starts it again."""
    with Client() as client:
        note(phrase("controller_left" if client.controller_stop() else "controller_off"))
    return 0


def _show(found: ControllerStatus, as_json: bool) -> int:
    if as_json:
        emit_json({"running": found.running, "pid": found.pid, **found.detail})
        return 0 if found.running else 1
    if not found.running:
        note(phrase("controller_off"))
        return 1
    emit(phrase("controller_on", pid=found.pid))
    plain = {key: value for key, value in found.detail.items() if isinstance(value, (str, int, float))}
    emit_pairs((_SHOWN.get(key, key), _since(key, value)) for key, value in plain.items() if key != "pid")
    hosts = found.detail.get("hosts")
    if isinstance(hosts, list) and hosts:
        rows = [
            (h.get("host"), phrase("controller_connected") if h.get("connected") else "–", h.get("doing"))
            for h in hosts
        ]
        emit_table(("HOST", "CONNECTION", "DOING"), rows)
    return 0


_SHOWN = {"home": "LT_HOME", "started_at": "runs for"}  # what some of its words mean to a person


def _since(key: str, value: object) -> object:
    from datetime import datetime, timezone

    if key == "started_at" and isinstance(value, (int, float)):
        return ago(datetime.fromtimestamp(value, timezone.utc))
    return value
