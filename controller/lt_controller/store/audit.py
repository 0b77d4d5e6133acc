"""Who did what: an append-only table whose rows are chained by hashes, so that a changed one shows.

A row's hash is the SHA-256 of the hash before it (64 zeros for the first) and the row as canonical JSON: keys sorted,
no blanks, ASCII. Whoever can write the file can also compute a whole new chain: what proves that none was made is a
head (the newest hash) noted elsewhere.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .times import now

BEGINNING = "0" * 64  # what the first row follows
COLUMNS = "seq, time, who, act, target, params, command, previous, hash"


class Row(NamedTuple):
    """One act. `params` is JSON text, as it is stored and hashed."""

    seq: int
    time: str
    who: str
    act: str
    target: str
    params: str
    command: str
    previous: str
    hash: str


class Verdict(NamedTuple):
    """What a check of the chain found. `broken` is the first row that is not as it was written, 0 if all are."""

    rows: int
    head: str
    broken: int = 0
    why: str = ""  # `changed`, `unchained`, `missing` or `planted`


def record(
    db: sqlite3.Connection, who: str, act: str, target: str, params: Mapping[str, Any], command: str = ""
) -> str:
    """Appends an act, in the transaction of what it tells of; that has to be an immediate one. Returns its hash.

    `params` and `command` must not hold a secret.
    """
    last = db.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    seq, previous = (last[0] + 1, last[1]) if last else (1, BEGINNING)
    text = json.dumps(params, ensure_ascii=True, sort_keys=True)
    row = Row(seq, now(), _storable(who), act, _storable(target), text, _storable(command), previous, "")
    row = row._replace(hash=row_hash(row))
    db.execute(f"INSERT INTO audit ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)", row)  # noqa: S608
    return row.hash


def row_hash(row: Row) -> str:
    """The hash that belongs to the row's content and to the row before it."""
    import hashlib  # it loads OpenSSL, which a start that writes no row need not wait for

    content = {name: value for name, value in row._asdict().items() if name not in ("previous", "hash")}
    text = json.dumps(content, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(row.previous.encode() + text.encode()).hexdigest()


def check(rows: Iterable[Row]) -> Verdict:
    """Follows the chain from the first row; stops at the first that breaks it."""
    count, head = 0, BEGINNING
    for row in rows:
        if row.seq < 1:
            return Verdict(0, BEGINNING, 1, "planted")
        if row.seq != count + 1:
            return Verdict(count, head, row.seq, "missing")
        if row.previous != head:
            return Verdict(count, head, row.seq, "unchained")
        if not _is_text(row) or row.hash != row_hash(row):
            return Verdict(count, head, row.seq, "changed")
        count, head = row.seq, row.hash
    return Verdict(count, head)


def _is_text(row: Row) -> bool:
    """Whether all values are of the kind that is written: SQLite takes any in any column."""
    return all(isinstance(value, str) for value in row[1:])


def _storable(text: str) -> str:
    """Words of a command line may be bytes that are no text; SQLite takes none of those."""
    return text.encode("utf-8", "backslashreplace").decode()
