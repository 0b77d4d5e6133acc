"""Reading the audit: who did what, whether the record is whole, and taking it elsewhere."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from lt_agent.protocol.errors import LtError

from .database import Reader, load, when

_PAGE = 2000  # rows that are read at a time


@dataclass(frozen=True)
class Act:
    """Something a person did (or the controller, of itself). `target` is a job's or host's name."""

    seq: int
    time: datetime | None
    who: str
    act: str
    target: str
    params: Mapping[str, Any]
    command: str  # what was typed, secrets masked
    hash: str


@dataclass(frozen=True)
class AuditState:
    """What a check of the whole audit found. `head` is the newest row's hash, to be noted elsewhere."""

    rows: int
    head: str
    broken: int = 0  # the first row that is not as it was written; 0: none
    why: str = ""  # changed, unchained, missing, planted
    noted: bool | None = None  # whether the head that was asked about is one of the rows'; None: none was

    @property
    def whole(self) -> bool:
        return not self.broken and self.noted is not False


def acts(db: Reader, since: datetime | None, who: str | None, act: str | None, last: int | None) -> list[Act]:
    """Acts, oldest first. `who` is a user or `user@laptop`, `act` a word or its beginning (`host`); `last` so many."""
    clauses, values = ["1"], []
    if since is not None:
        clauses.append("time >= ?")
        values.append(since.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S"))
    if who is not None:
        clauses.append("(who = ? OR substr(who, 1, length(?) + 1) = ? || '@')")
        values += [who, who, who]
    if act is not None:
        clauses.append("(act = ? OR substr(act, 1, length(?) + 1) = ? || ' ')")
        values += [act, act, act]
    limit = f" LIMIT {int(last)}" if last else ""
    sql = f"SELECT * FROM audit WHERE {' AND '.join(clauses)} ORDER BY seq DESC{limit}"  # noqa: S608
    return [_act(row) for row in reversed(db.rows(sql, values))]


def verify(db: Reader, head: str | None) -> AuditState:
    """Follows the chain of hashes through all rows; `head` is one noted earlier, which must still be in it."""
    from ..store.audit import check

    verdict = check(_chain(db))
    noted = None
    if head is not None:
        found = db.row("SELECT seq FROM audit WHERE hash=?", (head.strip().lower(),))
        # Rows behind a broken one prove nothing.
        noted = found is not None and not (verdict.broken and found[0] >= verdict.broken)
    return AuditState(verdict.rows, verdict.head, verdict.broken, verdict.why, noted)


def export(db: Reader, kind: str, path: Path) -> int:
    """Writes all rows as `csv` or `json`, columns as in the table; how many. Raises LtError `audit_not_written`."""
    from lt_agent.protocol.files import write_bytes

    rows = [{key: _told(value) for key, value in row._asdict().items()} for row in _chain(db)]
    if kind == "json":
        text = json.dumps(rows, ensure_ascii=True, indent=1) + "\n"
    else:
        out = io.StringIO(newline="")
        from ..store.audit import COLUMNS

        writer = csv.DictWriter(out, COLUMNS.split(", "))
        writer.writeheader()
        writer.writerows(rows)
        text = out.getvalue()
    try:
        write_bytes(path, text.encode())
    except OSError as error:
        raise LtError("audit_not_written", path=str(path), why=error.strerror or str(error)) from None
    return len(rows)


def _chain(db: Reader) -> Iterator[Any]:
    from ..store.audit import COLUMNS, Row

    seen: int | None = None  # from the very first, whatever its number: what is shown is checked
    while True:
        sql = f"SELECT {COLUMNS} FROM audit WHERE ?1 IS NULL OR seq > ?1 ORDER BY seq LIMIT {_PAGE}"  # noqa: S608
        page = db.rows(sql, (seen,))
        for row in page:
            yield Row(*(row[0], *("" if value is None else value for value in tuple(row)[1:])))
        if len(page) < _PAGE:
            return
        seen = page[-1][0]


def _told(value: Any) -> Any:
    """A value that somebody put in by hand may be of any kind."""
    return value if isinstance(value, (int, str)) else repr(value)


def moment(text: str, seconds: float | None) -> datetime:
    """`2026-11-21` or `2026-11-21T08:00`, local time unless a zone is given, or `seconds` ago. Raises `bad_moment`."""
    if seconds is not None:
        return datetime.now(timezone.utc) - timedelta(seconds=seconds)
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise LtError("bad_moment", value=text) from None


def _act(row: Any) -> Act:
    params = load(row["params"])
    return Act(
        row["seq"],
        when(row["time"]),
        str(row["who"]),
        str(row["act"]),
        str(row["target"] or ""),
        params if isinstance(params, dict) else {},
        str(row["command"]),
        str(row["hash"]),
    )
