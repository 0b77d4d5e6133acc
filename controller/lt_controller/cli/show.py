"""`lt show`: all that is known of one job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..client import Client, Job
from ..client.details import Attempt, Checkpoint, Event
from ..client.models import Reachability, as_dict
from ..display import safe
from ..wording import event, phrase, say, state, waits, why
from ..wording.say import duration, reason, size
from .common import json_option
from .jobs import steps, where
from .lease_words import lease_words
from .output import ago, emit, emit_json, emit_pairs, emit_table, note

if TYPE_CHECKING:
    from pathlib import Path

    from ..client.cost import CostLine

_EVENTS_SHOWN = 20


@click.command()
@click.argument("ref", metavar="JOB")
@click.option("--spec", is_flag=True, help="what was submitted: the resolved recipe or the command, as YAML")
@click.option("--events", "all_events", is_flag=True, help=f"all that happened, not only the last {_EVENTS_SHOWN}")
@json_option
def show(ref: str, spec: bool, all_events: bool, as_json: bool) -> int:
    """Where JOB is, how far, how it ended, its checkpoints and what happened."""
    with Client() as client:
        client.catch_up()
        job = client.job(ref)
        if spec:
            return _show_spec(client.spec(job.id), as_json)
        attempts, checkpoints = client.attempts(job.id), client.checkpoints(job.id)
        events = client.events(job.id)
        transfers = [item for item in client.transfers(job.id) if item.state not in ("done", "failed")]
        requests = client.requests(job.id)
        if as_json:
            whole = {"job": job, "attempts": attempts, "checkpoints": checkpoints, "events": events}
            whole |= {"cost": client.cost_of(job.id), "lease": client.lease_warnings([job]).get(job.id)}
            emit_json({**whole, "transfers": transfers, "requests": requests, "spec": client.spec(job.id)})
            return 0
        _about(client, job, attempts)
        for item in transfers:
            key = "sending" if item.direction == "push" else "pulling"
            share = f"{size(item.done)} / {size(item.total)}"
            emit(f"{phrase(key, what=item.what, host=item.host)}  {share}")
        for request in requests:
            note(phrase("asked", what=request.kind, host=job.host, state=None))
        _checkpoints(checkpoints)
        _events(events if all_events else events[-_EVENTS_SHOWN:], len(attempts) > 1)
    return 0


def _about(client: Client, job: Job, attempts: list[Attempt]) -> None:
    reach = client.reachability().get(job.host)
    last = attempts[-1] if attempts else None
    took = None
    if job.started_at and job.finished_at and job.resting:
        took = duration((job.finished_at - job.started_at).total_seconds())
    home = client.home.run(job.name)
    emit_pairs(
        [
            ("job", job.name),
            ("id", job.id),
            ("host", where(job, reach)),
            ("", _trouble(job, reach)),
            ("kind", f"{job.kind}{' ' + job.method if job.method else ''}"),
            ("recipe" if job.kind == "recipe" else "command", job.recipe),
            ("state", state(job.state)),
            ("why", why(job.reason, job.message, job.exit_code) if job.resting or job.reason else ""),
            ("waits", waits(job.waits, job.place)),
            ("priority", job.priority or ""),
            ("next try", _time(job.retry_at)),
            ("exit code", job.exit_code),
            ("step", steps(job)),
            ("left", duration(job.eta) if job.eta is not None else ""),
            ("lease", lease_words(client.lease_warnings([job]).get(job.id))),
            ("cost", _cost(client.cost_of(job.id))),
            ("attempt", job.attempt if job.attempt > 1 else ""),
            ("resumed from", (last.resume or {}).get("name") if last else ""),
            ("stopped by", _stopped_by(job, last)),
            ("submitted", f"{_time(job.created_at)} ({ago(job.created_at)})"),
            ("started", _time(job.started_at)),
            ("ended", _time(job.finished_at) if job.resting else ""),
            ("took", took),
            ("log", size(last.log_size) if last and last.log_size else ""),
            ("home", f"{state(job.pull_state)}: {home}" if _has_come(home) else state(job.pull_state)),
        ]
    )


def _stopped_by(job: Job, last: Attempt | None) -> str:
    """What it took to end a job that was asked to end; a failure needs no more than its reason."""
    if last is None or job.state not in ("cancelled", "paused", "timed_out"):
        return ""
    return ", ".join(reason(str(word)) for word in (last.exit or {}).get("killed") or ())


def _has_come(home: Path) -> bool:
    """Whether anything is there but lt's own records of the job."""
    return any(path.name != ".lt" for path in home.glob("*"))


def _cost(found: CostLine | None) -> str:
    """What it has cost by now, and the time of its hosts that this is for; nothing where no price is known."""
    if found is None or found.cost is None:
        return ""
    return phrase("cost_of_job", cost=found.cost, seconds=found.hours * 3600)


def _trouble(job: Job, reach: Reachability | None) -> str:
    """What keeps the host from answering, and what to do, where that matters to the job."""
    if reach is None or reach.error is None or where(job, reach) == job.host:
        return ""
    said = say(reach.error)
    return f"{said.message} → {said.next}" if said.next else said.message


def _checkpoints(found: list[Checkpoint]) -> None:
    if not found:
        return
    emit("")
    rows = [
        (
            item.name + (" *" if item.best else ""),
            item.step if item.step is not None else "",
            f"{item.metric:.5g}" if item.metric is not None else "",
            size(item.size),
            state(item.host_state),
            state(item.pull_state),
            item.path or "",
        )
        for item in found
    ]
    emit_table(
        ("CHECKPOINT", "STEP", "METRIC", "SIZE", "HOST", "HOME", "PATH"),
        rows,
        right=(1, 2, 3),
        spare=("SIZE", "METRIC"),
    )
    for item in found:
        if item.error and item.pull_state != "pulled":
            note(f"{safe(item.name)}: {say(item.error).message}")


def _events(found: list[Event], several: bool) -> None:
    if not found:
        return
    emit("")
    for item in found:
        number = f"#{item.attempt} " if several else ""
        emit(f"{_time(item.time)}  {number}{event(item.code, item.params)}")


def _show_spec(spec: dict[str, object], as_json: bool) -> int:
    if as_json:
        emit_json(spec)
        return 0
    import yaml

    emit(safe(yaml.safe_dump(as_dict(spec), sort_keys=False, allow_unicode=True).rstrip(), multiline=True))
    return 0


def _time(moment: object) -> str:
    """Local time, to the second."""
    from datetime import datetime

    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if isinstance(moment, datetime) else ""
