"""The history of hosts: a row for each time in which neither the machine nor its terms changed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from lt_inventory.periods import MACHINE, changes, machine_of, next_data

from .times import now
from .told import plain

Terms = Mapping[str, Mapping[str, Any]]


def open_periods(db: sqlite3.Connection) -> dict[str, dict[str, Any]]:
    """Per host what holds now."""
    rows = db.execute("SELECT host, data FROM host_history WHERE till IS NULL").fetchall()
    return {host: json.loads(data) for host, data in rows}


def note_terms(db: sqlite3.Connection, found: Terms, when: str) -> bool:
    """The inventory has these hosts on these terms since `when`; whether anything of it is news.

    A host that is in it no longer has no period any more.
    """
    known = open_periods(db)
    for host in known.keys() - found.keys():
        _close(db, host, when)
    news = bool(known.keys() - found.keys())
    for host, terms in found.items():
        data = next_data(known.get(host), terms)
        if data is not None:
            _begin(db, host, data, when)
            news = True
    return news


def note_machine(db: sqlite3.Connection, host: str, facts: Mapping[str, Any], when: str | None = None) -> bool:
    """A probe has found these facts; whether the machine is another than before.

    The first facts of a host complete its period: they tell nothing of a change.
    """
    before = open_periods(db).get(host)
    machine = machine_of(facts)
    after = {**{key: value for key, value in (before or {}).items() if key not in MACHINE}, **machine}
    if before is not None and not before.keys() & set(MACHINE):
        db.execute("UPDATE host_history SET data=? WHERE host=? AND till IS NULL", (_text(after), host))
        return False
    if before is not None and not changes(before, after):
        return False
    _begin(db, host, after, when or now())
    return before is not None


def _begin(db: sqlite3.Connection, host: str, data: Mapping[str, Any], when: str) -> None:
    """Ends the period that holds, if one does, and begins the next at that moment."""
    when = _close(db, host, when)
    db.execute(
        "INSERT INTO host_history (host, since, data) VALUES (?,?,?)"
        " ON CONFLICT (host, since) DO UPDATE SET till=NULL, data=excluded.data",
        (host, when, _text(data)),
    )


def _close(db: sqlite3.Connection, host: str, when: str) -> str:
    """Ends the host's period; the moment at which that happened: never before it began."""
    row = db.execute("SELECT max(since), max(till) FROM host_history WHERE host=?", (host,)).fetchone()
    when = max([when, *(text for text in row if text)])
    db.execute("UPDATE host_history SET till=? WHERE host=? AND till IS NULL", (when, host))
    return when


def _text(data: Mapping[str, Any]) -> str:
    return plain(json.dumps(data, ensure_ascii=False, sort_keys=True))
