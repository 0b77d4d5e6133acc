"""Stop, pause, save, resume, pull and remove: a person's requests for jobs of one host."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lt_agent.protocol import states
from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import ResumeFrom

from ..journal import fault
from ..store import checkpoints, intents, jobs, queue
from ..store.intents import Intent
from ..store.writer import Writer
from . import moving
from .link import BridgeLink
from .offline import check_removable, settle_here
from .steps import AskStep, ResumeStep, StopStep, passed

DELETING = frozenset({"remove", "clear"})  # of a million files: a stop of another job must not wait for that
MOST_NAMED = 20  # checkpoints in an error
PATIENCE = 24 * 3600.0  # seconds; the end of the link ends the wait before


class Requests:
    """Carries intents out over one link. Each is closed only when the host has it, so that it is never lost."""

    def __init__(
        self,
        host: str,
        writer: Writer,
        link: BridgeLink,
        home: Path,
        cancel_staging: Callable[[str, int], None],
        poke: Callable[[], None],
    ) -> None:
        self._writer = writer
        self._link = link
        self._home = home
        self._cancel_staging = cancel_staging
        self._poke = poke
        self._slow = ThreadPoolExecutor(1, thread_name_prefix=f"clear-{host}")
        self._under_way: set[str] = set()  # the requests that it works on

    def carry_out(self, asked: Sequence[Intent]) -> None:
        """Does all that is asked for jobs of its host, what deletes on a thread of its own. Raises LtError
        `host_unreachable`.
        """
        for intent in asked:
            if intent.kind not in DELETING:
                self._carry_out(intent)
            elif intent.id not in self._under_way:
                self._under_way.add(intent.id)
                self._slow.submit(self._in_time, intent)

    def close(self) -> None:
        """Waits for the thread. To be called when the link has ended; what is not done is asked again."""
        self._slow.shutdown(wait=True, cancel_futures=True)

    def _in_time(self, intent: Intent) -> None:
        try:
            self._carry_out(intent)
        except Exception as error:  # not reached, or the database's on a full disk: asked again at the next pass
            if not isinstance(error, LtError):
                fault()
            self._under_way.discard(intent.id)
        else:
            self._under_way.discard(intent.id)
            self._poke()

    def _carry_out(self, intent: Intent) -> None:
        try:
            if self._writer.run("jobs", settle_here, intent):
                return
            self._one(intent)
        except LtError as error:
            if error.code == "host_unreachable":
                raise
            self._writer.run("jobs", intents.failed, intent.id, error)
        else:
            self._writer.run("jobs", intents.done, intent.id)

    def _one(self, intent: Intent) -> None:
        job = self._writer.run("", jobs.brief, intent.job)
        if intent.kind in ("stop", "pause"):
            self._stop(intent, job)
        elif intent.kind == "save":
            self._link.request("save", job=job.id, attempt=job.attempt)
            passed(AskStep.SAVE, self._home)
        elif intent.kind == "resume":
            passed(ResumeStep.SEEN, self._home)
            self._writer.run("jobs", _resume, intent)
            passed(ResumeStep.BEGUN, self._home)
        elif intent.kind == "priority":
            self._priority(intent, job)
        elif intent.kind == "move":
            self._cancel_staging(job.id, job.attempt)
            moving.carry_out(intent, job.id, job.attempt, self._link, self._writer, self._home)
        elif intent.kind == "pull":
            self._writer.run("checkpoints", checkpoints.request, job.id, intent.params.get("names"))
        elif intent.kind == "remove":
            self._remove(intent, job)
        elif intent.kind == "clear":
            self._clear(job)
        else:
            raise LtError("unknown_intent", kind=intent.kind)

    def _stop(self, intent: Intent, job: jobs.Brief) -> None:
        passed(StopStep.SEEN, self._home)
        self._cancel_staging(job.id, job.attempt)
        try:
            self._link.request(
                "stop", job=job.id, attempt=job.attempt, kind=intent.kind, grace=intent.params.get("grace")
            )
        except LtError as error:
            # A host that never had the job has nothing to stop; one that lost its folder proves nothing.
            if error.code != "no_such_job" or job.state not in (states.QUEUED, states.STAGING):
                raise
            stopped = LtError("stopped_before_start", by=str(intent.params.get("by", "")))
            self._writer.run("jobs", jobs.end_here, job.id, job.attempt, states.CANCELLED, stopped)
            return
        passed(StopStep.REQUESTED, self._home)
        self._writer.run("jobs", jobs.set_state, job.id, job.attempt, states.STOPPING)
        passed(StopStep.RECORDED, self._home)

    def _priority(self, intent: Intent, job: jobs.Brief) -> None:
        if job.state in states.ENDED:
            raise LtError("job_has_ended", job=job.name, state=job.state)
        wanted = int(intent.params["priority"])
        self._writer.run("jobs", queue.set_priority, job.id, wanted)
        if job.state in (states.QUEUED, states.PAUSED):
            return  # the host gets it with the spec
        try:
            self._link.request("priority", job=job.id, attempt=job.attempt, priority=wanted)
        except LtError as error:
            if error.code != "no_such_job" or job.state != states.STAGING:
                raise
        passed(AskStep.PRIORITY, self._home)

    def _remove(self, intent: Intent, job: jobs.Brief) -> None:
        if intent.params.get("discard") and job.state not in states.RESTING and self._is_gone(job.id):
            self._writer.run("jobs", jobs.remove, job.id)
            return
        self._writer.run("", check_removable, intent)
        if not intent.params.get("discard"):
            self._check_known(job)
        self._link.request("remove", timeout=PATIENCE, job=job.id)
        passed(AskStep.REMOVE, self._home)
        self._writer.run("jobs", jobs.remove, job.id)

    def _clear(self, job: jobs.Brief) -> None:
        """Deletes on its host what is at home; the job stays known."""
        if job.state not in states.RESTING:
            raise LtError("job_alive", job=job.name, state=job.state)
        away = self._writer.run("", checkpoints.not_home, job.id)
        if away:
            raise LtError("not_yet_home", job=job.name, checkpoints=away)
        self._check_known(job)
        self._link.request("remove", timeout=PATIENCE, job=job.id)
        passed(AskStep.CLEAR, self._home)
        self._writer.run("checkpoints", checkpoints.cleared, job.id)

    def _check_known(self, job: jobs.Brief) -> None:
        """Raises LtError `not_yet_home` if the host has checkpoints of the job that are not known here: after the
        database was rebuilt from what came home, say, or where their list can't be read.
        """
        told = self._link.request("jobs", job=job.id)
        away: list[str] = []
        for seen in told if isinstance(told, list) else ():
            attempt, names = (seen.get("attempt"), seen.get("manifests")) if isinstance(seen, dict) else (None, None)
            if isinstance(attempt, int) and isinstance(names, list) and seen.get("job") == job.id:
                known = self._writer.read(checkpoints.names, job.id, attempt)
                away += [str(name) for name in names if name not in known]
        if away:
            raise LtError("not_yet_home", job=job.name, checkpoints=away[:MOST_NAMED])

    def _is_gone(self, job: str) -> bool:
        """Whether the host has no folder of the job and, by a look at every process, nothing of it that runs.

        No proof of how it ended (a disk may not be mounted), so it is asked only where a person gives it up.
        """
        record = self._link.request("records", jobs=[job]).get(job)
        return isinstance(record, dict) and record.get("missing") is True and record.get("alive") == 0


def _resume(db: sqlite3.Connection, intent: Intent) -> int:
    """Begins a new attempt from the checkpoint asked for, or the newest that can be resumed. One per intent."""
    if not intents.is_pending(db, intent.id):
        return 0
    attempt = jobs.new_attempt(db, intent.job, _checkpoint(db, intent.job, intent.params.get("from")))
    intents.done(db, intent.id)  # in the same transaction: repeated, it must not begin a second one
    return attempt


def _checkpoint(db: sqlite3.Connection, job: str, wanted: str | None) -> ResumeFrom | None:
    rows = db.execute(
        "SELECT attempt, name, step, host_state, json_extract(manifest, '$.kind') FROM checkpoints"
        " WHERE job_id=? AND resumable=1 ORDER BY attempt DESC, step DESC",
        (job,),
    ).fetchall()
    if wanted is None:
        here = [row for row in rows if row[3] == "present"]
        return ResumeFrom(here[0][0], here[0][1]) if here else None
    for attempt, name, step, host_state, _ in rows:
        if wanted in (name, str(step)) and host_state == "present":
            return ResumeFrom(attempt, name)
    raise LtError("no_such_checkpoint", name=wanted, known=[row[1] for row in rows if row[3] == "present"])
