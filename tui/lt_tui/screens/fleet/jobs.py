"""The fleet's jobs as columns; other screens that list jobs use them, too."""

from __future__ import annotations

from collections.abc import Callable

from lt_controller.client import Job
from lt_controller.client.fleet import Fleet

from ...glyphs import sparkline
from ...palette import tone
from ...text import Cell, duration, number, plain, progress_cell, short_ago, sign, state_word, steps, why
from ...widgets.table import Column


def job_columns(fleet: Callable[[], Fleet | None]) -> list[Column[Job]]:
    """`fleet` is what was read last: curves and how the hosts answer."""

    def losses(job: Job) -> tuple[float, ...]:
        known = fleet()
        return known.curves.get(job.id, ()) if known else ()

    def loss(job: Job) -> float | None:
        return (losses(job) or (None,))[-1]

    seen: tuple[Fleet | None, dict[str, str]] = (None, {})

    def reach(job: Job) -> str:
        nonlocal seen
        known = fleet()
        if seen[0] is not known:
            seen = known, {info.name: info.state for info in known.hosts} if known else {}
        return seen[1].get(job.host, "")

    def host(job: Job, _width: int) -> Cell:
        state = "" if job.resting else reach(job)
        if state in ("unreachable", "refused"):
            return ((job.host, ""), (f" {sign(state)[0]}", tone(state)))
        return job.host

    def reason(job: Job, _width: int) -> Cell:
        if not job.resting and reach(job) in ("unreachable", "refused"):
            return ((state_word(reach(job)), "warn"),)
        return ((why(job), "dim" if job.state in ("succeeded", "cancelled", "paused") else tone(job.state) or "dim"),)

    def rests(job: Job) -> bool:
        """Why it does not run says more than how far it is."""
        live = job.state in ("running", "stopping", "succeeded", "cancelled", "paused")
        return not live and bool(plain(reason(job, 0)))

    return [
        Column("job", "JOB", 14, lambda job, _w: ((job.name, "bold" if not job.resting else ""),), grow=2),
        Column("host", "HOST", 8, host, text=lambda job: job.host, grow=1),
        Column("state", "STATE", 11, _state, text=lambda job: job.state),
        Column("step", "PROGRESS", 13, progress_cell, sort=_share, grow=1, weight=3, text=steps),
        Column("loss", "LOSS", 6, lambda job, _w: number(loss(job)), sort=loss, right=True, weight=2),
        Column("", "", 10, lambda job, w: ((sparkline(losses(job), w), "run"),), grow=1, weight=5),
        Column("left", "LEFT", 7, lambda job, _w: _left(job), sort=lambda job: job.eta, right=True, weight=4),
        Column("home", "HOME", 4, _home, text=lambda job: job.pull_state, weight=7),
        Column("age", "AGE", 4, lambda job, _w: ((_age(job), "dim"),), sort=lambda job: job.id, right=True, weight=6),
        Column("why", "WHY", 10, reason, grow=3, weight=8, over=("step", rests)),
    ]


def _state(job: Job, _width: int) -> Cell:
    mark, colour = sign(job.state)
    return ((f"{mark} {state_word(job.state)}", colour),)


def _home(job: Job, _width: int) -> Cell:
    mark, colour = sign(job.pull_state)
    return ((f" {mark}", colour),)


def _share(job: Job) -> float | None:
    return (job.step or 0) / job.total_steps if job.total_steps else None


def _left(job: Job) -> str:
    return duration(job.eta) if job.eta is not None else ""


def _age(job: Job) -> str:
    return short_ago(job.created_at)
