"""The history of hosts: what each was, on which terms, from when until when. A part of `Client`."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from lt_agent.protocol.errors import LtError

from ..home import Home
from . import clock
from .base import Connected, near
from .database import Reader, load, when

if TYPE_CHECKING:
    from .details import HostPeriod


class PeriodCalls(Connected):
    """The part of the client that tells what hosts were."""

    def host_history(self, name: str) -> list[HostPeriod]:
        """The host's periods, the oldest first; also of one that is in the inventory no longer.

        Raises LtError `no_such_host`.
        """
        found = periods(self._db, self.home)
        if name not in found:
            raise LtError("no_such_host", host=name, near=near(name, list(found)))
        return found[name]


def periods(db: Reader, home: Home) -> dict[str, list[HostPeriod]]:
    """Per host its periods. An edit of `hosts.toml` that no controller has noticed yet counts from the file's time."""
    from lt_inventory.hosts_file import HostsFile
    from lt_inventory.periods import changes, next_data, terms_of

    from .details import HostPeriod

    found: dict[str, list[HostPeriod]] = {}
    for row in db.rows("SELECT host, since, till, data FROM host_history ORDER BY host, since"):
        begin, data = when(row["since"]), load(row["data"]) or {}
        if begin is not None:
            before = found.setdefault(row["host"], [])
            told = changes(before[-1].data, data) if before else ()
            before.append(HostPeriod(row["host"], begin, when(row["till"]), data, told))
    try:
        inventory = HostsFile(home.hosts_file).load()
    except LtError:  # somebody is in the middle of editing it: what was written down goes on
        return found
    edited = edited_at(home)
    for name, host in inventory.items():
        known = found.setdefault(name, [])
        open_one = known[-1] if known and known[-1].till is None else None
        data = next_data(open_one.data if open_one else None, terms_of(host))
        if data is None:
            continue
        moment = max([edited, *(at for period in known for at in (period.since, period.till) if at is not None)])
        told = changes(known[-1].data, data) if known else ()
        if open_one is not None:
            known[-1] = replace(open_one, till=moment)
        known.append(HostPeriod(name, moment, None, data, told))
    for name, known in found.items():
        if name not in inventory and known[-1].till is None:
            known[-1] = replace(known[-1], till=max(edited, known[-1].since))
    return found


def note_terms(home: Home) -> None:
    """Writes down what the inventory says now, after an act that changed it.

    What can't be written now, the controller writes when it reads the inventory.
    """
    from lt_inventory.hosts_file import HostsFile
    from lt_inventory.periods import terms_of

    from ..store import history
    from ..store.times import now
    from .acts import writable

    with contextlib.suppress(LtError, sqlite3.Error):
        terms = {name: terms_of(host) for name, host in HostsFile(home.hosts_file).load().items()}
        db = writable(home.database)
        try:
            db.execute("BEGIN IMMEDIATE")
            history.note_terms(db, terms, now())
            db.execute("COMMIT")
        finally:
            db.close()


def edited_at(home: Home) -> datetime:
    """When `hosts.toml` was last written; now, where there is none or its time is yet to come."""
    try:
        return min(clock.now(), datetime.fromtimestamp(home.hosts_file.stat().st_mtime, timezone.utc))
    except OSError:
        return clock.now()
