"""`lt doctor`: what is fit on this machine, and what to do about what is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import click

from lt_agent.protocol.errors import LtError

from ..client import Client
from ..wording import phrase, say, state
from ..wording.headings import heading
from .common import json_option
from .output import emit_json, emit_table

_OK, _WARN, _BAD = "ok", "warn", "bad"
Finding = tuple[str, str, str, str]  # level, what, found, what to do


@click.command()
@json_option
def doctor(as_json: bool) -> int:
    """Check this machine: programs, folders, database, inventory, controller. Exit code 1 if something is broken."""
    with Client() as client:
        found = [*_programs(), *_home(client), *_inventory(client), *_controller(client), *_training()]
    if as_json:
        emit_json([dict(zip(("level", "what", "found", "do"), item, strict=True)) for item in found])
    else:
        rows = [(state(level), heading(what), seen, remedy) for level, what, seen, remedy in found]
        emit_table(("", "WHAT", "FOUND", "DO"), rows)
    return 1 if any(item[0] == _BAD for item in found) else 0


def _programs() -> Iterator[Finding]:
    yield _OK, "python", f"{sys.version.split()[0]} ({sys.executable})", ""
    for program, level, remedy in (
        ("ssh", _BAD, "apt install openssh-client"),
        ("rsync", _WARN, phrase("doctor_rsync")),
        ("git", _OK, ""),
        ("sshd", _OK, phrase("doctor_sshd")),
    ):
        path = shutil.which(program, path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin:/usr/local/sbin")
        if path is None:
            yield level, program, phrase("not_installed"), remedy
        else:
            yield _OK, program, f"{_version(path)} ({path})", ""


def _version(path: str) -> str:
    flag = "-V" if os.path.basename(path) in ("ssh", "sshd") else "--version"
    try:
        done = subprocess.run([path, flag], capture_output=True, text=True, errors="replace", timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "?"
    line = ((done.stdout or done.stderr).strip().splitlines() or ["?"])[0]
    return " ".join(line.partition("  protocol")[0].split())[:60]


def _home(client: Client) -> Iterator[Finding]:
    home = client.home
    try:
        home.make()
        free = shutil.disk_usage(home.path).free
        level = _WARN if free < 5 << 30 else _OK
        room = phrase("doctor_room") if level == _WARN else ""
        yield level, "LT_HOME", phrase("doctor_free", path=str(home.path), free=free), room
        jobs = len(client.jobs(all=True))
        yield _OK, "database", phrase("doctor_jobs", path=str(home.database), count=jobs), ""
    except LtError as error:
        yield _broken("LT_HOME", error)


def _inventory(client: Client) -> Iterator[Finding]:
    try:
        hosts = client.hosts()
    except LtError as error:
        yield _broken("hosts", error)
        return
    yield _OK, "hosts", ", ".join(info.name for info in hosts), ""
    for info in hosts:
        if info.state in ("unreachable", "refused") and info.error:
            said = say(info.error)
            yield _WARN, info.name, said.message, said.next


def _controller(client: Client) -> Iterator[Finding]:
    try:
        found = client.controller_status()
    except LtError as error:
        yield _broken("controller", error)
        return
    yield _OK, "controller", phrase("controller_on", pid=found.pid) if found.running else phrase("controller_off"), ""


def _training() -> Iterator[Finding]:
    """What training on this very machine (host local) needs; looked for, not imported."""
    from importlib.util import find_spec

    missing = [name for name in ("torch", "transformers", "trl", "peft") if find_spec(name) is None]
    if missing:
        yield _OK, "training here", phrase("not_installed") + ": " + ", ".join(missing), phrase("doctor_training")
    else:
        yield _OK, "training here", "torch, transformers, trl, peft", ""


def _broken(what: str, error: LtError) -> Finding:
    said = say(error)
    return _BAD, what, said.message, said.next
