"""The part of the client that speaks of sweeps: starting and reading them, and asking for their stop."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.ulid import new_ulid

from ..store import sweeps as stored
from .base import near, person
from .database import load, when
from .jobs import JobCalls

if TYPE_CHECKING:
    from .details import Plan, Request
    from .trials import Sweep, Trial
    from .wishing import Wishes


class SweepCalls(JobCalls):
    """The part of the client that speaks of sweeps. A `ref` is a name, an id, or a unique beginning of either."""

    def has_sweep(
        self, recipe: str, overrides: Sequence[str] = (), folder: str | os.PathLike[str] | None = None
    ) -> bool:
        """Whether a recipe has a `sweep:`, without checking it; of what can't be read, that it has none."""
        from lt_recipes.loading import read_source
        from lt_recipes.problems import RecipeError

        try:
            data = read_source(recipe, overrides, Path(folder or Path.cwd()))[1].data
        except RecipeError:
            return False
        return isinstance(data, dict) and data.get("sweep") is not None

    def start_sweep(
        self,
        hosts: str,
        recipe: str,
        overrides: Sequence[str] = (),
        *,
        name: str | None = None,
        folder: str | os.PathLike[str] | None = None,
        wishes: Wishes | None = None,
    ) -> Sweep:
        """Starts the sweep of a recipe over `hosts` (as `submit` takes them); `wishes` are each trial's.

        Every trial that can be is checked before it returns, and what is sent is fixed: recipe, folder, data.
        Raises LtError `no_sweep`, `optuna_missing`, and as `submit`.
        """
        from .orders import check_not_plain, secrets_of
        from .planning import job_name
        from .sweeping import plan_sweep

        plan = plan_sweep(self._whole(), hosts, recipe, overrides, Path(folder or Path.cwd()), wishes)
        check_not_plain(plan.order, plan.to_json())
        sweep = new_ulid()
        called = job_name(name, plan.title, sweep)
        taken = "SELECT 1 FROM sweeps WHERE name=?1 UNION ALL SELECT 1 FROM jobs WHERE name GLOB ?2"
        if self.reader.rows(taken, (called, f"{called}-[0-9]*")):
            raise LtError("name_taken", name=called)
        params = {"sweep": sweep, "name": called, "hosts": hosts, "recipe": plan.title, "plan": plan.to_json()}
        told = {"hosts": hosts, "recipe": plan.title, "trials": plan.total}
        self._confide_ahead(sweep, secrets_of(plan.order))
        self.settle(self._ask("sweep", sweep, {**params, "told": told, "by": person()}), 30.0)
        row = self.reader.row("SELECT * FROM sweeps WHERE id=?", (sweep,))
        # A controller that is busy with other hosts will take it up: it is written down.
        fresh = {"id": sweep, **params, "plan": json.dumps(params["plan"]), "state": stored.RUNNING, "error": None}
        return self._sweep(row or {**fresh, "created_at": None, "finished_at": None})

    def plan_sweep(
        self,
        hosts: str,
        recipe: str,
        overrides: Sequence[str] = (),
        *,
        folder: str | os.PathLike[str] | None = None,
        wishes: Wishes | None = None,
    ) -> tuple[list[dict[str, Any]], int, Plan]:
        """What `start_sweep` would do, and nothing done: the values of each trial (of a search: of the first), how
        many there will be, and the first one's submit. Raises as `start_sweep`."""
        from . import orders
        from .sweeping import plan_sweep, read_sweep

        where = Path(folder or Path.cwd())
        plan = plan_sweep(self._whole(), hosts, recipe, overrides, where, wishes)
        found = read_sweep(recipe, overrides, where)
        trials = found.trials if found is not None else []
        if not trials:
            from ..searching import suggest

            trials = [suggest(plan.section, [], 1)]
        order, said = plan.trial_order(trials[0])
        return trials, plan.total, orders.draft(self._whole(), order, hosts, overrides=said).plan(self._whole())

    def sweeps(self) -> list[Sweep]:
        """All sweeps, oldest first."""
        return [self._sweep(row) for row in self.reader.rows("SELECT * FROM sweeps ORDER BY id")]

    def sweep(self, ref: str) -> Sweep:
        """One sweep. Raises LtError `no_such_sweep`, `ambiguous_sweep`."""
        rows = self.reader.rows("SELECT * FROM sweeps WHERE name=?1 OR id=?1", (ref,)) or self.reader.rows(
            "SELECT * FROM sweeps WHERE substr(name, 1, length(?1))=?1 OR substr(id, 1, length(?1))=upper(?1)", (ref,)
        )
        if not rows:
            names = [str(row["name"]) for row in self.reader.rows("SELECT name FROM sweeps")]
            raise LtError("no_such_sweep", ref=ref, near=near(ref, names))
        if len(rows) > 1:
            raise LtError("ambiguous_sweep", ref=ref, sweeps=[row["name"] for row in rows[:8]], count=len(rows))
        return self._sweep(rows[0])

    def stop_sweep(self, ref: str) -> Request:
        """Begins no further trial and stops those that are under way, saved first. Raises LtError `sweep_is_over`."""
        sweep = self.sweep(ref)
        if not sweep.alive:
            raise LtError("sweep_is_over", sweep=sweep.name, state=sweep.state)
        told = {"sweep": sweep.id, "name": sweep.name}
        return self._ask("sweep_stop", sweep.id, {**told, "told": told, "by": person()})

    def resume_sweep(self, ref: str) -> Request:
        """Goes on: trials that were stopped or have failed are taken up again, each as the job it was; then the rest.

        Raises LtError `sweep_goes_on`, `sweep_is_done` where nothing is left to do.
        """
        sweep = self.sweep(ref)
        if sweep.alive:
            raise LtError("sweep_goes_on", sweep=sweep.name)
        again = [trial for trial in sweep.trials if trial.state in (stored.STOPPED, stored.FAILED)]
        gone = "SELECT id, removed OR adopted_by IS NOT NULL AS gone FROM jobs"
        known = {row["id"]: row["gone"] for row in self.reader.rows(gone)}
        trials = [
            (trial.number, None if trial.job_id in known else new_ulid())
            for trial in again
            if not known.get(trial.job_id)
        ]
        if not trials and len(sweep.trials) >= sweep.total:
            raise LtError("sweep_is_done", sweep=sweep.name)
        told = {"sweep": sweep.id, "name": sweep.name, "trials": [number for number, _ in trials]}
        self._confide_ahead(sweep.id, self._secrets_of_sweep(sweep.id))
        return self._ask("sweep_resume", sweep.id, {**told, "trials": trials, "told": told, "by": person()})

    def wait_for_sweep(self, ref: str, timeout: float | None = None) -> Sweep:
        """Waits until it has come to its end. Raises LtError `sweep_wait_timeout` after `timeout` seconds."""
        import time

        sweep = self.sweep(ref)
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._watch(keep_running=sweep.alive) as watch:
            while sweep.alive:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise LtError("sweep_wait_timeout", sweep=sweep.name, seconds=timeout)
                watch.wait(left)
                sweep = self.sweep(sweep.id)
        return sweep

    def importances(self, ref: str) -> dict[str, float]:
        """How much each key matters to the value, as shares of one; empty where that can't be told yet.

        Raises LtError `optuna_missing`.
        """
        from lt_recipes.schema.sweep import SweepSection

        from ..searching import Past, importances

        sweep = self.sweep(ref)
        row = self.reader.row("SELECT plan FROM sweeps WHERE id=?", (sweep.id,))
        section = SweepSection.model_validate((load(row["plan"]) if row else {})["section"])
        done = [trial for trial in sweep.trials if trial.state == stored.SUCCEEDED]
        return importances(section, [Past(trial.params, value=trial.value) for trial in done])

    def _secrets_of_sweep(self, sweep: str) -> tuple[str, ...]:
        from .orders import Order, secrets_of

        row = self.reader.row("SELECT plan FROM sweeps WHERE id=?", (sweep,))
        return secrets_of(Order.from_json((load(row["plan"]) if row else {})["order"]))

    def _sweep(self, row: Any) -> Sweep:
        from .trials import Sweep

        plan = load(row["plan"]) or {}
        section = plan.get("section") or {}
        metric = section.get("metric")
        return Sweep(
            id=row["id"],
            name=row["name"],
            hosts=row["hosts"],
            recipe=row["recipe"],
            state=row["state"],
            metric=metric,
            direction=section.get("direction") or "minimize",
            total=plan.get("total") or 0,
            concurrency=plan.get("concurrency") or 1,
            keys=tuple(section.get("grid") or section.get("search") or ()),
            trials=tuple(self._trials(row["id"], metric)),
            error=load(row["error"]),
            created_at=when(row["created_at"]),
            finished_at=when(row["finished_at"]),
        )

    def _trials(self, sweep: str, metric: str | None) -> list[Trial]:
        rows = self.reader.rows(
            "SELECT t.*, j.state AS job_state, j.kind, j.host, j.step AS job_step, j.total_steps, j.reason, j.message,"
            " j.exit_code, j.pull_state FROM trials t LEFT JOIN jobs j ON j.id=t.job_id AND j.removed=0"
            " WHERE t.sweep_id=? ORDER BY t.number",
            (sweep,),
        )
        spent = stored.seconds((row[0], row[1], row[2]) for row in self.reader.rows(stored.ATTEMPTS, (sweep,)))
        return [self._trial(row, metric, spent.get(row["job_id"], 0.0)) for row in rows]

    def _trial(self, row: Any, metric: str | None, seconds: float) -> Trial:
        from .trials import Trial

        over = row["state"] in stored.OVER
        state = row["state"] if over or row["state"] == stored.PRUNING else row["job_state"] or "queued"
        value, at = row["value"], row["step"]
        if not over and metric is not None and row["job_state"] is not None:
            newest = self.reader.row(
                "SELECT step, value FROM metrics WHERE job_id=? AND name=? AND value IS NOT NULL"
                " ORDER BY attempt DESC, step DESC LIMIT 1",
                (row["job_id"], metric),
            )
            value, at = (newest["value"], newest["step"]) if newest else (None, None)
        return Trial(
            number=row["number"],
            job=row["job_name"],
            job_id=row["job_id"],
            state=state,
            params=load(row["params"]) or {},
            value=value,
            at=at,
            kind=row["kind"],
            host=row["host"],
            step=row["job_step"],
            total_steps=row["total_steps"],
            reason=row["reason"],
            message=row["message"],
            exit_code=row["exit_code"],
            error=load(row["error"]),
            seconds=seconds,
            pulled=row["pull_state"] == "pulled",
        )

    def _whole(self) -> Any:
        """This object, which has the other parts of the client as well."""
        return self
