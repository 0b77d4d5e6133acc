"""`lt ps` and `lt wait`."""

from __future__ import annotations

import click

from lt_agent.protocol.errors import LtError

from ..client import Client, Job
from ..client.details import LeaseWarning
from ..client.models import Reachability
from ..wording import phrase, state, waits, why
from ..wording.say import duration
from .common import json_option, seconds
from .lease_words import lease_words
from .output import ago, emit_json, emit_table, note, on_terminal

_WHY_WIDTH = 72
_SPARE = ("AGE", "HOME", "LEFT", "WHY")  # first to go on a narrow terminal
HEADINGS = ("JOB", "HOST", "STATE", "STEP", "LEFT", "HOME", "AGE", "WHY")


@click.command()
@click.option("--all", "-a", "everything", is_flag=True, help="ended jobs, too")
@click.option("--host", metavar="HOST", help="of this host alone")
@click.option("--all-owners", is_flag=True, help="below them other laptops' jobs on our hosts, as last seen")
@json_option
def ps(everything: bool, host: str | None, all_owners: bool, as_json: bool) -> int:
    """The jobs and how far they are, oldest first. A host that does not answer is shown as that, beside the job."""
    with Client() as client:
        client.catch_up()
        jobs = client.jobs(all=everything, host=host, eta=True)
        if host is not None and not jobs:
            client.host(host)  # a misspelt name has no jobs; who lists a host that was removed may see them still
        others = client.other_jobs(host) if all_owners else []
        if as_json:
            emit_json({"jobs": jobs, "others": others} if all_owners else jobs)
            return 0
        if not jobs and not others and on_terminal():
            note(phrase("no_jobs_at_all" if everything else "no_jobs"))
            return 0
        reach = client.reachability()
        if jobs or not others:
            leases = client.lease_warnings(jobs)
            rows = [_row(job, reach.get(job.host), leases.get(job.id)) for job in jobs]
            emit_table(HEADINGS, rows, right=(3, 4, 6), spare=_SPARE)
        if others:
            from .recover import emit_others

            emit_others(others)
    return 0


@click.command()
@click.argument("refs", nargs=-1, required=True, metavar="JOB...")
@click.option("--timeout", metavar="TIME", help="give up after so long: 90s, 30m")
@click.option("--pulled", is_flag=True, help="wait until their checkpoints are at home, too")
@json_option
def wait(refs: tuple[str, ...], timeout: str | None, pulled: bool, as_json: bool) -> int:
    """Wait until each JOB has ended (or is paused). Exit code 1 if one of them did not succeed."""
    import time

    limit = seconds(timeout)
    deadline = None if limit is None else time.monotonic() + limit
    ended = []
    with Client() as client:
        client.catch_up()
        for ref in refs:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                job = client.wait(ref, left, pulled=pulled)
            except LtError as error:
                if error.code == "wait_timeout":
                    error.params["seconds"] = limit
                raise
            ended.append(job)
            if not as_json:
                note(
                    phrase(
                        "follow_end",
                        job=job.name,
                        state=state(job.state),
                        why=why(job.reason, job.message, job.exit_code),
                    )
                )
    if as_json:
        emit_json(ended)
    return 0 if all(job.state in ("succeeded", "paused") for job in ended) else 1


def _row(job: Job, reach: Reachability | None, lease: LeaseWarning | None) -> tuple[str, ...]:
    return (
        job.name,
        where(job, reach),
        state(job.state),
        steps(job),
        duration(job.eta) if job.eta is not None else "",
        state(job.pull_state),
        ago(job.created_at),
        _ended(job) or lease_words(lease),
    )


def _ended(job: Job) -> str:
    """Why it rests, why it waits, or why no more news of it come here."""
    if job.adopted_by:
        return phrase("adopted_away", by=job.adopted_by)
    if job.waits is not None and not job.resting:
        return _short(waits(job.waits, job.place))
    return _short(why(job.reason, job.message, job.exit_code)) if job.resting or job.reason else ""


def _short(text: str) -> str:
    """At most a line of it: `lt show` has the rest."""
    return text if len(text) <= _WHY_WIDTH else text[: _WHY_WIDTH - 2].rstrip() + " …"


def where(job: Job, reach: Reachability | None) -> str:
    """The host, and how it answers if the job needs it to and it does not."""
    waits = not job.resting or job.pull_state in ("pending", "pulling")
    if reach is None or not waits or reach.state not in ("unreachable", "refused"):
        return job.host
    return f"{job.host} ({state(reach.state)}{' ' + ago(reach.last_seen) if reach.last_seen else ''})"


def steps(job: Job) -> str:
    """`step/total`."""
    if job.step is None:
        return f"0/{job.total_steps}" if job.total_steps else ""
    return f"{job.step}/{job.total_steps}" if job.total_steps else str(job.step)
