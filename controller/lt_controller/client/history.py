"""What earlier runs of the same kind took: seconds a step, start-up, memory at the peak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import queries
from .database import Reader, load, when

if TYPE_CHECKING:
    from .client import Client

NEWEST = 300  # succeeded runs of the method that are looked at
_FEWEST = 3  # steps below which a run says little about one


@dataclass(frozen=True)
class Run:
    """A succeeded run like the one asked about. Seconds and bytes; None where it does not say."""

    job: str
    host: str
    per_step: float
    start_up: float
    rows_a_step: int
    rows_at_once: int
    peak: int | None  # what tensors took on a GPU, or the process's largest size on a CPU
    reserved: int | None  # what the allocator held, on a GPU
    recipe: Mapping[str, Any]


def past_runs(client: Client, recipe: Mapping[str, Any], hosts: Sequence[str] | None = None) -> list[Run]:
    """The runs of the same kind (`kind_of_run`), newest first; on one of `hosts` where that is given."""
    from lt_recipes.estimate.likeness import kind_of_run

    db = client.reader
    wanted, found = kind_of_run(recipe), []
    rows = db.rows(
        "SELECT id, name, host, spec, attempt FROM jobs WHERE state='succeeded' AND kind='recipe' AND method=?"
        " ORDER BY id DESC LIMIT ?",
        (str(recipe.get("method")), NEWEST),
    )
    for row in rows:
        if hosts is not None and row["host"] not in hosts:
            continue
        own = (load(row["spec"]) or {}).get("recipe") or {}
        if kind_of_run(own) == wanted and (run := _measured(db, row, own)) is not None:
            found.append(run)
    return found


def like_hosts(client: Client, host: str) -> list[str]:
    """`host`, and the hosts whose first GPU is of the same name."""
    known = {name: row.get("facts") or {} for name, row in queries.host_rows(client.reader).items()}
    gpu = _gpu(known.get(host, {}))
    return [host, *(name for name, facts in known.items() if gpu and name != host and _gpu(facts) == gpu)]


def _gpu(facts: Mapping[str, Any]) -> str | None:
    gpus = facts.get("gpus") or ()
    return str(gpus[0].get("name")) if gpus else None


def _measured(db: Reader, row: Any, recipe: Mapping[str, Any]) -> Run | None:
    from lt_recipes.estimate.likeness import rows_a_step, rows_at_once

    said = (row["id"], row["attempt"])
    ends = db.row(
        "SELECT min(step) AS first, max(step) AS last, min(time) AS began, max(time) AS ended"
        " FROM metrics WHERE job_id=? AND attempt=? AND name='loss'",
        said,
    )
    began, ended = (when(ends["began"]), when(ends["ended"])) if ends else (None, None)
    if ends is None or began is None or ended is None or ends["last"] - ends["first"] < _FEWEST:
        return None
    per_step = (ended - began).total_seconds() / (ends["last"] - ends["first"])
    attempt = db.row("SELECT started_at FROM attempts WHERE job_id=? AND attempt=?", said)
    started = when(attempt["started_at"]) if attempt else None
    waited = (began - started).total_seconds() - per_step if started else 0.0
    peaks = {
        peak["name"]: int(peak["value"])
        for peak in db.rows(
            "SELECT name, max(value) AS value FROM metrics WHERE job_id=? AND name IN ('memory/peak','memory/reserved')"
            " GROUP BY name",
            (row["id"],),
        )
        if peak["value"] is not None
    }
    return Run(
        job=row["name"],
        host=row["host"],
        per_step=per_step,
        start_up=max(0.0, waited),
        rows_a_step=rows_a_step(recipe),
        rows_at_once=rows_at_once(recipe),
        peak=peaks.get("memory/peak"),
        reserved=peaks.get("memory/reserved"),
        recipe=recipe,
    )
