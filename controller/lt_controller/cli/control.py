"""`lt stop`, `pause`, `resume`, `save`, `pull`, `rm`: asking for something to be done to jobs."""

from __future__ import annotations

from collections.abc import Callable

import click

from ..client import Client
from ..client.details import Request
from ..client.models import Job
from ..wording import phrase, say, state, why
from .common import json_option, seconds, settle
from .output import emit_json, note

_refs = click.argument("refs", nargs=-1, required=True, metavar="JOB...")
_grace = click.option("--grace", metavar="TIME", help="how long it may take to save: 5m (else as the recipe says)")
_wait = click.option("--wait", "wait", is_flag=True, help="return when nothing of it is left running")


@click.command()
@_refs
@_grace
@_wait
@json_option
def stop(refs: tuple[str, ...], grace: str | None, wait: bool, as_json: bool) -> int:
    """Ask each JOB to save and end. After its grace it is made to; the record says what it took."""
    length = seconds(grace)
    return _each(refs, "stop", lambda client, job: client.stop(job.id, grace=length), as_json, wait)


@click.command()
@_refs
@_grace
@_wait
@json_option
def pause(refs: tuple[str, ...], grace: str | None, wait: bool, as_json: bool) -> int:
    """Ask each JOB to save and free its GPU; `lt resume` goes on from there."""
    length = seconds(grace)
    return _each(refs, "pause", lambda client, job: client.pause(job.id, grace=length), as_json, wait)


@click.command()
@click.argument("ref", metavar="JOB")
@click.option("--from", "from_step", metavar="STEP", help="a checkpoint by its step or name; else the newest")
@click.option("--on", "host", metavar="HOST", help="go on there, from a checkpoint that is at home")
@click.option("--follow", "-f", is_flag=True, help="show the log until the job ends")
@json_option
def resume(ref: str, from_step: str | None, host: str | None, follow: bool, as_json: bool) -> int:
    """Go on with a paused or ended JOB: a new attempt from its newest checkpoint, or --from another."""

    def ask(client: Client, job: Job) -> Request:
        if host is None or host == job.host:
            return client.resume(job.id, from_step)
        return client.resume_on(job.id, host, from_step)

    code = _each((ref,), "resume", ask, as_json, False)
    if follow:
        from .follow import follow_job

        with Client() as client:
            job = client.job(ref)
            return follow_job(client, job.id)
    return code


@click.command()
@_refs
@json_option
def save(refs: tuple[str, ...], as_json: bool) -> int:
    """Ask for a checkpoint at the next step."""
    return _each(refs, "save", lambda client, job: client.save(job.id), as_json, False)


@click.command()
@click.argument("ref", metavar="JOB")
@click.argument("names", nargs=-1, metavar="[CHECKPOINT]...")
@click.option("--wait", "wait", is_flag=True, help="return when they are at home, verified")
@json_option
def pull(ref: str, names: tuple[str, ...], wait: bool, as_json: bool) -> int:
    """Bring home the named checkpoints of JOB, or all that are on its host and not at home yet."""
    _each((ref,), "pull", lambda client, job: client.pull(job.id, names or None), as_json, False)
    if not wait:
        return 0
    with Client() as client:
        job = client.job(ref)
        for _ in client.changes(timeout=5):
            job = client.job(job.id)
            if job.pull_state not in ("pending", "pulling"):
                break
        if job.pull_state == "pulled":
            note(phrase("come_home", path=str(client.home.run(job.name))))
        for item in client.checkpoints(job.id):
            if item.pull_state == "failed" and item.error:
                note(say(item.error).message)
    return 0 if job.pull_state in ("pulled", "none") else 1


@click.command()
@_refs
@click.option("--discard", is_flag=True, help="even if checkpoints are on the host alone")
@json_option
def rm(refs: tuple[str, ...], discard: bool, as_json: bool) -> int:
    """Forget each ended JOB and delete its files on the host. What came home stays."""
    return _each(refs, "rm", lambda client, job: client.remove(job.id, discard=discard), as_json, False)


def _each(refs: tuple[str, ...], what: str, ask: Callable[[Client, Job], Request], as_json: bool, wait: bool) -> int:
    """Asks for each job, then waits for each: one slow host holds up nobody else's request."""
    with Client() as client:
        jobs = [client.job(ref) for ref in refs]
        asked = [(job, ask(client, job)) for job in jobs]
        settled = [settle(client, request, what, job, waited_for=wait) for job, request in asked]
        if wait:
            for job in jobs:
                rested = client.wait(job.id)
                told = why(rested.reason, rested.message, rested.exit_code)
                note(phrase("follow_end", job=job.name, state=state(rested.state), why=told))
        if as_json:
            emit_json(settled)
    return 0
