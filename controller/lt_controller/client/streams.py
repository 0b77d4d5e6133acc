"""Questions about what streams in from the hosts: logs by byte, metrics by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .database import Reader, when
from .models import LogChunk

if TYPE_CHECKING:
    from .details import MetricPoint

_LOG_BYTES = 1 << 20  # at most so much of a log per query, more or less


def log(db: Reader, job: str, attempt: int, offset: int) -> list[LogChunk]:
    """Log bytes from `offset` on, at most about a megabyte; empty at the end.

    The store appends small pieces to its last row, so the row that holds `offset` may begin before it.
    """
    rows = db.rows(
        "SELECT offset, data FROM logs WHERE job_id=? AND attempt=? AND offset >= coalesce("
        " (SELECT max(offset) FROM logs WHERE job_id=? AND attempt=? AND offset <= ?), 0) ORDER BY offset LIMIT 8",
        (job, attempt, job, attempt, offset),
    )
    found, size = [], 0
    for row in rows:
        data = bytes(row["data"])[max(0, offset - row["offset"]) :]
        if data and size < _LOG_BYTES:
            found.append(LogChunk(attempt, max(offset, row["offset"]), data))
            size += len(data)
    return found


def log_tail(db: Reader, job: str, attempt: int, lines: int) -> int:
    """The offset at which the last `lines` lines begin."""
    rows = db.rows("SELECT offset FROM logs WHERE job_id=? AND attempt=? ORDER BY offset DESC", (job, attempt))
    missing = lines + 1  # the newline that ends the last line is not one between two lines
    last = True
    for row in rows:
        chunk = db.row("SELECT data FROM logs WHERE job_id=? AND attempt=? AND offset=?", (job, attempt, row["offset"]))
        data = bytes(chunk["data"]) if chunk else b""
        if last and data and not data.endswith(b"\n"):
            missing -= 1
        last = last and not data
        at = len(data)
        while missing and (at := data.rfind(b"\n", 0, at)) >= 0:
            missing -= 1
        if not missing:
            return int(row["offset"]) + at + 1
    return 0


def metrics(
    db: Reader, job: str, names: Sequence[str] | None = None, attempt: int | None = None, after: int | None = None
) -> list[MetricPoint]:
    """Metric values by name and step; of all attempts, later ones winning a step, unless one is named.

    `after` leaves out steps up to it.
    """
    from .details import MetricPoint

    sql = "SELECT attempt, name, step, value, time FROM metrics WHERE job_id=?"
    values: list[str | int] = [job]
    if names is not None:
        sql += f" AND name IN ({','.join('?' * len(names))})"
        values += names
    if attempt is not None:
        sql += " AND attempt=?"
        values.append(attempt)
    if after is not None:
        sql += " AND step>?"
        values.append(after)
    latest = {(row["name"], row["step"]): row for row in db.rows(sql + " ORDER BY attempt, name, step", values)}
    return [
        MetricPoint(row["attempt"], row["name"], row["step"], row["value"], when(row["time"]))
        for _, row in sorted(latest.items(), key=lambda item: item[0])
    ]


def metric_names(db: Reader, job: str) -> list[str]:
    """The names under which a job has logged."""
    return [row[0] for row in db.rows("SELECT DISTINCT name FROM metrics WHERE job_id=? ORDER BY name", (job,))]
