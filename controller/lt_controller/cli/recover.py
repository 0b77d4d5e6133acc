"""`lt recover` and `lt adopt`: a database rebuilt from the hosts or from what came home, and jobs that change hands."""

from __future__ import annotations

from collections.abc import Sequence

import click

from lt_agent.protocol.errors import LtError

from ..client import Client
from ..client.details import Request
from ..client.homecoming import Homecoming, OtherJob
from ..wording import phrase, say, state
from .common import json_option
from .output import ago, emit_json, emit_table, note

PATIENCE = 120.0  # seconds: a box with thousands of jobs, on a slow line
SETTLE_SECONDS = 20.0  # for one job on a host that may have to be connected first
HEADINGS = ("JOB", "HOST", "STATE", "OWNER", "SEEN")


@click.command()
@click.argument("host", required=False)
@click.option("--home", "from_home", is_flag=True, help="from what came home, in runs/: when the boxes are gone")
@click.option("--adopt", "owners", multiple=True, metavar="OWNER", help="this owner's jobs, too: user@laptop")
@click.option("--adopt-all", is_flag=True, help="every laptop's jobs there, too: the others then leave them alone")
@json_option
def recover(host: str | None, from_home: bool, owners: tuple[str, ...], adopt_all: bool, as_json: bool) -> int:
    """Know again what is on HOST, or what came home: jobs, logs, metrics, checkpoints. Repeating it changes nothing.

    \b
    lt recover a100              this laptop's jobs on a100; those that run are followed
    lt recover --home            jobs that have ended, from the files in runs/
    lt recover a100 --adopt ann@old-laptop
    """
    if from_home == bool(host):
        raise LtError("recover_what")
    with Client() as client:
        if host is None:
            note(phrase("looking_home"))
            return _tell_home(client.recover_home(), as_json)
        aside = client.mend_database()
        if aside and not as_json:
            note(phrase("database_aside", path=aside))
        request = client.wait_recovered(client.recover(host, owners=owners, everything=adopt_all), PATIENCE)
        if request.open:
            return _tell_waiting(client, host, request, as_json)
        found, others = client.recovered(request), client.other_jobs(host)
        jobs = [job for job in client.jobs(all=True, host=host) if job.id in found.fresh]
        if as_json:
            emit_json({"aside": aside, "host": host, "result": found, "jobs": jobs, "others": others})
            return 1 if found.wrong else 0
        live = sum(not job.resting for job in jobs) or None
        note(phrase("recovered_host", host=host, found=found.found, fresh=len(found.fresh), live=live))
        for wrong in found.wrong:
            note(say(wrong).message)
        if found.fresh:
            note(phrase("recovered_next"))
        if others:
            note(phrase("others_there", count=len(others)))
            emit_others(others)
        return 1 if found.wrong else 0


@click.command()
@click.argument("refs", nargs=-1, required=True, metavar="JOB...")
@click.option("--host", metavar="HOST", help="the host it is on, where the name alone may mean several")
@json_option
def adopt(refs: tuple[str, ...], host: str | None, as_json: bool) -> int:
    """Take over JOB from another laptop: it is followed, pulled and stopped from here, and the other one is told.

    lt ps --all-owners lists other laptops' jobs.
    """
    with Client() as client:
        settled = [client.wait_recovered(client.adopt(ref, host=host), SETTLE_SECONDS) for ref in refs]
        if as_json:
            emit_json(settled)
            return 0
        for ref, request in zip(refs, settled, strict=True):
            if request.open:
                _tell_waiting(client, host or "", request, as_json)
            else:
                note(phrase("adopted_now", job=ref))
    return 0


def emit_others(others: Sequence[OtherJob]) -> None:
    """Other laptops' jobs, as a table."""
    rows = [(job.name, job.host, state(job.state), job.by, ago(job.seen_at)) for job in others]
    emit_table(HEADINGS, rows, right=(4,), spare=("SEEN",))


def _tell_home(found: Homecoming, as_json: bool) -> int:
    if as_json:
        emit_json(found)
        return 1 if found.bad else 0
    if found.aside:
        note(phrase("database_aside", path=found.aside))
    note(phrase("recovered_home", jobs=found.jobs, fresh=found.fresh, checkpoints=found.checkpoints))
    if found.sweeps or found.pipelines:
        note(phrase("recovered_flows", sweeps=found.sweeps, pipelines=found.pipelines))
    for path, why in found.bad:
        note(phrase("recovered_bad", path=path, why=why))
    return 1 if found.bad else 0


def _tell_waiting(client: Client, host: str, request: Request, as_json: bool) -> int:
    if as_json:
        emit_json(request)
        return 0
    reach = client.reachability().get(host)
    known = state(reach.state) if reach is not None else state("unknown")
    why = say(dict(reach.error)).message if reach is not None and reach.error else None
    note(phrase("recover_waits", host=host, state=known, why=why))
    return 0
