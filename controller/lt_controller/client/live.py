"""What changes while jobs run, for all of them at once: losses, samples, and the load that they are to their hosts.

A screen asks once a second. An attempt's cursors move in the transaction that brings its data, so they tell what has
news: only that is read again, and however many jobs run, it takes the same few queries.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..store.times import epoch
from .database import Reader, when

CURVE_POINTS = 32
PACE_POINTS = 20
UTIL_SECONDS = 600.0  # the sparkline of a host's load
BIN_SECONDS = 30.0

Key = tuple[str, int]  # a job's id and the number of its attempt

_LIVE = "live(job, attempt) AS (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))"
_OF_LIVE = "m.job_id=live.job AND m.attempt=live.attempt"
_MARKS = (
    f"WITH {_LIVE} SELECT live.job, live.attempt, m.metrics_cursor, m.samples_cursor"  # noqa: S608
    f" FROM live CROSS JOIN attempts m ON {_OF_LIVE}"
)
# For each attempt its newest rows by themselves: a join would go through the losses of a whole training.
_LOSSES = (
    f"WITH {_LIVE} SELECT job, attempt, (SELECT json_group_array(json_array(step, value, time)) FROM"  # noqa: S608
    f" (SELECT m.step, m.value, m.time FROM metrics m WHERE {_OF_LIVE} AND m.name='loss'"
    f" ORDER BY m.step DESC LIMIT {CURVE_POINTS})) FROM live"
)
# By jumping through the index from name to name, over those of the training itself: a dozen names, and a row every ten
# seconds. Attempt by attempt, since what lies side by side is found quickly.
_SAMPLES = (
    f"WITH {_LIVE} SELECT job, attempt, (WITH RECURSIVE names(name) AS ("  # noqa: S608
    f" SELECT min(m.name) FROM metrics m WHERE {_OF_LIVE} AND m.name >= 'gpu' AND m.name < 'sys0'"
    f" UNION ALL SELECT (SELECT min(m.name) FROM metrics m WHERE {_OF_LIVE} AND m.name < 'sys0'"
    " AND m.name > CASE WHEN n.name < 'gpv' THEN n.name ELSE max(n.name, 'sys') END) FROM names n"
    " WHERE n.name IS NOT NULL)"
    " SELECT json_group_array(json_array(n.name, (SELECT json_array(m.step, m.value, m.time) FROM metrics m"
    f" WHERE {_OF_LIVE} AND m.name=n.name ORDER BY m.step DESC LIMIT 1))) FROM names n WHERE n.name IS NOT NULL)"
    " FROM live"
)
_LOADS = (
    "WITH live(job, attempt, name, since) AS (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'),"  # noqa: S608
    " json_extract(value, '$[2]'), json_extract(value, '$[3]') FROM json_each(?))"
    " SELECT live.job, live.attempt, m.value, m.time FROM live CROSS JOIN metrics m"
    f" ON {_OF_LIVE} AND m.name=live.name AND m.step > live.since WHERE m.value IS NOT NULL AND m.time IS NOT NULL"
)


@dataclass(frozen=True)
class Sample:
    """The newest value of something that is measured on a host."""

    value: float | None
    time: datetime | None
    step: int = 0  # seconds since its attempt began


@dataclass
class Live:
    """What is known of a running attempt."""

    curve: tuple[float, ...] = ()  # its latest losses
    pace: Sequence[tuple[int, str]] = ()  # step and time of these, the newest first, as `seconds_left` wants them
    samples: dict[str, Sample] = field(default_factory=dict)  # `gpu0/util` … → the newest value
    load: dict[int, list[float]] = field(default_factory=dict)  # half minutes since the epoch → percent
    newest: float = -1.0  # up to which step `load` has been read


class LiveReader:
    """Reads the running attempts again and again, each only when something of it has come."""

    def __init__(self, db: Reader) -> None:
        self._db = db
        self._known: dict[Key, Live] = {}
        self._marks: dict[Key, tuple[int, int]] = {}

    def read(self, attempts: Iterable[Key]) -> dict[Key, Live]:
        """What is known of these attempts now. Raises LtError `database_unreadable`."""
        known = {key: self._known.get(key) or Live() for key in attempts}
        # Before the data: what comes in between is read again the next time, and nothing is missed.
        marks = {(row[0], row[1]): (row[2], row[3]) for row in _ask(self._db, _MARKS, list(known))}
        before = [(self._marks.get(key, (-1, -1)), marks.get(key, (-1, -1)), key) for key in known]
        _read_losses(self._db, known, [key for old, new, key in before if old[0] != new[0] or new[0] < 0])
        _read_samples(self._db, known, [key for old, new, key in before if old[1] != new[1] or new[1] < 0])
        self._known, self._marks = known, marks
        return known


def latest_samples(db: Reader, job: str, attempt: int) -> dict[str, Sample]:
    """The newest value of every `sys/` and `gpu<i>/` name of one attempt."""
    return next(iter(_samples(db, [(job, attempt)])))[1]


def _read_losses(db: Reader, known: dict[Key, Live], news: Sequence[Key]) -> None:
    for job, attempt, text in _ask(db, _LOSSES, news):
        live, points = known[job, attempt], sorted(json.loads(text))
        live.curve = tuple(value for _, value, _ in points if value is not None)
        live.pace = [(step, time) for step, _, time in reversed(points) if time is not None][:PACE_POINTS]


def _read_samples(db: Reader, known: dict[Key, Live], news: Sequence[Key]) -> None:
    wanted: list[tuple[str, int, str, float]] = []
    newest: dict[Key, int] = {}
    for key, samples in _samples(db, news):
        live, name = known[key], "gpu0/util" if "gpu0/util" in samples else "sys/cpu"
        live.samples = samples
        if name in samples:
            # A sample's step is its attempt's age in seconds; what was read before is not read again.
            newest[key] = samples[name].step
            wanted.append((*key, name, max(live.newest, newest[key] - UTIL_SECONDS)))
    for job, attempt, value, time in _ask(db, _LOADS, wanted):
        known[job, attempt].load.setdefault(int(epoch(time) // BIN_SECONDS), []).append(min(100.0, value))
    for key, step in newest.items():
        live = known[key]
        live.newest = step
        since = max(live.load, default=0) - UTIL_SECONDS / BIN_SECONDS
        live.load = {number: values for number, values in live.load.items() if number >= since}


def _samples(db: Reader, attempts: Collection[Key]) -> Iterable[tuple[Key, dict[str, Sample]]]:
    for job, attempt, text in _ask(db, _SAMPLES, attempts):
        points = (
            (name, *newest) for name, newest in json.loads(text) if name.startswith(("gpu", "sys/")) and "/" in name
        )
        yield (job, attempt), {name: Sample(value, when(time), step) for name, step, value, time in points}


def _ask(db: Reader, sql: str, attempts: Collection[Sequence[Any]]) -> list[Any]:
    return db.rows(sql, (json.dumps(list(attempts)),)) if attempts else []
