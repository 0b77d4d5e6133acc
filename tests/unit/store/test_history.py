"""The history of hosts: a row for each change, and none for a look that finds what was there."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

from lt_controller.store import history, hosts
from lt_controller.store.schema import open_writable
from lt_inventory.model import Host
from lt_inventory.periods import terms_of

DAY = [f"2026-11-{day:02}T00:00:00.000000Z" for day in range(1, 20)]


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    connection = open_writable(":memory:")
    yield connection
    connection.close()


def facts(gpus: int = 1, driver: str = "550.1", **more: Any) -> dict[str, Any]:
    card = {"index": 0, "uuid": "GPU-1", "name": "A100", "memory_total": 80 << 30, "memory_free": 1, "driver": driver}
    return {
        "gpus": [{**card, "uuid": f"GPU-{n}", "memory_free": n} for n in range(gpus)],
        "driver": driver,
        "cpu": {"model": "EPYC", "count": 8, "load1": 0.3},
        "memory": {"total": 64 << 30, "available": 5},
        "disks": {"root": {"path": "/", "total": 1000, "free": 5, "filesystem": "ext4", "writable": True}},
        **more,
    }


def terms(price: float | None = None, **more: Any) -> dict[str, dict[str, Any]]:
    return {"box": terms_of(Host("box", "box", price=price, **more))}


def rows(db: sqlite3.Connection) -> list[tuple[str, str | None, dict[str, Any]]]:
    found = db.execute("SELECT since, till, data FROM host_history WHERE host='box' ORDER BY since")
    return [(since, till, json.loads(data)) for since, till, data in found]


def test_a_look_that_finds_the_same_machine_opens_no_period(db: sqlite3.Connection) -> None:
    history.note_terms(db, terms(1.9), DAY[0])
    for free in range(3):
        hosts.add_facts(db, "box", facts(memory={"total": (64 << 30) + free, "available": free}))
    (row,) = rows(db)
    assert (row[0], row[1], row[2]["price"], row[2]["gpus"][0]["count"]) == (DAY[0], None, 1.9, 1)


def test_a_price_an_end_of_lease_and_another_card_each_open_one(db: sqlite3.Connection) -> None:
    history.note_terms(db, terms(1.9), DAY[0])
    history.note_machine(db, "box", facts(), DAY[0])
    assert history.note_terms(db, terms(2.5), DAY[1])
    until = datetime(2026, 12, 1, tzinfo=timezone.utc)
    history.note_terms(db, terms(2.5, until=until), DAY[2])
    assert history.note_machine(db, "box", facts(gpus=2), DAY[3])
    assert history.note_machine(db, "box", facts(gpus=2, driver="560.0"), DAY[4])
    assert not history.note_machine(db, "box", facts(gpus=2, driver="560.0"), DAY[5])
    assert not history.note_terms(db, terms(2.5, until=until), DAY[6])
    found = rows(db)
    assert [row[0] for row in found] == DAY[:5]
    assert [row[1] for row in found] == [*DAY[1:5], None]
    assert [row[2]["price"] for row in found] == [1.9, 2.5, 2.5, 2.5, 2.5]
    assert [row[2]["gpus"][0]["count"] for row in found] == [1, 1, 1, 2, 2]


def test_a_host_that_is_removed_and_comes_back_has_a_gap(db: sqlite3.Connection) -> None:
    history.note_terms(db, terms(1.0), DAY[0])
    history.note_terms(db, {}, DAY[1])
    history.note_terms(db, {}, DAY[2])
    history.note_terms(db, terms(1.0), DAY[3])
    assert [row[:2] for row in rows(db)] == [(DAY[0], DAY[1]), (DAY[3], None)]


def test_a_clock_that_went_back_ends_nothing_before_it_began(db: sqlite3.Connection) -> None:
    history.note_terms(db, terms(1.0), DAY[5])
    history.note_terms(db, terms(2.0), DAY[2])
    history.note_terms(db, terms(3.0), DAY[7])
    assert [(row[0], row[1], row[2]["price"]) for row in rows(db)] == [(DAY[5], DAY[7], 2.0), (DAY[7], None, 3.0)]


def test_facts_of_any_shape_are_kept_out_or_made_plain(db: sqlite3.Connection) -> None:
    history.note_machine(db, "box", {"gpus": "none", "cpu": 7, "driver": 5, "system": "x" * 9000 + "\ud800"}, DAY[0])
    (row,) = rows(db)
    assert set(row[2]) == {"system"} and len(row[2]["system"]) <= 200
