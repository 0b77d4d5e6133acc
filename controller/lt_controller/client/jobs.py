"""Jobs: finding and reading them, following their logs, asking for stops, saves and pulls."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lt_agent.protocol import states
from lt_agent.protocol.errors import LtError, error_from_dict

from . import queries, streams
from .base import Connected, near, person
from .models import Change, Job, LogChunk

if TYPE_CHECKING:
    from .details import Attempt, Checkpoint, Event, MetricPoint, Request, Transfer


class JobCalls(Connected):
    """The part of the client that speaks of jobs. A `ref` is a job's name, its id, or a unique beginning of either."""

    # Reading

    def jobs(self, *, all: bool = False, host: str | None = None, eta: bool = False) -> list[Job]:
        """Jobs, oldest first; those that have ended only with `all`. `eta` works out the time left of running ones."""
        found = queries.jobs(self._db, all=all, host=host)
        return [self._with_eta(job) for job in found] if eta else found

    def job(self, ref: str) -> Job:
        """One job. Raises LtError `no_such_job` (with near names), `ambiguous_job`, or why its submit failed."""
        found = queries.find_jobs(self._db, ref)
        if not found:
            failed = queries.failed_submit(self._db, ref)
            if failed is not None:
                raise error_from_dict(failed)
            raise LtError("no_such_job", ref=ref, near=near(ref, queries.names(self._db)))
        if len(found) > 1:
            raise LtError("ambiguous_job", ref=ref, jobs=[job.name for job in found[:8]], count=len(found))
        return self._with_eta(found[0])

    def spec(self, ref: str) -> dict[str, Any]:
        """All that was submitted: the resolved recipe or the command, its environment, data and pull policy."""
        return queries.spec(self._db, self.job(ref).id)

    def attempts(self, ref: str) -> list[Attempt]:
        """The job's attempts, first to newest."""
        return queries.attempts(self._db, self.job(ref).id)

    def events(self, ref: str) -> list[Event]:
        """What happened to the job, in order."""
        return queries.events(self._db, self.job(ref).id)

    def checkpoints(self, ref: str) -> list[Checkpoint]:
        """The job's verified checkpoints, in the order in which they were made."""
        return queries.checkpoints(self._db, self.job(ref).id)

    def transfers(self, ref: str | None = None) -> list[Transfer]:
        """Pushes and pulls of one job or of all, the newest first."""
        return queries.transfers(self._db, self.job(ref).id if ref is not None else None)

    def metric_names(self, ref: str) -> list[str]:
        """The names under which the job has logged values."""
        return streams.metric_names(self._db, self.job(ref).id)

    def metrics(
        self, ref: str, names: Sequence[str] | None = None, *, attempt: int | None = None, after: int | None = None
    ) -> list[MetricPoint]:
        """Values by name and step. Of all attempts (a later one wins a step) unless one is named; `after` a step."""
        return streams.metrics(self._db, self.job(ref).id, names, attempt, after)

    def requests(self, ref: str) -> list[Request]:
        """What was asked for the job and has not been carried out yet."""
        return queries.open_requests(self._db, self.job(ref).id)

    # Logs

    def read_log(self, ref: str, *, attempt: int | None = None, offset: int = 0) -> Iterator[LogChunk]:
        """The log that is at home now, from byte `offset` on; of the newest attempt unless one is named."""
        job = self.job(ref)
        number = self._attempt(job, attempt)
        while chunks := streams.log(self._db, job.id, number, offset):
            for chunk in chunks:
                yield chunk
                offset = chunk.end

    def log_tail(self, ref: str, lines: int, *, attempt: int | None = None) -> int:
        """The byte offset at which the last `lines` lines of the log begin."""
        job = self.job(ref)
        return streams.log_tail(self._db, job.id, self._attempt(job, attempt), lines)

    def follow_log(self, ref: str, *, attempt: int | None = None, offset: int = 0) -> Iterator[LogChunk]:
        """As `read_log`, then on as the log grows, until the job rests and all of its log has come.

        A resume that happens meanwhile is followed into its new attempt, unless an attempt was named.
        """
        for news in self.follow(ref, attempt=attempt, offset=offset):
            if isinstance(news, LogChunk):
                yield news

    def follow(self, ref: str, *, attempt: int | None = None, offset: int = 0) -> Iterator[LogChunk | Job | Transfer]:
        """As `follow_log`, with what else happens: the job each time its state or attempt changes, at first and at
        last too, and transfers while its data is on the way.
        """
        job = self.job(ref)
        number = self._attempt(job, attempt)
        seen: tuple[str, int] | None = None
        # No controller is needed to read what has ended.
        with self._watch(keep_running=not job.resting) as watch:
            while True:
                job = self._ours(self._again(job))
                if (job.state, job.attempt) != seen:
                    seen = (job.state, job.attempt)
                    yield job
                if job.state == states.STAGING:
                    yield from (t for t in queries.transfers(self._db, job.id) if t.direction == "push")
                # The state was read first: a log is at home in full before its job's end is.
                grown = False
                while chunks := streams.log(self._db, job.id, number, offset):
                    for chunk in chunks:
                        grown = True
                        offset = chunk.end
                        yield chunk
                if attempt is None and job.attempt > number:
                    number, offset = number + 1, 0
                elif job.resting or job.attempt > number:
                    return
                elif not grown:
                    watch.wait()

    # Waiting

    def changes(self, timeout: float | None = None) -> Iterator[Change]:
        """Yields the topics that changed (`jobs`, `logs`, `metrics`, `checkpoints`, `transfers`, `hosts`, or `*`).

        With `timeout` an empty set comes after so many seconds without news. Never ends by itself.
        """
        with self._watch() as watch:
            while True:
                yield watch.wait(timeout)

    def wait(self, ref: str, timeout: float | None = None, *, pulled: bool = False) -> Job:
        """Waits until the job rests, with `pulled` also until its checkpoints are home (or their pull has failed).

        Raises LtError `wait_timeout` after `timeout` seconds.
        """
        job = self.job(ref)
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._watch(keep_running=not (job.resting and not pulled)) as watch:
            while True:
                job = self._ours(self._again(job))
                if job.resting and not (pulled and job.pull_state in ("pending", "pulling")):
                    return job
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise LtError("wait_timeout", job=job.name, seconds=timeout, state=job.state)
                watch.wait(left)

    def settle(self, request: Request, timeout: float) -> Request:
        """Waits up to `timeout` seconds until the request is carried out or refused; returns how it stands then.

        Raises the reason if it was refused.
        """
        deadline = time.monotonic() + timeout
        with self._watch() as watch:
            while True:
                request = queries.request(self._db, request.id) or request
                if request.state == "failed":
                    raise error_from_dict(dict(request.error or {}))
                left = deadline - time.monotonic()
                if not request.open or left <= 0:
                    return request
                watch.wait(left)

    def catch_up(self) -> None:
        """Starts the controller where work is left for it and none runs, as after a crash or a reboot."""
        if queries.unfinished(self._db):
            from .socket import ensure

            with contextlib.suppress(LtError):  # whoever needs it for more than this will be told
                ensure(self.home)

    # Asking

    def stop(self, ref: str, *, grace: float | None = None) -> Request:
        """Asks the job to save and end; after `grace` seconds (absent: the recipe's) it is made to."""
        return self._control("stop", ref, grace=grace)

    def pause(self, ref: str, *, grace: float | None = None) -> Request:
        """As `stop`, but it can be resumed: the GPU is free, the work is kept."""
        return self._control("pause", ref, grace=grace)

    def resume(self, ref: str, from_step: int | str | None = None) -> Request:
        """Begins a new attempt from the newest checkpoint, or from the one of this step or name.

        Raises LtError `job_not_resting`, `no_such_checkpoint`, `host_drained`, `host_retired`.
        """
        from .closing import check_named

        job = self.job(ref)
        if not job.resting:
            raise LtError("job_not_resting", job=job.name, state=job.state)
        check_named(self.home.hosts_file, job.host)
        if from_step is not None:
            usable = [c for c in queries.checkpoints(self._db, job.id) if c.resumable and c.host_state == "present"]
            if not any(str(from_step) in (c.name, str(c.step)) for c in usable):
                known = [c.name for c in usable]
                raise LtError("no_such_checkpoint", job=job.name, name=str(from_step), known=known)
        wanted = None if from_step is None else str(from_step)
        self._confide_again(job.id)
        return self._ask("resume", job.id, {"from": wanted, "by": person()}, host=job.host)

    def save(self, ref: str) -> Request:
        """Asks for a checkpoint now, at the next step. Raises LtError `not_a_recipe`, `job_not_running`."""
        job = self.job(ref)
        if job.kind != "recipe":
            raise LtError("not_a_recipe", job=job.name)
        if job.resting:
            raise LtError("job_not_running", job=job.name, state=job.state)
        return self._ask("save", job.id, {"by": person()}, host=job.host)

    def pull(self, ref: str, names: Sequence[str] | None = None) -> Request:
        """Asks for checkpoints to come home: those named, else all that are on the host and not home yet.

        Raises LtError `no_such_checkpoint`, `checkpoint_gone`.
        """
        job = self.job(ref)
        for name in names or ():
            found = [c for c in queries.checkpoints(self._db, job.id) if c.name == name]
            if not found:
                known = list(dict.fromkeys(c.name for c in queries.checkpoints(self._db, job.id)))
                raise LtError("no_such_checkpoint", job=job.name, name=name, known=known)
            if not any(c.host_state == "present" or c.pull_state == "pulled" for c in found):
                raise LtError("checkpoint_gone", job=job.name, name=name)
        return self._ask("pull", job.id, {"names": list(names) if names else None, "by": person()}, host=job.host)

    def remove(self, ref: str, *, discard: bool = False) -> Request:
        """Forgets a resting job and deletes its folder on the host; what came home stays.

        Raises LtError `job_alive`, and `not_yet_home` if a checkpoint is on the host alone, unless `discard`. With
        `discard` a job whose host has left the inventory, or whose folder is not on its host any more, is forgotten
        whatever its state: nobody can ask for its end.
        """
        job = self.job(ref)
        given_up = discard and (not self.has_host(job.host) or _folder_is_missing(job))
        if not job.resting and not given_up:
            raise LtError("job_alive", job=job.name, state=job.state)
        return self._ask("remove", job.id, {"discard": discard, "by": person()}, host=job.host)

    def _confide_again(self, job: str) -> None:
        """Gives a job's secrets again before its next attempt (`SecretCalls`)."""

    def _confide_ahead(self, work: str, names: Iterable[str]) -> None:
        """Gives the controller what is known here of the secrets that a job, or all jobs of a pipeline or a sweep,
        will ask for.
        """
        from .secret import found_of

        found = found_of(sorted(names))
        if found:
            self._call("confide", job=work, values=found)

    def _control(self, kind: str, ref: str, grace: float | None) -> Request:
        job = self.job(ref)
        if job.ended:
            raise LtError("job_has_ended", job=job.name, state=job.state)
        return self._ask(kind, job.id, {"grace": grace, "by": person()}, host=job.host)

    def _attempt(self, job: Job, attempt: int | None) -> int:
        if attempt is not None and not 1 <= attempt <= job.attempt:
            raise LtError("no_such_attempt", job=job.name, attempt=attempt, newest=job.attempt)
        return attempt or job.attempt

    def _with_eta(self, job: Job) -> Job:
        left = queries.eta(self._db, job)
        return replace(job, eta=left) if left is not None else job

    def _ours(self, job: Job) -> Job:
        """The job, if news of it still come here. Raises LtError `job_adopted`."""
        if job.adopted_by and not job.resting:
            raise LtError("job_adopted", job=job.name, by=job.adopted_by)
        return job

    def _again(self, job: Job) -> Job:
        found = queries.find_jobs(self._db, job.id)
        if not found:
            failed = queries.failed_submit(self._db, job.id)
            raise error_from_dict(failed) if failed else LtError("job_removed", job=job.name)
        return found[0]


def _folder_is_missing(job: Job) -> bool:
    """Whether the host was last seen without the job's folder."""
    from .database import load

    said = load(job.message)
    return isinstance(said, dict) and said.get("code") == "job_folder_missing"
