"""How it went: success, waiting and speed of past jobs, by host, by recipe, or by both. A part of `Client`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from lt_agent.protocol import states

from ..store.times import iso
from . import clock
from .base import Connected
from .database import when

if TYPE_CHECKING:
    from .details import Stat

BY = ("host", "recipe", "both")
TOKENS = "num_tokens"  # a running count that some trainers log


class StatCalls(Connected):
    """The part of the client that sums up how jobs went."""

    def stats(self, by: str = "host", *, since: datetime | None = None) -> list[Stat]:
        """A `Stat` for each host, each recipe (or command), or each pair of them, by name, of jobs submitted since."""
        rows = self._db.rows(_JOBS, (iso(since.timestamp()) if since else "",))
        groups: dict[tuple[str, str], list[sqlite3.Row]] = {}
        for row in rows:
            host = row["host"] if by != "recipe" else ""
            recipe = (row["recipe"] or row["kind"]) if by != "host" else ""
            groups.setdefault((host, recipe), []).append(row)
        now = clock.now()
        return [_stat(*key, found, since, now) for key, found in sorted(groups.items())]


_LOSS = "(SELECT {} FROM metrics m WHERE m.job_id=j.id AND m.attempt=j.attempt AND m.name='{}' ORDER BY step{} LIMIT 1)"
_JOBS = f"""
SELECT j.id, j.host, j.recipe, j.kind, j.state, j.reason, j.created_at, j.finished_at,
 (SELECT min(a.started_at) FROM attempts a WHERE a.job_id=j.id) AS began,
 (SELECT sum(julianday(a.finished_at) - julianday(a.started_at)) FROM attempts a
  WHERE a.job_id=j.id AND a.started_at IS NOT NULL AND a.finished_at >= a.started_at) AS days,
 {_LOSS.format("step", "loss", "")} AS first, {_LOSS.format("time", "loss", "")} AS first_at,
 {_LOSS.format("step", "loss", " DESC")} AS last, {_LOSS.format("time", "loss", " DESC")} AS last_at,
 {_LOSS.format("value", TOKENS, "")} AS tokens, {_LOSS.format("time", TOKENS, "")} AS tokens_at,
 {_LOSS.format("value", TOKENS, " DESC")} AS all_tokens, {_LOSS.format("time", TOKENS, " DESC")} AS all_tokens_at
FROM jobs j WHERE j.created_at >= ? AND j.adopted_by IS NULL ORDER BY j.id
"""  # noqa: S608


def _stat(host: str, recipe: str, rows: Sequence[sqlite3.Row], since: datetime | None, now: datetime) -> Stat:
    from .details import Stat

    def count(which: Callable[[sqlite3.Row], bool]) -> int:
        return sum(1 for row in rows if which(row))

    succeeded = count(lambda row: row["state"] == states.SUCCEEDED)
    failed = count(lambda row: row["state"] in (states.FAILED, states.LOST, states.TIMED_OUT))
    stopped = count(lambda row: row["state"] in (states.CANCELLED, states.PAUSED))
    waited = sorted(seconds for row in rows if (seconds := _between(row["created_at"], row["began"])) is not None)
    first = since or when(min(row["created_at"] for row in rows))
    days = (now - first).total_seconds() / 86400 if first else 0.0
    ended = count(lambda row: row["state"] in states.ENDED)
    return Stat(
        host=host,
        recipe=recipe,
        jobs=len(rows),
        succeeded=succeeded,
        failed=failed,
        stopped=stopped,
        live=len(rows) - succeeded - failed - stopped,
        success=succeeded / (succeeded + failed) if succeeded + failed else None,
        waited=_rank(waited, 0.5),
        waited_long=_rank(waited, 0.9),
        ran=sum(row["days"] or 0.0 for row in rows) * 24,
        jobs_a_day=ended / max(days, 1.0) if ended else None,
        steps_a_second=_median_rate(rows, "first", "first_at", "last", "last_at"),
        tokens_a_second=_median_rate(rows, "tokens", "tokens_at", "all_tokens", "all_tokens_at"),
    )


def _median_rate(rows: Sequence[sqlite3.Row], *keys: str) -> float | None:
    """The median over the jobs of (last - first) over the time between."""
    found: list[float] = []
    for row in rows:
        begin, begin_at, end, end_at = (row[key] for key in keys)
        seconds = _between(begin_at, end_at)
        if begin is not None and end is not None and end > begin and seconds:
            found.append((end - begin) / seconds)
    return _rank(sorted(found), 0.5)


def _between(begin: str | None, end: str | None) -> float | None:
    """Seconds from one stored time to another; None where one is missing, or they are the wrong way round."""
    first, last = when(begin), when(end)
    if first is None or last is None or last < first:
        return None
    return (last - first).total_seconds()


def _rank(values: Sequence[float], part: float) -> float | None:
    """The value below which so great a part of them lies, the nearest there is; None of nothing."""
    return values[min(len(values) - 1, int(part * len(values)))] if values else None
