"""Pipelines: what a person asked of them, and what became of it. Runs in the writer's transaction.

The state of a stage is not stored: it is that of its job, or follows from the stages that it needs (`stage_states`).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from lt_agent.protocol import states
from lt_agent.protocol.errors import LtError, error_from_dict
from lt_agent.protocol.ulid import new_ulid

from . import intents
from .intents import Intent
from .times import epoch, now

RUN, RESUME, STOP, REMOVE = "pipeline run", "pipeline resume", "pipeline stop", "pipeline remove"
RUNNING, STOPPING, STOPPED = "running", "stopping", "stopped"
SUCCEEDED, FAILED = states.SUCCEEDED, states.FAILED
GOING_ON = (RUNNING, STOPPING)


def pending(db: sqlite3.Connection) -> list[Intent]:
    """What is asked of pipelines and not taken yet, in its order."""
    rows = db.execute(
        "SELECT id, kind, coalesce(job_id, ''), params FROM intents WHERE state='pending' AND kind IN (?,?,?,?)"
        " ORDER BY rowid",
        (RUN, RESUME, STOP, REMOVE),
    ).fetchall()
    return [Intent(row[0], row[1], row[2], json.loads(row[3])) for row in rows]


def going_on(db: sqlite3.Connection) -> list[str]:
    """The pipelines that have not come to rest, oldest first."""
    rows = db.execute("SELECT id FROM pipelines WHERE state IN ('running', 'stopping') ORDER BY id").fetchall()
    return [row[0] for row in rows]


def alive_again(db: sqlite3.Connection) -> list[str]:
    """The pipelines that had failed and have a job that was begun again since: by a person, or on another host."""
    rows = db.execute(
        "SELECT DISTINCT p.id, j.state FROM pipelines p JOIN stages s ON s.pipeline=p.id JOIN jobs j ON j.id=s.job_id"
        " WHERE p.state='failed' AND j.removed=0 AND j.adopted_by IS NULL"
        " AND (j.state!='succeeded' OR j.finished_at > p.finished_at)"
    ).fetchall()
    return sorted({row[0] for row in rows if row[1] == SUCCEEDED or row[1] not in states.RESTING})


def revive(db: sqlite3.Connection, pipeline: str) -> None:
    """A pipeline that had failed goes on."""
    db.execute("UPDATE pipelines SET state=?, finished_at=NULL WHERE id=? AND state=?", (RUNNING, pipeline, FAILED))


def take(db: sqlite3.Connection, intent: Intent) -> None:
    """Carries out what is asked and closes the intent, in one transaction. Raises LtError `no_such_pipeline`,
    `pipeline_alive`.
    """
    still = db.execute("SELECT state FROM intents WHERE id=?", (intent.id,)).fetchone()
    if still is None or still[0] != "pending":
        return
    if intent.kind == RUN:
        _begin(db, intent.job, intent.params)
    else:
        row = db.execute("SELECT state FROM pipelines WHERE id=?", (intent.job,)).fetchone()
        if row is None:
            raise LtError("no_such_pipeline", ref=str(intent.params.get("name") or intent.job), near=[])
        if intent.kind == RESUME:
            _go_on(db, intent.job, intent.params)
        elif intent.kind == STOP:
            _stop(db, intent.job, str(intent.params.get("by", "")))
        elif row[0] in GOING_ON:
            raise LtError("pipeline_alive", name=str(intent.params.get("name")), state=row[0])
        else:
            db.execute("DELETE FROM stages WHERE pipeline=?", (intent.job,))
            db.execute("DELETE FROM pipelines WHERE id=?", (intent.job,))
    intents.done(db, intent.id)


def newest_pull(db: sqlite3.Connection, pipeline: str, job: str) -> tuple[str, LtError | None, float] | None:
    """Of the last pull that was asked of a job since the pipeline was last set going: its state, why it failed, and
    when it was closed (else asked for), in seconds since the epoch.
    """
    row = db.execute(
        "SELECT state, error, coalesce(done_at, created_at) FROM intents WHERE job_id=?1 AND kind='pull' AND"
        " (state IN ('pending', 'doing') OR rowid > coalesce((SELECT max(rowid) FROM intents WHERE job_id=?2"
        " AND kind IN (?3, ?4)), 0)) ORDER BY state IN ('pending', 'doing') DESC, rowid DESC LIMIT 1",
        (job, pipeline, RUN, RESUME),
    ).fetchone()
    return None if row is None else (row[0], error_from_dict(json.loads(row[1])) if row[1] else None, epoch(row[2]))


def refuse(db: sqlite3.Connection, pipeline: str, stage: str, error: LtError) -> None:
    """The stage's job can't be submitted, and why."""
    told = json.dumps(error.as_dict(), ensure_ascii=False)
    db.execute("UPDATE stages SET error=?, waits=NULL WHERE pipeline=? AND name=?", (told, pipeline, stage))


def wait(db: sqlite3.Connection, pipeline: str, stage: str, error: LtError | None) -> None:
    """The stage's job can't be submitted yet, and why; None: nothing is in its way any more."""
    told = json.dumps(error.as_dict(), ensure_ascii=False) if error else None
    db.execute("UPDATE stages SET waits=? WHERE pipeline=? AND name=?", (told, pipeline, stage))


def settle(db: sqlite3.Connection, pipeline: str, state: str) -> None:
    """The pipeline has come to rest; no earlier than its jobs, whose times are by their hosts' clocks."""
    db.execute(
        "UPDATE pipelines SET state=?1, finished_at=max(?2, coalesce((SELECT max(j.finished_at) FROM stages s"
        " JOIN jobs j ON j.id=s.job_id WHERE s.pipeline=?3), '')) WHERE id=?3 AND state IN ('running', 'stopping')",
        (state, now(), pipeline),
    )


def _begin(db: sqlite3.Connection, pipeline: str, params: Mapping[str, Any]) -> None:
    db.execute(
        "INSERT INTO pipelines (id, name, file, params, state, by, created_at) VALUES (?,?,?,?,?,?,?)",
        (
            pipeline,
            params["name"],
            params["file"],
            json.dumps(params["params"], ensure_ascii=False),
            RUNNING,
            params["by"],
            now(),
        ),
    )
    for place, stage in enumerate(params["stages"]):
        _write(db, pipeline, place, stage)


def _go_on(db: sqlite3.Connection, pipeline: str, params: Mapping[str, Any]) -> None:
    """Each stage by its `action`, see `lt_recipes.pipeline.graph.actions`."""
    by = str(params.get("by", ""))
    known = dict(db.execute("SELECT name, job_id FROM stages WHERE pipeline=?", (pipeline,)).fetchall())
    for place, stage in enumerate(params["stages"]):
        name, action = stage["name"], stage["action"]
        old = known.pop(name, None)
        if action == "anew" or old is None:
            if old is not None and old != stage["job"]:
                _end_job(db, old, by)
            _write(db, pipeline, place, stage)
            continue
        if action == "again":
            _begin_again(db, old, by)
        db.execute(
            "UPDATE stages SET place=?, error=NULL, waits=NULL, host=?, work=? WHERE pipeline=? AND name=?",
            (place, stage["host"], json.dumps(stage["work"], ensure_ascii=False), pipeline, name),
        )
    for name, job in known.items():  # it is not in the file any more
        _end_job(db, job, by)
        db.execute("DELETE FROM stages WHERE pipeline=? AND name=?", (pipeline, name))
    db.execute(
        "UPDATE pipelines SET state=?, finished_at=NULL, params=? WHERE id=?",
        (RUNNING, json.dumps(params["params"], ensure_ascii=False), pipeline),
    )


def _stop(db: sqlite3.Connection, pipeline: str, by: str) -> None:
    for row in db.execute("SELECT job_id FROM stages WHERE pipeline=?", (pipeline,)).fetchall():
        _end_job(db, row[0], by)
    db.execute("UPDATE pipelines SET state=? WHERE id=? AND state=?", (STOPPING, pipeline, RUNNING))


def _write(db: sqlite3.Connection, pipeline: str, place: int, stage: Mapping[str, Any]) -> None:
    db.execute(
        "INSERT OR REPLACE INTO stages (pipeline, name, place, host, needs, work, digest, job_id, job_name)"
        " VALUES (?,?,?,?,?,?,?,?,?)",
        (
            pipeline,
            stage["name"],
            place,
            stage["host"],
            json.dumps(stage["needs"]),
            json.dumps(stage["work"], ensure_ascii=False),
            stage["digest"],
            stage["job"],
            stage["job_name"],
        ),
    )


def _end_job(db: sqlite3.Connection, job: str, by: str) -> None:
    """Asks for the end of a job that was submitted and has not ended; what was to begin it again does not."""
    begins = "SELECT id FROM intents WHERE kind IN ('resume', 'relocate') AND job_id=? AND state='pending'"
    for (intent,) in db.execute(begins, (job,)).fetchall():
        intents.failed(db, intent, LtError("stopped_before_start", by=by))
    row = db.execute("SELECT state FROM jobs WHERE id=? AND removed=0 AND adopted_by IS NULL", (job,)).fetchone()
    submitted = db.execute("SELECT 1 FROM intents WHERE kind='submit' AND job_id=? AND state='pending'", (job,))
    if row[0] not in states.ENDED if row is not None else submitted.fetchone() is not None:
        _ask(db, "stop", job, {"grace": None, "by": by})


def _begin_again(db: sqlite3.Connection, job: str, by: str) -> None:
    """Asks for a new attempt of a job at rest, once."""
    row = db.execute("SELECT state FROM jobs WHERE id=? AND removed=0", (job,)).fetchone()
    asked = db.execute("SELECT 1 FROM intents WHERE kind='resume' AND job_id=? AND state='pending'", (job,)).fetchone()
    if row is not None and row[0] in states.RESTING and row[0] != states.SUCCEEDED and asked is None:
        _ask(db, "resume", job, {"from": None, "by": by})


def _ask(db: sqlite3.Connection, kind: str, job: str, params: Mapping[str, Any]) -> None:
    db.execute(
        "INSERT INTO intents (id, kind, job_id, params, state, created_at) VALUES (?,?,?,?,'pending',?)",
        (new_ulid(), kind, job, json.dumps(params), now()),
    )
