"""Going on with a job on another host, from a checkpoint that is at home; closing hosts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lt_agent.protocol import states
from lt_agent.protocol.errors import LtError

from . import queries
from .base import person
from .hosts import HostCalls
from .jobs import JobCalls
from .models import as_dict

if TYPE_CHECKING:
    from lt_agent.protocol.records import JobSpec

    from .details import Checkpoint, HostInfo, Leaving, Request
    from .models import Job

# Their `host` is the one that the job leaves: another one would not help.
FINAL = frozenset({"checkpoint_not_home", "input_stays_behind"})


def is_between(job: Job) -> bool:
    """Whether its host was given up, and it looks for another one by itself."""
    return job.state == states.QUEUED and (job.waits or {}).get("code") == "elsewhere"


class MoveCalls(HostCalls, JobCalls):
    """The part of the client that speaks of leaving a host."""

    def resume(self, ref: str, from_step: int | str | None = None) -> Request:
        """As `JobCalls.resume`; from home where the host has no such checkpoint any more (`lt gc`)."""
        job = self.job(ref)
        usable = [item for item in queries.checkpoints(self._db, job.id) if item.resumable]
        if from_step is not None:
            usable = [item for item in usable if str(from_step) in (item.name, str(item.step))]
        if job.resting and usable and not any(item.host_state == "present" for item in usable):
            return self.resume_on(ref, job.host, from_step)
        return super().resume(ref, from_step)

    def resume_on(self, ref: str, host: str, from_step: int | str | None = None, *, again: bool = False) -> Request:
        """Goes on with a resting job on another host, from its newest checkpoint at home, or the one of this step or
        name; from the beginning where none was ever made. `again`: as one of the retries that the job has.

        Raises LtError `job_not_resting`, `no_such_checkpoint`, `checkpoint_not_home`, `input_stays_behind`, and what a
        submit to that host raises.
        """
        from lt_agent.protocol.records import JobSpec, ResumeFrom, from_dict, to_dict

        from ..freeze import data_manifest
        from .closing import check_open
        from .planning import check_room, environment, host_variables, known_facts

        job = self.job(ref)
        if not job.resting and not is_between(job):
            raise LtError("job_not_resting", job=job.name, state=job.state)
        info = self.host(host)
        check_open(info)
        client: Any = self  # all of it: `known_facts` may have the host looked at
        facts = known_facts(client, info)
        spec = from_dict(JobSpec, queries.spec(self._db, job.id))
        check_room(info, facts, spec.gpus)
        _check_inputs(spec, job, self._root_of(job.host))
        asked, method, lock, own = _environment_of(spec)
        checkpoint = self._checkpoint_at_home(job, from_step)
        frozen = None
        resume = None
        if checkpoint is not None and checkpoint.path is not None:
            frozen = data_manifest(checkpoint.path, f"{job.name}-{checkpoint.name}", self.home)
            link = f"{frozen.name}/{frozen.digest}"
            resume = ResumeFrom(checkpoint.attempt, checkpoint.name, data=link, step=checkpoint.step)
        params = {
            "host": host,
            "env": to_dict(environment(asked, info, facts, spec.gpus, method, lock)),
            "variables": host_variables(info, own),
            "resume": to_dict(resume) if resume else None,
            "snapshot": frozen.intent() if frozen else None,
            "by": person(),
            "again": again,
        }
        self._confide_again(job.id)
        return self._ask("relocate", job.id, params, host=host)

    def move_on(
        self, ref: str, to: str, from_step: int | str | None = None, *, again: bool = False
    ) -> tuple[Request, str]:
        """As `resume_on`, with the best host of those that `to` stands for (`any`, a label, names); and which it is.

        Raises LtError `no_host_fits{asked, ranking}` and as `resume_on`.
        """
        from .submitting import is_choice

        if not is_choice(to):
            return self.resume_on(ref, to, from_step, again=again), to
        from lt_agent.protocol.records import JobSpec, from_dict

        from .placing import standing_for

        client: Any = self
        job = self.job(ref)
        ranks = standing_for(client, to, from_dict(JobSpec, queries.spec(self._db, job.id)), but=job.host)
        problem: LtError | None = None
        for rank in ranks:
            if not rank.fits:
                continue
            try:
                return self.resume_on(ref, rank.host, from_step, again=again), rank.host
            except LtError as error:
                if error.code in FINAL or "host" not in error.params:
                    raise
                problem = error
        raise problem or LtError("no_host_fits", asked=to, ranking=as_dict(ranks))

    def retire_host(self, name: str, *, force: bool = False) -> HostInfo:
        """Gives a host up for good: nothing new goes there, and its jobs that have not ended count as lost. Should it
        come back, they are stopped there. Raises LtError `not_yet_home` unless `force`.
        """
        from .closing import RETIRED

        leaving = self.leaving(name)
        if leaving.missing and not force:
            names = [f"{job.name}/{checkpoint.name}" for job, checkpoint in leaving.missing]
            raise LtError("host_not_home", host=name, checkpoints=names[:8], count=len(names))
        info = self._close(name, RETIRED)
        self._ask("retire", "", {"host": name, "by": person()})
        return info

    def wait_given_up(self, name: str, timeout: float) -> bool:
        """Waits up to `timeout` seconds until nothing counts as running on a retired host; whether it came to that."""
        deadline = time.monotonic() + timeout
        with self._watch() as watch:
            while any(not job.resting and not is_between(job) for job in queries.jobs(self._db, host=name)):
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                watch.wait(min(left, 5.0))
        return True

    def drain_host(self, name: str, *, save: bool = False) -> Leaving:
        """Nothing new goes there; with `save` what runs or waits is paused (saved first), else it may finish. All
        checkpoints that are there alone are asked home.
        """
        from .closing import DRAINED

        self._close(name, DRAINED)
        leaving = self.leaving(name)
        if save:
            for job in leaving.alive:
                if job.state != states.STOPPING:
                    self.pause(job.id)
        self.bring_home(leaving)
        return leaving

    def reopen_host(self, name: str) -> HostInfo:
        """Lets jobs go there again."""
        return self._close(name, "")

    def bring_home(self, leaving: Leaving) -> None:
        """Asks for what is on the host alone and on its way neither; of a job that runs there, at its end."""
        wanted: dict[str, list[str]] = {}
        for job, item in leaving.missing:
            if item.pull_state not in ("pending", "pulling") and (job.resting or job.host != leaving.host):
                wanted.setdefault(job.id, []).append(item.name)
        for ref, names in wanted.items():
            if not any(request.kind == "pull" for request in queries.open_requests(self._db, ref)):
                self.pull(ref, names)

    def leaving(self, name: str) -> Leaving:
        """How far the host is from being free to go, as it is known now. Raises LtError `no_such_host`."""
        from .details import Leaving

        self.host(name)
        alive = tuple(job for job in queries.jobs(self._db, host=name) if not job.resting and not is_between(job))
        missing, failed, home, size = [], [], 0, 0
        jobs: dict[str, Job] = {}
        for ref, item in queries.made_on(self._db, name):
            if item.pull_state == "pulled":
                home, size = home + 1, size + item.size
            elif item.host_state == "present":
                job = jobs[ref] = jobs.get(ref) or self.job(ref)
                missing.append((job, item))
                if item.pull_state == "failed":
                    failed.append((job, item))
        return Leaving(name, alive, tuple(missing), tuple(failed), home, size)

    def _close(self, name: str, word: str) -> HostInfo:
        self.host(name)
        return self.edit_host(name, {"closed": word or None})

    def _root_of(self, host: str) -> str | None:
        known = queries.host_rows(self._db).get(host, {}).get("facts")
        root = known.get("root") if isinstance(known, Mapping) else None
        return root if isinstance(root, str) else None

    def _checkpoint_at_home(self, job: Job, wanted: int | str | None) -> Checkpoint | None:
        usable = [item for item in queries.checkpoints(self._db, job.id) if item.resumable]
        home = [item for item in usable if item.pull_state == "pulled" and item.path and item.path.is_dir()]
        if wanted is not None:
            home = [item for item in home if str(wanted) in (item.name, str(item.step))]
            if not home and not any(str(wanted) in (item.name, str(item.step)) for item in usable):
                raise LtError("no_such_checkpoint", job=job.name, name=str(wanted), known=[one.name for one in usable])
        if not home and usable:
            raise LtError("checkpoint_not_home", job=job.name, name=usable[-1].name, host=job.host)
        return max(home, key=lambda item: (item.attempt, item.step or 0), default=None)


def _environment_of(spec: JobSpec) -> tuple[Any, str | None, Sequence[str] | None, dict[str, str]]:
    """What the job asks of an environment: its wishes, method, lock, and variables of its own."""
    from lt_recipes.environments import Asked

    if spec.kind != "recipe":
        return Asked(), None, None, {}
    from lt_recipes.schema import METHODS

    recipe = METHODS[str(spec.recipe.get("method"))].model_validate(spec.recipe)
    lock = recipe.lock or (spec.env.packages if recipe.env.lock and spec.env.kind == "locked" else None)
    return recipe.environment, recipe.method, lock, dict(recipe.env.variables)


def _check_inputs(spec: JobSpec, job: Job, root: str | None) -> None:
    """Raises LtError `input_stays_behind` for what another job made on the old host, and was used from there."""
    if root is None:
        return

    def look(value: Any) -> None:
        if isinstance(value, Mapping):
            for item in value.values():
                look(item)
        elif isinstance(value, (list, tuple)):
            for item in value:
                look(item)
        elif isinstance(value, str) and value.startswith(f"{root}/jobs/"):
            raise LtError("input_stays_behind", job=job.name, path=value, host=job.host)

    look(spec.recipe)
    look(spec.inputs)
