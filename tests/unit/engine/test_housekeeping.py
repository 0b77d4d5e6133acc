"""Housekeeping: it gets everything done, and others get between its steps."""

from __future__ import annotations

import time
from pathlib import Path

from lt_controller.engine.housekeeping import Housekeeper
from lt_controller.store import usage
from lt_controller.store.writer import Writer


def test_old_samples_are_thinned_in_short_steps(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "lt.db")
    housekeeper = Housekeeper(writer)
    try:
        count = 3 * usage.AT_ONCE
        start = int(time.time()) // 60 * 60 - 6 * usage.HOUR - 10 * count

        def fill(db: object) -> None:
            rows = [("box", "cpu", 10, start + 10 * n, float(n % 100), 1) for n in range(count)]
            db.executemany("INSERT INTO usage VALUES (?,?,?,?,?,?)", rows)  # type: ignore[attr-defined]

        writer.run("", fill)
        first = writer.run("", usage.thin, "box", time.time())
        assert first, "one step is not all of it"
        housekeeper.tidy()
        rows = writer.run("", lambda db: db.execute("SELECT span, sum(n) FROM usage GROUP BY span").fetchall())
        assert 10 not in dict(rows) and sum(n for _, n in rows) == count
    finally:
        housekeeper.close()
        writer.close()
