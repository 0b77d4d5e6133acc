"""Sweeps and trials. Every function runs in the writer's transaction; reading ones take any connection.

A trial is `planned` until its job is known to be submitted, then `submitted`, `pruning` once it has been found to fall
behind, and at last one of `OVER`; `resuming` if a person has the sweep go on and its job is to begin again. What its
job does meanwhile is the job's row to say.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any, NamedTuple

from lt_agent.protocol import states
from lt_agent.protocol.errors import LtError

from .intents import Intent, done, failed
from .times import epoch, now

RUNNING, STOPPING, STOPPED, DONE, FAILED = "running", "stopping", "stopped", "done", "failed"
PLANNED, SUBMITTED, PRUNING, RESUMING = "planned", "submitted", "pruning", "resuming"
SUCCEEDED, PRUNED = "succeeded", "pruned"
OVER = frozenset({SUCCEEDED, FAILED, PRUNED, STOPPED})
"""Trials of these states have ended."""
TO_COME = frozenset({PLANNED, RESUMING})
"""Trials of these states wait for room."""
ADOPTED = "adopted"
"""Stands for the state of a job that another laptop has taken over before it ended: no news of it come here."""
KINDS = ("sweep", "sweep_stop", "sweep_resume")


class SweepRow(NamedTuple):
    """A sweep that is not over."""

    id: str
    name: str
    hosts: str
    state: str
    plan: dict[str, Any]
    error: dict[str, Any] | None


class TrialRow(NamedTuple):
    """A trial and what its job does; `job_state` is None as long as there is no such job."""

    number: int
    job: str
    name: str
    params: dict[str, Any]
    state: str
    value: float | None
    step: int | None
    judged: int  # the last step at which it was asked whether to go on
    job_state: str | None
    seconds: float  # that its job has run, so far
    refused: dict[str, Any] | None  # why its job could not be made
    adopted_by: str | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state in OVER


def pending(db: sqlite3.Connection) -> list[Intent]:
    """What people ask of sweeps, in order."""
    rows = db.execute(
        "SELECT id, kind, params FROM intents WHERE state='pending' AND kind IN (?,?,?) ORDER BY rowid", KINDS
    ).fetchall()
    return [Intent(row[0], row[1], "", json.loads(row[2])) for row in rows]


def take(db: sqlite3.Connection, intent: Intent) -> None:
    """Carries out what was asked and closes the intent; again is harmless."""
    params = intent.params
    if intent.kind == "sweep":
        known = db.execute("SELECT id FROM sweeps WHERE name=?", (params["name"],)).fetchone()
        if known is not None and known[0] != params["sweep"]:
            failed(db, intent.id, LtError("name_taken", name=params["name"]))
            return
        db.execute(
            "INSERT OR IGNORE INTO sweeps (id, name, hosts, recipe, state, plan, created_at) VALUES (?,?,?,?,?,?,?)",
            (
                *(params["sweep"], params["name"], params["hosts"], params["recipe"], RUNNING),
                *(json.dumps(params["plan"], ensure_ascii=False), now()),
            ),
        )
    elif intent.kind == "sweep_stop":
        db.execute("UPDATE sweeps SET state=? WHERE id=? AND state=?", (STOPPING, params["sweep"], RUNNING))
    else:
        db.execute(
            "UPDATE sweeps SET state=?, error=NULL, finished_at=NULL WHERE id=? AND state NOT IN (?,?)",
            (RUNNING, params["sweep"], RUNNING, STOPPING),
        )
        for number, fresh in params.get("trials") or ():
            # Where no job was ever made the trial gets another id: under its own, a submit has been refused.
            db.execute(
                "UPDATE trials SET state=?, job_id=coalesce(?, job_id), value=NULL, step=NULL, judged=-1, error=NULL,"
                " finished_at=NULL WHERE sweep_id=? AND number=? AND state IN (?,?)",
                (PLANNED if fresh else RESUMING, fresh, params["sweep"], number, STOPPED, FAILED),
            )
    done(db, intent.id)


def open_sweeps(db: sqlite3.Connection) -> list[SweepRow]:
    """Those that are at work, oldest first."""
    rows = db.execute(
        "SELECT id, name, hosts, state, plan, error FROM sweeps WHERE state IN ('running', 'stopping') ORDER BY id"
    ).fetchall()
    return [
        SweepRow(row[0], row[1], row[2], row[3], json.loads(row[4]), json.loads(row[5]) if row[5] else None)
        for row in rows
    ]


def trials(db: sqlite3.Connection, sweep: str) -> list[TrialRow]:
    """The trials that have been begun, by number."""
    rows = db.execute(
        "SELECT t.number, t.job_id, t.job_name, t.params, t.state, t.value, t.step, t.judged,"
        # A job that has been asked to go on is not at rest, though nobody may have told its host yet.
        " CASE WHEN j.removed THEN 'removed' WHEN EXISTS (SELECT 1 FROM intents r WHERE r.job_id=t.job_id"
        " AND r.kind='resume' AND r.state='pending') THEN 'queued' ELSE j.state END, i.error, j.adopted_by"
        " FROM trials t"
        " LEFT JOIN jobs j ON j.id=t.job_id"
        " LEFT JOIN intents i ON i.job_id=t.job_id AND i.kind='submit' AND i.state='failed'"
        " WHERE t.sweep_id=? ORDER BY t.number",
        (sweep,),
    ).fetchall()
    spent = seconds(db.execute(ATTEMPTS, (sweep,)))
    return [
        TrialRow(
            *(row[0], row[1], row[2], json.loads(row[3]), row[4], row[5], row[6], row[7]),
            *(_job_state(row[8], row[10]), spent.get(row[1], 0.0), json.loads(row[9]) if row[9] else None, row[10]),
        )
        for row in rows
    ]


def _job_state(state: str | None, adopted_by: str | None) -> str | None:
    return state if adopted_by is None or job_has_ended(state) else ADOPTED


ATTEMPTS = (
    "SELECT job_id, started_at, finished_at FROM attempts WHERE started_at IS NOT NULL"
    " AND job_id IN (SELECT job_id FROM trials WHERE sweep_id=?)"
)
"""What `seconds` adds up."""


def seconds(rows: Iterable[tuple[str, str, str | None]]) -> dict[str, float]:
    """How long each job has run, all attempts together: job, start, end of each."""
    found: dict[str, float] = {}
    present = epoch(now())
    for job, began, ended in rows:
        found[job] = found.get(job, 0.0) + max(0.0, (epoch(ended) if ended else present) - epoch(began))
    return found


def add_trial(db: sqlite3.Connection, sweep: str, number: int, job: str, name: str, params: dict[str, Any]) -> None:
    """Writes a trial down, before its job is submitted under this id."""
    db.execute(
        "INSERT INTO trials (sweep_id, number, job_id, job_name, params, state, created_at) VALUES (?,?,?,?,?,?,?)",
        (sweep, number, job, name, json.dumps(params, ensure_ascii=False), PLANNED, now()),
    )


def submitted(db: sqlite3.Connection, sweep: str, number: int) -> None:
    """Its job has been handed in, or asked to go on."""
    db.execute(
        "UPDATE trials SET state=? WHERE sweep_id=? AND number=? AND state IN (?,?)",
        (SUBMITTED, sweep, number, PLANNED, RESUMING),
    )


def judged(db: sqlite3.Connection, sweep: str, number: int, step: int, prune: bool) -> None:
    """Whether it goes on was decided at `step`."""
    db.execute(
        "UPDATE trials SET judged=?, state=CASE WHEN ? THEN ? ELSE state END WHERE sweep_id=? AND number=? AND state=?",
        (step, prune, PRUNING, sweep, number, SUBMITTED),
    )


def trial_over(
    db: sqlite3.Connection,
    sweep: str,
    number: int,
    state: str,
    value: float | None = None,
    step: int | None = None,
    error: LtError | None = None,
) -> None:
    """Writes down how a trial ended."""
    told = json.dumps(error.as_dict(), ensure_ascii=False) if error else None
    db.execute(
        "UPDATE trials SET state=?, value=?, step=?, error=?, finished_at=? WHERE sweep_id=? AND number=?",
        (state, value, step, told, now(), sweep, number),
    )


def sweep_over(db: sqlite3.Connection, sweep: str, state: str, error: LtError | None = None) -> None:
    """The sweep has come to its end: `done`, `stopped` or `failed`. Trials that waited for room are stopped with it."""
    told = json.dumps(error.as_dict(), ensure_ascii=False) if error else None
    db.execute(
        "UPDATE trials SET state=?, finished_at=? WHERE sweep_id=? AND state IN (?,?)",
        (STOPPED, now(), sweep, PLANNED, RESUMING),
    )
    db.execute("UPDATE sweeps SET state=?, error=?, finished_at=? WHERE id=?", (state, told, now(), sweep))


def waits(db: sqlite3.Connection, sweep: str, error: LtError | None) -> None:
    """Why no trial can begin at present; None: one can."""
    told = json.dumps(error.as_dict(), ensure_ascii=False) if error else None
    db.execute("UPDATE sweeps SET error=? WHERE id=? AND error IS NOT ?", (told, sweep, told))


def curve(db: sqlite3.Connection, job: str, metric: str) -> dict[int, float]:
    """Step → value of a metric; of several attempts the later one wins a step. What is no number is left out."""
    rows = db.execute("SELECT step, value FROM metrics WHERE job_id=? AND name=? ORDER BY attempt", (job, metric))
    return {int(step): float(value) for step, value in sorted(rows, key=lambda row: row[0]) if value is not None}


class Stop(NamedTuple):
    """The newest request that a job stop."""

    state: str  # of the intent
    error: dict[str, Any] | None  # why it was refused
    age: float  # seconds since it was answered


def stop_asked(db: sqlite3.Connection, job: str) -> Stop | None:
    """What became of the newest request that the job stop; None: nobody has asked."""
    row = db.execute(
        "SELECT state, error, done_at FROM intents WHERE job_id=? AND kind='stop' ORDER BY rowid DESC LIMIT 1", (job,)
    ).fetchone()
    if row is None:
        return None
    return Stop(row[0], json.loads(row[1]) if row[1] else None, epoch(now()) - epoch(row[2]) if row[2] else 0.0)


def job_has_ended(state: str | None) -> bool:
    """Whether a job of this state will do nothing more by itself, or nothing that is told here; a paused one may."""
    return state in ("removed", ADOPTED) or state in states.ENDED
