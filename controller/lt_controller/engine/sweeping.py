"""The driver of sweeps: begins trials while there is room, writes down how they end, prunes, and knows when it is over.

All it knows is in the database. A trial's job id is written down before the job is submitted, and a submit of an id
happens once, so whoever is killed at any point and starts again repeats no trial and loses none.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lt_agent.protocol import states
from lt_agent.protocol.errors import LtError, error_from_dict
from lt_agent.protocol.ulid import new_ulid

from ..client import Client
from ..journal import fault, note
from ..pruning import Report, behind_median, behind_rung
from ..searching import AT_WORK, COMPLETE, PRUNED, Past
from ..store import intents, sweeps
from ..store.sweeps import SweepRow, TrialRow
from ..store.writer import Writer
from .flows import PASSING
from .patience import Patience

if TYPE_CHECKING:
    from ..client.sweeping import SweepPlan

JUDGE_EVERY = 2.0  # seconds between two looks at the metrics of trials that may be pruned
TRY_AGAIN = 15.0  # seconds until hosts that could not take a trial are asked again
ROOM_EVERY = 10.0  # seconds between two looks at how many slots the hosts have
_NEVER_STOPS = ("no_such_host", "job_adopted")  # why a job can't be stopped from here, however often it is asked
AT_ONCE = 0.2  # seconds: the next trial, once the one before has become a job and counts as its host's load


class Sweeps:
    """A driver for `engine.flows`."""

    def __init__(self, client: Client, writer: Writer) -> None:
        self._client = client
        self._writer = writer
        self._plans: dict[str, SweepPlan] = {}
        self._patience = Patience(client.home.hosts_file)
        self._rooms: dict[str, tuple[float, int]] = {}  # when it was looked at, and how many trials may run
        self._busy = True  # until the first look

    def busy(self) -> bool:
        """Whether a sweep is under way, as far as the last look told."""
        return self._busy

    def advance(self) -> float | None:
        """Takes what was asked, then one step of every open sweep."""
        for intent in self._writer.read(sweeps.pending):
            self._patience.clear()
            try:
                self._writer.run("sweeps", sweeps.take, intent)
            except sqlite3.OperationalError:
                raise  # the database's trouble, not this request's
            except Exception as error:  # one that can't be read must not stop those after it
                known = error if isinstance(error, LtError) else LtError("bad_intent", why=str(error))
                self._writer.run("sweeps", intents.failed, intent.id, known)
        found = self._writer.read(sweeps.open_sweeps)
        self._busy = bool(found)
        self._plans = {sweep.id: self._plans[sweep.id] for sweep in found if sweep.id in self._plans}
        self._rooms = {sweep.id: self._rooms[sweep.id] for sweep in found if sweep.id in self._rooms}
        waits = [again for sweep in found if (again := self._one(sweep)) is not None]
        return min(waits, default=None)

    def _one(self, sweep: SweepRow) -> float | None:
        try:
            plan = self._plan(sweep)
        except (ValueError, TypeError, KeyError) as error:  # what is written down can't be read, now or later
            note(f"sweep {sweep.name}: {error}")
            self._writer.run(
                "sweeps", sweeps.sweep_over, sweep.id, sweeps.FAILED, LtError("bad_intent", why=str(error))
            )
            return None
        try:
            return _Sweep(self._client, self._writer, sweep, plan, self._patience, self._room(sweep, plan)).step()
        except Exception as error:  # what is wrong with one must not hold up the others
            if isinstance(error, LtError) and error.code == "controller_gone":
                raise
            fault()
            known = error if isinstance(error, LtError) else LtError("internal", why=f"{type(error).__name__}: {error}")
            self._writer.run("sweeps", sweeps.waits, sweep.id, known)
            return TRY_AGAIN

    def _room(self, sweep: SweepRow, plan: SweepPlan) -> int:
        """How many trials may be under way: hosts come and go while a sweep runs."""
        from ..client.sweeping import places

        if plan.section.concurrency:
            return plan.concurrency
        looked, room = self._rooms.get(sweep.id, (-ROOM_EVERY, plan.concurrency))
        if time.monotonic() - looked >= ROOM_EVERY:
            with contextlib.suppress(LtError):  # no host is meant today, a person is at the hosts' file: as before
                room = places(self._client, sweep.hosts, plan.gpus)
            self._rooms[sweep.id] = (time.monotonic(), room)
        return room

    def _plan(self, sweep: SweepRow) -> SweepPlan:
        from ..client.sweeping import SweepPlan

        if sweep.id not in self._plans:
            self._plans[sweep.id] = SweepPlan.from_json(sweep.plan)
        return self._plans[sweep.id]


class _Sweep:
    """One step of one sweep."""

    def __init__(
        self, client: Client, writer: Writer, sweep: SweepRow, plan: SweepPlan, patience: Patience, room: int
    ) -> None:
        self._patience = patience
        self._room = room
        self._client = client
        self._writer = writer
        self._sweep = sweep
        self._plan = plan
        self._section = plan.section

    def step(self) -> float | None:
        """Does what can be done now; seconds after which there may be more without news."""
        trials = self._trials()
        waits: list[float | None] = []
        for trial in trials:
            now = self._note_begun(trial) if trial.state in sweeps.TO_COME else trial
            if not now.over and now.state not in sweeps.TO_COME:
                waits.append(self._see_to(now))
        trials = self._trials()
        left = [trial for trial in trials if not trial.over]
        if self._sweep.state == sweeps.STOPPING:
            return self._stop(left)
        wait = _soonest([*waits, self._prune(trials)])
        ending = self._ending(trials)
        if ending is None:
            again = self._begin(trials, left)
            return _soonest([wait, again])
        if all(trial.state in sweeps.TO_COME for trial in left):
            self._writer.run("sweeps", sweeps.sweep_over, self._sweep.id, *ending)
        return wait

    def _trials(self) -> list[TrialRow]:
        return self._writer.read(sweeps.trials, self._sweep.id)

    def _note_begun(self, trial: TrialRow) -> TrialRow:
        """The trial, begun if it was: whoever was killed after the submit, or the resume, and before writing it down,
        did so all the same; and a person may have resumed the job, which may have succeeded by now."""
        from ..client import orders

        if trial.state == sweeps.PLANNED:
            begun = trial.job_state is not None or orders.submitted(self._client, trial.job)
        else:
            begun = trial.job_state is not None and trial.job_state not in states.RESTING - {states.SUCCEEDED}
        if not begun:
            return trial
        self._writer.run("sweeps", sweeps.submitted, self._sweep.id, trial.number)
        return trial._replace(state=sweeps.SUBMITTED)

    # -- how trials end

    def _see_to(self, trial: TrialRow) -> float | None:
        """Writes down how a trial has ended, if it has; stops one that is to be pruned, as `_stop_job`."""
        if trial.job_state is None:
            if trial.refused is not None:
                self._over(trial, sweeps.FAILED, error=error_from_dict(trial.refused))
        elif sweeps.job_has_ended(trial.job_state):
            outcome = {states.SUCCEEDED: sweeps.SUCCEEDED, states.CANCELLED: sweeps.STOPPED, "removed": sweeps.STOPPED}
            outcome[sweeps.ADOPTED] = sweeps.STOPPED
            state = outcome.get(trial.job_state, sweeps.FAILED)
            adopted = LtError("job_adopted", job=trial.name, by=trial.adopted_by)
            if state == sweeps.STOPPED and trial.state == sweeps.PRUNING:
                state = sweeps.PRUNED
            self._over(trial, state, error=adopted if trial.job_state == sweeps.ADOPTED else None)
        elif trial.state == sweeps.PRUNING:
            return self._stop_job(trial)
        return None

    def _over(self, trial: TrialRow, state: str, error: LtError | None = None) -> None:
        value, step = self._value(trial)
        self._writer.run("sweeps", sweeps.trial_over, self._sweep.id, trial.number, state, value, step, error)

    def _value(self, trial: TrialRow) -> tuple[float | None, int | None]:
        """What the trial counts by, and the step of it."""
        curve = self._curve(trial)
        if not curve:
            return None, None
        step = max(curve)
        if self._section.value == "best":
            pick = min if self._lower else max
            step = pick(curve, key=lambda at: curve[at])
        return curve[step], step

    @property
    def _lower(self) -> bool:
        return self._section.direction == "minimize"

    def _curve(self, trial: TrialRow) -> dict[int, float]:
        if self._section.metric is None:
            return {}
        return self._writer.read(sweeps.curve, trial.job, self._section.metric)

    def _stop_job(self, trial: TrialRow) -> float | None:
        """Asks the job to stop, once; seconds until there is more to do where that was refused."""
        asked = self._writer.read(sweeps.stop_asked, trial.job)
        if trial.job_state == states.STOPPING or (asked is not None and asked.state == "pending"):
            return None
        if asked is not None and asked.error is not None and asked.age < TRY_AGAIN:
            error = error_from_dict(asked.error)
            if error.code not in _NEVER_STOPS:
                return TRY_AGAIN - asked.age
            self._over(trial, sweeps.PRUNED if trial.state == sweeps.PRUNING else sweeps.STOPPED, error)
            return AT_ONCE
        with contextlib.suppress(LtError):  # it has just ended, or been removed: the next look tells
            self._client.stop(trial.job)
        return None

    def _stop(self, left: Sequence[TrialRow]) -> float | None:
        waits: list[float | None] = []
        for trial in left:
            if trial.state in sweeps.TO_COME:
                self._over(trial, sweeps.STOPPED)
            elif trial.job_state is not None and not sweeps.job_has_ended(trial.job_state):
                waits.append(self._stop_job(trial))
        if not left:
            self._writer.run("sweeps", sweeps.sweep_over, self._sweep.id, sweeps.STOPPED)
        return AT_ONCE if any(trial.job_state is None for trial in left) else _soonest(waits)

    # -- pruning

    def _prune(self, trials: Sequence[TrialRow]) -> float | None:
        running = [t for t in trials if t.state == sweeps.SUBMITTED and t.job_state == states.RUNNING]
        if self._section.pruner == "none" or not running:
            return None
        reports = {t.number: Report(t.number, self._curve(t), t.state == sweeps.SUCCEEDED) for t in trials}
        for trial in running:
            mine = reports[trial.number]
            newest = max(mine.steps, default=-1)
            if newest <= trial.judged:
                continue
            others = [report for report in reports.values() if report.number != trial.number]
            behind = self._is_behind(mine, others, trial.judged)
            self._writer.run("sweeps", sweeps.judged, self._sweep.id, trial.number, newest, behind)
            if behind:
                self._stop_job(trial)
        return JUDGE_EVERY

    def _is_behind(self, mine: Report, others: Sequence[Report], judged: int) -> bool:
        warmup = self._section.warmup_steps
        if self._section.pruner == "median":
            startup = self._section.startup_trials
            return behind_median(mine, others, lower=self._lower, warmup=warmup, startup=startup)
        return behind_rung(mine, others, lower=self._lower, judged=judged, warmup=warmup)

    # -- how trials begin

    def _ending(self, trials: Sequence[TrialRow]) -> tuple[str, LtError | None] | None:
        """How the sweep ends once what is at work has ended; None while further trials are to begin."""
        limit = self._section.stop_after_failures
        ended = [trial for trial in trials if trial.over]
        if limit and len(ended) >= limit and all(trial.state == sweeps.FAILED for trial in ended[-limit:]):
            return sweeps.FAILED, LtError("trials_failing", sweep=self._sweep.name, count=limit, job=ended[-1].name)
        planned = any(trial.state in sweeps.TO_COME for trial in trials)
        if len(trials) >= self._plan.total and not planned:
            return sweeps.DONE, None
        budget = self._section.budget
        if budget is not None and not planned and sum(trial.seconds for trial in trials) >= budget:
            return sweeps.DONE, LtError("budget_spent", sweep=self._sweep.name, seconds=budget)
        return None

    def _begin(self, trials: Sequence[TrialRow], left: Sequence[TrialRow]) -> float | None:
        """The next trial, if there is room: one at a time, so that the next one sees what this one takes."""
        at_work = [trial for trial in left if trial.state not in sweeps.TO_COME]
        if any(trial.job_state is None for trial in at_work):
            return AT_ONCE
        if len(at_work) >= self._room:
            return None
        trial = next((trial for trial in left if trial.state in sweeps.TO_COME), None)
        if trial is None:
            if len(trials) >= self._plan.total:
                return None
            trial = self._write_down(trials)
        if left_to_wait := self._patience.left(self._sweep.id):
            return left_to_wait
        try:
            self._hand_in(trial)
        except LtError as error:
            return self._not_begun(trial, error)
        self._writer.run("sweeps", sweeps.submitted, self._sweep.id, trial.number)
        if self._sweep.error is not None:
            self._writer.run("sweeps", sweeps.waits, self._sweep.id, None)
        return AT_ONCE

    def _hand_in(self, trial: TrialRow) -> None:
        from ..client import orders

        if trial.state == sweeps.RESUMING:
            self._client.resume(trial.job)
            return
        order, said = self._plan.trial_order(trial.params)
        hosts, because = self._sweep.hosts, f"lt sweep run: {self._sweep.name}"
        orders.submit(self._client, order, hosts, trial.job, trial.name, overrides=said, because=because)

    def _write_down(self, trials: Sequence[TrialRow]) -> TrialRow:
        number = len(trials) + 1
        params = self._params(trials, number)
        job = new_ulid()
        name = f"{self._sweep.name}-{number:0{len(str(self._plan.total))}}"
        self._writer.run("sweeps", sweeps.add_trial, self._sweep.id, number, job, name, params)
        return TrialRow(number, job, name, params, sweeps.PLANNED, None, None, -1, None, 0.0, None)

    def _params(self, trials: Sequence[TrialRow], number: int) -> dict[str, object]:
        if self._section.grid:
            from lt_recipes.sweeping import expand

            return expand(self._section.grid)[number - 1]
        from ..searching import suggest

        return suggest(self._section, [past(t, self._curve(t)) for t in trials if t.state != sweeps.FAILED], number)

    def _not_begun(self, trial: TrialRow, error: LtError) -> float:
        """Hosts that can't take it now may later; what is wrong with the trial itself ends it."""
        if error.code == "controller_gone":
            raise error
        if error.code in PASSING or error.code == "no_host_fits" or "host" in error.params:
            self._writer.run("sweeps", sweeps.waits, self._sweep.id, error)
            return self._patience.put_off(self._sweep.id, TRY_AGAIN)
        self._over(trial, sweeps.FAILED, error)
        return AT_ONCE


def _soonest(waits: Sequence[float | None]) -> float | None:
    return min((seconds for seconds in waits if seconds is not None), default=None)


def past(trial: TrialRow, curve: dict[int, float]) -> Past:
    """A trial as a search learns from it."""
    if trial.state == sweeps.SUCCEEDED:
        return Past(trial.params, COMPLETE, trial.value, curve)
    if trial.state in (sweeps.PRUNED, sweeps.STOPPED):
        return Past(trial.params, PRUNED, None, curve)
    return Past(trial.params, AT_WORK, None, curve)
