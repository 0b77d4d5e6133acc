"""Pipelines, carried on: a stage's job is submitted when all that the stage needs has succeeded.

Nothing is remembered here. What has begun is known by the job's id, which was written down with the person's request:
`orders.submit` submits it once, however often it is asked, so that a controller that is killed anywhere makes no stage
run twice.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

from lt_agent.protocol import states
from lt_agent.protocol.errors import LtError

from ..client import orders
from ..client.data import made_by
from ..client.orders import Order
from ..client.stages import Pipeline, Stage
from ..journal import fault
from ..store import intents, pipelines
from ..store.writer import Writer
from ..wording.exits import UNREACHABLE, exit_code
from .flows import PASSING, Inside
from .patience import Patience

LATER = 30.0  # seconds until what a host's absence, or the like, kept from being submitted is tried again
_NOT_BEGUN = ("ready", "pending", "blocked", "refused")
_NOT_NOW = ("host_is_unreachable", "host_is_needs_login", "host_never_seen", "output_not_home")
_FINAL = frozenset(
    {"no_such_host", "no_such_job", "job_adopted", "job_removed", "no_such_checkpoint", "checkpoint_gone"}
)


class PipelineDriver:
    """The driver of `flows` for pipelines."""

    def __init__(self, client: Inside, writer: Writer) -> None:
        self._client = client
        self._writer = writer
        self._asleep: frozenset[str] = frozenset()
        self._patience = Patience(client.home.hosts_file)

    def advance(self) -> float | None:
        """Takes what people ask, submits what is ready, and says of what has ended how it did."""
        if self._take():
            self._patience.clear()
            self._client.wake()
        for identity in self._writer.read(pipelines.alive_again):
            self._writer.run("flows", pipelines.revive, identity)
        later: float | None = None
        asleep = set()
        for identity in self._writer.read(pipelines.going_on):
            try:
                if self._submit(self._client.pipeline(identity)):
                    later = LATER
                if self._settled(self._client.pipeline(identity)):
                    asleep.add(identity)
            except Exception as error:  # what is wrong with one must not hold up the others
                if isinstance(error, LtError) and error.code == "controller_gone":
                    raise
                fault()
                later = LATER
        self._asleep = frozenset(asleep)
        return later

    def busy(self) -> bool:
        """Whether a pipeline goes on by itself, or something was asked. One whose only jobs are paused sleeps."""
        return bool(self._writer.read(_work) - self._asleep)

    def _take(self) -> bool:
        asked = self._writer.read(pipelines.pending)
        for intent in asked:
            try:
                self._writer.run("flows", pipelines.take, intent)
            except sqlite3.OperationalError:
                raise  # the database's trouble, not this request's
            except Exception as error:  # one that can't be read must not stop those after it
                known = error if isinstance(error, LtError) else LtError("bad_intent", why=str(error))
                self._writer.run("flows", intents.failed, intent.id, known)
        return bool(asked)

    def _submit(self, pipeline: Pipeline) -> bool:
        """Submits the stages that are ready; whether one has to be tried again later."""
        later = False
        for stage in pipeline.stages if pipeline.state == pipelines.RUNNING else ():
            if stage.state != "ready":
                continue
            if self._patience.left(stage.job):
                later = True
                continue
            waits: LtError | None
            try:
                waits = self._one(pipeline, stage)
            except LtError as error:
                if error.code == "controller_gone":
                    raise
                if not _passes(error):
                    self._writer.run("flows", pipelines.refuse, pipeline.id, stage.name, error)
                    continue
                self._patience.put_off(stage.job, LATER / 2)
                waits = error
            if waits is None and stage.waits is None:
                continue
            if waits is None or waits.as_dict() != stage.waits:
                self._writer.run("flows", pipelines.wait, pipeline.id, stage.name, waits)
            later = later or waits is not None
        return later

    def _one(self, pipeline: Pipeline, stage: Stage) -> LtError | None:
        """Submits the stage's job; what it has to wait for first. Raises LtError if it can't be, now or ever."""
        order = Order.from_json(stage.work)
        made = {one.name: one.job for one in pipeline.stages}
        because = f"lt pipeline run {pipeline.name}: {stage.name}"
        try:
            orders.submit(self._client, order, stage.asked, stage.job, stage.job_name, jobs=made, because=because)
        except LtError as error:
            if error.code not in ("output_not_home", "no_host_fits"):
                raise
            if not self._bring_home(pipeline.id, [_become(value, made) for value in order.uses.values()]):
                raise
            return LtError("outputs_on_their_way", stage=stage.name)
        return None

    def _bring_home(self, pipeline: str, wanted: Sequence[str]) -> bool:
        """Has what jobs have made pulled and verified, however often that fails; whether any of it is on its way.

        Raises LtError `checkpoint_gone`, and what the host's end or another's job says of a pull that was just asked.
        """
        on_its_way = False
        for value in wanted:
            made, _ = made_by(self._client, value)
            job = self._client.job(value.partition("/")[0])
            if made.path is not None and made.path.is_dir():
                continue
            on_its_way = True
            if made.pull_state in ("pending", "pulling"):
                continue
            if made.host_state != "present":
                raise LtError("checkpoint_gone", job=job.name, name=made.name)
            if self._may_ask(pipeline, job.id):
                self._client.pull(job.id, [made.name])
        return on_its_way

    def _may_ask(self, pipeline: str, job: str) -> bool:
        """Whether a pull is to be asked for: none is under way or failed just now. Raises what will not pass."""
        newest = self._writer.read(pipelines.newest_pull, pipeline, job)
        if newest is None:
            return True
        state, error, since = newest
        if state in ("pending", "doing"):
            return False
        just_now = 0 <= time.time() - since < LATER
        if just_now and error is not None and error.code in _FINAL:
            raise error
        return not just_now

    def _settled(self, pipeline: Pipeline) -> bool:
        """Writes down how a pipeline has ended that has; whether nothing of it goes on without a person."""
        found = {stage.state for stage in pipeline.stages}
        if any(state not in states.RESTING and state not in _NOT_BEGUN for state in found):
            return False
        if pipeline.state == pipelines.STOPPING:
            self._end(pipeline, pipelines.STOPPED)
        elif found == {states.SUCCEEDED}:
            self._end(pipeline, pipelines.SUCCEEDED)
        elif "ready" in found:
            return False
        elif states.PAUSED not in found:
            self._end(pipeline, pipelines.FAILED)
        return True

    def _end(self, pipeline: Pipeline, state: str) -> None:
        self._writer.run("flows", pipelines.settle, pipeline.id, state)


def _become(value: str, jobs: dict[str, str]) -> str:
    name, slash, rest = value.partition("/")
    return jobs[name] + slash + rest


def _passes(error: LtError) -> bool:
    """Whether it may be otherwise by itself, or once a file is mended, and nothing is wrong with the stage."""
    if error.code == "no_host_fits":
        ranking = error.params.get("ranking") or ()
        return any(str(rank.get("passed_over")) in _NOT_NOW for rank in ranking)
    return error.code in PASSING or exit_code(error.code) == UNREACHABLE


def _work(db: sqlite3.Connection) -> set[str]:
    return {*pipelines.going_on(db), *(intent.id for intent in pipelines.pending(db))}
