"""How busy hosts are and were: samples in percent, fewer and fewer of them the older they are.

What is kept of a host: ten-second values for an hour, means of minutes for a day, of ten minutes for 30 days, of hours
for a year. That is at most 14,900 rows for each of the five names, whatever a host sends.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, NamedTuple

from .numbers import finite

NAMES = ("cpu", "memory", "disk", "gpu", "gpu_memory")
HOUR, DAY = 3600, 86400


class Level(NamedTuple):
    """Means of `span` seconds, kept for `age` seconds."""

    span: int
    age: int


LEVELS = (Level(10, HOUR), Level(60, DAY), Level(600, 30 * DAY), Level(HOUR, 366 * DAY))
AHEAD = 60  # seconds that a host's corrected clock may be ahead of ours
AT_ONCE = 2000  # rows that one step of the thinning takes at the most: some ten milliseconds


def add(db: sqlite3.Connection, host: str, time: float, values: Mapping[str, Any], now: float) -> None:
    """Adds what a host told of a moment (`time`, by our clock); what is no percentage of ours is passed over.

    What comes late goes where it belongs by its age. Told twice it counts twice in a mean, which changes nothing.
    """
    span = _span_for(now - time)
    if span is None:
        return
    at = int(time // span * span)
    for name in NAMES:
        value = values.get(name)
        share = finite(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
        if share is not None:
            _put(db, (host, name, span, at, min(100.0, max(0.0, share)), 1))


def thin(db: sqlite3.Connection, host: str, now: float) -> bool:
    """One step: old values of a host become means of longer stretches, or go; whether there is more to do."""
    left = AT_ONCE
    for name in NAMES:
        for level, longer in zip(LEVELS, (*LEVELS[1:], None), strict=True):
            step = longer.span if longer else level.span
            end = int((now - level.age) // step * step)
            left -= _thin(db, (host, name, level.span), end, longer, left)
            if left < HOUR // 10:  # less than a mean is made of
                return True
    return False


def hosts(db: sqlite3.Connection) -> list[str]:
    """The hosts of which there is anything, by jumping through the index from one to the next."""
    rows = db.execute(
        "WITH RECURSIVE found(host) AS (SELECT min(host) FROM usage"
        " UNION ALL SELECT (SELECT min(host) FROM usage WHERE host > found.host) FROM found WHERE host IS NOT NULL)"
        " SELECT host FROM found WHERE host IS NOT NULL"
    )
    return [row[0] for row in rows]


def _thin(db: sqlite3.Connection, key: tuple[str, str, int], end: int, longer: Level | None, most: int) -> int:
    """Thins what is before `end`, at the most so many rows; how many it took, `most` if there are more."""
    where = "host=? AND name=? AND span=? AND time<?"
    past = db.execute(f"SELECT time FROM usage WHERE {where} ORDER BY time LIMIT 1 OFFSET ?", (*key, end, most))  # noqa: S608
    row = past.fetchone()
    if row is not None:
        step = longer.span if longer else key[2]
        end = row[0] // step * step  # whole stretches: a mean is not made of half of one
    if longer is not None:
        means = db.execute(
            "SELECT time - time % ?, sum(value * n) / sum(n), sum(n) FROM usage"  # noqa: S608
            f" WHERE {where} GROUP BY 1",
            (longer.span, *key, end),
        ).fetchall()
        for time, value, n in means:
            _put(db, (key[0], key[1], longer.span, time, value, n))
    gone = db.execute(f"DELETE FROM usage WHERE {where}", (*key, end)).rowcount  # noqa: S608
    return gone if row is None else most


def _put(db: sqlite3.Connection, row: tuple[str, str, int, int, float, int]) -> None:
    db.execute(
        "INSERT INTO usage (host, name, span, time, value, n) VALUES (?,?,?,?,?,?)"
        " ON CONFLICT (host, name, span, time) DO UPDATE SET"
        " value = (value * n + excluded.value * excluded.n) / (n + excluded.n), n = n + excluded.n",
        row,
    )


def _span_for(age: float) -> int | None:
    """The span of the means that are kept at this age; None for what is too old, or has yet to come."""
    if not age >= -AHEAD:
        return None
    return next((level.span for level in LEVELS if age < level.age), None)
