"""The part of the client that speaks of pipelines: reading them, and asking."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_agent.protocol import states
from lt_agent.protocol.errors import LtError

from ..store import pipelines as stored
from .base import near, person
from .database import Reader, load, when
from .secret import SecretCalls

if TYPE_CHECKING:
    from .details import Request
    from .stages import Pipeline, Stage, StagePlan


class PipelineCalls(SecretCalls):
    """The part of the client that speaks of pipelines. A `ref` is a name (its newest), or the beginning of an id."""

    def pipelines(self) -> list[Pipeline]:
        """All that are known, oldest first."""
        return [_pipeline(self.reader, row) for row in self.reader.rows("SELECT * FROM pipelines ORDER BY id")]

    def pipeline(self, ref: str) -> Pipeline:
        """One pipeline. Raises LtError `no_such_pipeline` with near names."""
        row = self.reader.row(
            "SELECT * FROM pipelines WHERE id=?1 OR name=?2 OR substr(id, 1, ?3)=?1 ORDER BY id=?1 DESC, name=?2 DESC,"
            " id DESC LIMIT 1",
            (ref.strip().upper(), ref.strip(), max(4, len(ref.strip()))),
        )
        if row is None:
            names = [found["name"] for found in self.reader.rows("SELECT DISTINCT name FROM pipelines")]
            raise LtError("no_such_pipeline", ref=ref, near=near(ref, names))
        return _pipeline(self.reader, row)

    def plan_pipeline(
        self, file: str | os.PathLike[str], params: Sequence[str] = (), *, on: str | None = None
    ) -> list[StagePlan]:
        """What `run_pipeline` would do, with every check it makes; writes nothing. Raises as it does."""
        from .pipeline_files import read

        return read(self._whole(), Path(file), params, on).plans(None)

    def run_pipeline(
        self, file: str | os.PathLike[str], params: Sequence[str] = (), *, on: str | None = None, new: bool = False
    ) -> Request:
        """Fixes every stage as it is now and begins with those that need no other. `on`: the host, or the choice of
        hosts, for stages that name none; `params`: `NAME=VALUE`. The request's `job` is the pipeline's id.

        Raises LtError `bad_pipeline{problems}`; `pipeline_exists` where this file was run before, unless `new`;
        `secret_in_plain{name}`.
        """
        from .pipeline_files import read

        path = Path(file).expanduser().absolute()
        made = read(self._whole(), path, params, on)
        if not new:
            self._check_not_known(path, made)
        wanted = made.params_of_run(person())
        _check_not_plain(wanted)
        return self._ask_of(stored.RUN, made.pipeline, made.name, wanted)

    def plan_resume(
        self, ref: str, *, file: str | os.PathLike[str] | None = None, params: Sequence[str] = (), on: str | None = None
    ) -> list[StagePlan]:
        """What `resume_pipeline` would do; writes nothing. Raises as it does."""
        from .pipeline_files import fixed, read

        known = self.pipeline(ref)
        made = fixed(self._whole(), known, on) if file is None else read(self._whole(), Path(file), params, on, known)
        return made.plans(known)

    def resume_pipeline(
        self, ref: str, *, file: str | os.PathLike[str] | None = None, params: Sequence[str] = (), on: str | None = None
    ) -> tuple[Request, list[StagePlan]]:
        """Goes on with what has not succeeded, as it was fixed at the run; with `file`, as that is now: stages that
        were edited run anew, and all that follows them.

        Raises LtError `no_such_pipeline`, `nothing_to_resume`, `bad_pipeline`, `secret_in_plain`.
        """
        from .pipeline_files import fixed, read

        known = self.pipeline(ref)
        made = (
            fixed(self._whole(), known, on)
            if file is None
            else read(self._whole(), Path(file).absolute(), params, on, known)
        )
        plans = made.plans(known)
        if all(plan.action == "keep" for plan in plans):
            raise LtError("nothing_to_resume", name=known.name, state=known.state, file=known.file)
        wanted = made.params_of_resume(known, person())
        _check_not_plain(wanted)
        return self._ask_of(stored.RESUME, known.id, known.name, wanted), plans

    def stop_pipeline(self, ref: str) -> Request:
        """Submits nothing more and stops what runs. Raises LtError `no_such_pipeline`, `pipeline_over`."""
        known = self.pipeline(ref)
        if not known.alive:
            raise LtError("pipeline_over", name=known.name, state=known.state)
        return self._ask_of(stored.STOP, known.id, known.name, {"by": person()})

    def remove_pipeline(self, ref: str) -> Request:
        """Forgets a pipeline; its jobs stay. Raises LtError `no_such_pipeline`, `pipeline_alive`."""
        known = self.pipeline(ref)
        if known.alive:
            raise LtError("pipeline_alive", name=known.name, state=known.state)
        return self._ask_of(stored.REMOVE, known.id, known.name, {"by": person()})

    def _whole(self) -> Any:
        return self  # all of the client: what freezes and drafts wants more of it than this part has

    def _ask_of(self, kind: str, pipeline: str, name: str, params: dict[str, Any]) -> Request:
        from .orders import Order, secrets_of

        found = params.get("stages") or ()
        told = {"pipeline": pipeline, "stages": {item["name"]: item.get("action", "anew") for item in found}}
        to_do = [Order.from_json(item["work"]) for item in found if item.get("action") != "keep"]
        self._confide_ahead(pipeline, {name for order in to_do for name in secrets_of(order)})
        return self._ask(kind, pipeline, {"name": name, "told": told, **params})

    def _check_not_known(self, path: Path, made: Any) -> None:
        row = self.reader.row(
            "SELECT * FROM pipelines WHERE file=? AND name=? ORDER BY id DESC LIMIT 1", (str(path), made.name)
        )
        if row is None:
            return
        known = _pipeline(self.reader, row)
        plans = made.plans(known)
        kept = [plan.name for plan in plans if plan.action == "keep"]
        rest = [plan.name for plan in plans if plan.action in ("again", "anew", "wait")]
        raise LtError("pipeline_exists", name=known.name, state=known.state, file=str(path), kept=kept, rest=rest)


def _check_not_plain(wanted: Mapping[str, Any]) -> None:
    from .orders import Order, check_not_plain

    for stage in wanted["stages"]:
        if stage.get("action", "anew") in ("anew", "wait"):
            check_not_plain(Order.from_json(stage["work"]), wanted["params"])


def _pipeline(db: Reader, row: Any) -> Pipeline:
    from .stages import Pipeline

    given = load(row["params"]) or {}
    return Pipeline(
        id=row["id"],
        name=row["name"],
        file=row["file"],
        state=row["state"],
        by=row["by"],
        params=given.get("values") or {},
        said=tuple(given.get("said") or ()),
        on=given.get("on"),
        created_at=when(row["created_at"]),
        finished_at=when(row["finished_at"]),
        stages=tuple(_stages(db, row["id"])),
    )


_JOB = (
    "host, attempt, state, reason, message, exit_code, step, total_steps, started_at, finished_at, adopted_by, removed"
)


def _stages(db: Reader, pipeline: str) -> list[Stage]:
    from lt_recipes.pipeline.graph import in_order, stage_states

    rows = {
        row["name"]: row
        for row in db.rows(
            "SELECT s.*, (SELECT state FROM intents WHERE kind='submit' AND job_id=s.job_id) AS handed_in,"
            " (SELECT error FROM intents WHERE kind='submit' AND job_id=s.job_id) AS not_taken,"
            " EXISTS (SELECT 1 FROM intents WHERE kind IN ('resume', 'relocate') AND job_id=s.job_id"
            " AND state='pending') AS again"
            " FROM stages s WHERE pipeline=? ORDER BY place",
            (pipeline,),
        )
    }
    needs = {name: tuple(load(row["needs"]) or ()) for name, row in rows.items()}
    jobs = {name: db.row(f"SELECT {_JOB} FROM jobs WHERE id=?", (row["job_id"],)) for name, row in rows.items()}  # noqa: S608
    begun = {name: state for name, row in rows.items() if (state := _begun(row, jobs[name]))}
    order = in_order(needs)
    found = stage_states(order, needs, begun, states.SUCCEEDED)
    return [_stage(rows[name], jobs[name], needs[name], found[name]) for name in order]


def _begun(row: Any, job: Any) -> str:
    """The state of the stage's job; `refused` where none came of it, empty where none was asked for."""
    if job is not None:
        if job["adopted_by"] or (job["removed"] and job["state"] not in states.ENDED):
            return states.CANCELLED  # what becomes of it is not told here, or it was given up
        return states.QUEUED if row["again"] and job["state"] in states.RESTING else str(job["state"])
    if row["error"] or row["handed_in"] == "failed":
        return "refused"
    return states.QUEUED if row["handed_in"] else ""


def _stage(row: Any, job: Any, needs: tuple[str, ...], state: str) -> Stage:
    from .stages import Stage

    work = load(row["work"]) or {}
    begun = {} if job is None else {key: job[key] for key in _JOB.split(", ")}
    return Stage(
        name=row["name"],
        kind=str(work.get("kind", "")),
        title=str(work.get("title", "")) if work.get("kind") == "recipe" else " ".join(work.get("argv") or ()),
        asked=row["host"],
        needs=needs,
        state=state,
        job=row["job_id"],
        job_name=row["job_name"],
        host=begun.get("host"),
        attempt=begun.get("attempt"),
        reason=begun.get("reason"),
        message=begun.get("message"),
        exit_code=begun.get("exit_code"),
        step=begun.get("step"),
        total_steps=begun.get("total_steps"),
        started_at=when(begun.get("started_at")),
        finished_at=when(begun.get("finished_at")),
        error=load(row["error"]) or load(row["not_taken"]),
        waits=load(row["waits"]),
        digest=row["digest"],
        work=work,
        gone=bool(begun.get("removed") or begun.get("adopted_by")),
    )
