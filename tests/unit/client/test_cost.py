"""What jobs and hosts have cost, as the client tells it from attempts, prices and the ends of leases."""

from __future__ import annotations

import json
import os
import time
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from lt_agent.protocol.errors import LtError
from lt_controller.client import Client, clock
from lt_controller.client.cost import hours_left
from lt_controller.store import history
from lt_controller.store.times import iso
from lt_inventory.hosts_file import HostsFile
from lt_inventory.model import Host
from lt_inventory.periods import terms_of
from support.store import Store

NOW = datetime(2026, 3, 18, 12, tzinfo=timezone.utc)  # a Wednesday


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def at(hours: float) -> datetime:
    """So many hours from now; mostly before it."""
    return NOW + timedelta(hours=hours)


def rent(store: Store, name: str, since: float, **settings: Any) -> Host:
    """A host that is in the inventory, and written down, for so many hours."""
    host = Host(name, name, **settings)
    file = HostsFile(store.home.hosts_file)
    (file.update if name in file.load() else file.add)(host)
    terms = {one: terms_of(found) for one, found in file.load().items()}
    history.note_terms(store.db, terms, iso(at(since).timestamp()))
    return host


def ran(
    store: Store, name: str, *spans: tuple[float, float | None], host: str = "box", gpus: int = 1, **more: Any
) -> str:
    """A job with an attempt for each span of hours; one without an end runs."""
    live = spans[-1][1] is None
    spec = {"gpus": gpus, "name": name}
    job = store.job(name, "running" if live else "succeeded", attempt=len(spans), host=host, spec=spec, **more)
    store.db.execute("UPDATE jobs SET created_at=? WHERE id=?", (iso(at(spans[0][0]).timestamp()), job))
    for number, (begin, end) in enumerate(spans, start=1):
        finished = iso(at(end).timestamp()) if end is not None else None
        store.db.execute(
            "UPDATE attempts SET started_at=?, finished_at=?, exit=? WHERE job_id=? AND attempt=?",
            (iso(at(begin).timestamp()), finished, None if finished is None else "{}", job, number),
        )
    return job


def lines(client: Client, by: str, **more: Any) -> dict[str, Any]:
    return {line.name: line for line in client.costs(by, **more).lines}


def test_a_job_pays_its_share_and_the_host_what_was_idle(client: Client, store: Store) -> None:
    rent(store, "box", -10, price=2.0)
    ran(store, "two", (-4, -2), gpus=2, recipe="sft")
    ran(store, "one", (-3, None), recipe="dpo")
    jobs = lines(client, "job")
    assert jobs["two"].cost == pytest.approx(2 + 2 * 2 / 3) and jobs["two"].ran_hours == pytest.approx(2)
    assert jobs["one"].cost == pytest.approx(2 / 3 + 4)
    box = lines(client, "host")["box"]
    assert (box.hours, box.cost, box.idle_hours, box.idle_cost) == pytest.approx((4, 8, 6, 12))
    assert lines(client, "recipe")["sft"].cost == jobs["two"].cost
    totals = [client.costs(by).total for by in ("host", "job", "recipe", "week")]
    assert [total.total for total in totals] == pytest.approx([20] * 4)
    assert {total.jobs for total in totals} == {2}


def test_every_attempt_counts_on_its_own_host(client: Client, store: Store) -> None:
    rent(store, "box", -9, price=1.0)
    rent(store, "twin", -9, price=10.0)
    job = ran(store, "moved", (-8, -6), (-2, -1), host="box")
    store.db.execute("UPDATE attempts SET host='twin' WHERE job_id=? AND attempt=2", (job,))
    found = client.cost_of(job)
    assert found is not None
    assert (found.cost, found.hours, found.hosts) == (pytest.approx(12), pytest.approx(3), ("box", "twin"))


def test_the_price_that_held_counts_and_a_missing_one_is_said(client: Client, store: Store) -> None:
    rent(store, "box", -10)
    rent(store, "box", -4, price=3.0)
    job = ran(store, "long", (-6, -2))
    found = client.cost_of(job)
    assert found is not None and (found.cost, found.unpriced_hours) == (pytest.approx(6), pytest.approx(2))
    assert client.costs(host="box").total.idle_hours == pytest.approx(2), "hours before the price are nobody's rent"
    other = ran(store, "free", (-3, -1), host="own")
    free = client.cost_of(other)
    assert free is not None and free.cost is None and free.unpriced_hours == pytest.approx(2)


def test_an_edit_of_the_file_that_nobody_has_noticed_counts_from_then_on(client: Client, store: Store) -> None:
    rent(store, "box", -10, price=1.0)
    HostsFile(store.home.hosts_file).update(Host("box", "box", price=5.0))
    os.utime(store.home.hosts_file, (at(-2).timestamp(),) * 2)
    assert client.costs(host="box").total.total == pytest.approx(8 + 10)
    assert [period.data["price"] for period in client.host_history("box")] == [1.0, 5.0]


def test_after_the_end_of_its_lease_a_host_is_not_idle_and_what_still_ran_is_paid(client: Client, store: Store) -> None:
    rent(store, "box", -10, price=1.0, until=at(-5))
    ran(store, "late", (-6, -4))
    total = client.costs(host="box").total
    assert (total.cost, total.idle_cost) == (pytest.approx(2), pytest.approx(4))


def test_a_job_on_a_box_that_vanished_costs_until_the_lease_ended(client: Client, store: Store) -> None:
    rent(store, "box", -10, price=1.0, until=at(-5))
    job = ran(store, "cut", (-6, None))
    found = client.cost_of(job)
    assert found is not None and found.cost == pytest.approx(1)
    store.insert("hosts", name="box", state="reachable", last_seen=iso(at(-3).timestamp()))
    found = client.cost_of(job)
    assert found is not None and found.cost == pytest.approx(3), "it was seen alive after that"


def test_a_retired_and_a_removed_host_cost_no_more(client: Client, store: Store) -> None:
    rent(store, "box", -10, price=1.0)
    rent(store, "box", -7, price=1.0, closed="retired")
    assert client.costs(host="box").total.total == pytest.approx(3)
    HostsFile(store.home.hosts_file).remove("box")
    history.note_terms(store.db, {}, iso(at(-6).timestamp()))
    assert client.costs(host="box").total.total == pytest.approx(3)
    with pytest.raises(LtError, match="no_such_host"):
        client.costs(host="bux")


def test_what_ran_before_anything_was_written_down_has_the_first_price(client: Client, store: Store) -> None:
    rent(store, "box", -1, price=4.0)
    ran(store, "old", (-9, -7))
    total = client.costs(host="box").total
    assert (total.cost, total.idle_cost) == (pytest.approx(8), pytest.approx(4))


def test_weeks_begin_on_monday_and_windows_cut(client: Client, store: Store) -> None:
    rent(store, "box", -24 * 4, price=1.0)
    ran(store, "over", (-70, -50))
    weeks = client.costs("week")
    assert [line.name[:8] for line in weeks.lines] == ["2026-W11", "2026-W12"]
    assert weeks.total.total == pytest.approx(96)
    window = client.costs("job", since=at(-60), until=at(-40))
    assert (window.lines[0].cost, window.total.total) == (pytest.approx(10), pytest.approx(20))


def test_a_removed_job_is_still_paid_for(client: Client, store: Store) -> None:
    rent(store, "box", -10, price=1.0)
    job = ran(store, "gone", (-2, -1))
    store.db.execute("UPDATE jobs SET removed=1 WHERE id=?", (job,))
    assert lines(client, "job")["gone"].cost == pytest.approx(1)


def test_ten_thousand_jobs_are_reckoned_without_delay(client: Client, store: Store) -> None:
    rent(store, "box", -20000, price=1.0)
    store.db.execute("BEGIN")
    for n in range(10_000):
        ran(store, f"job-{n}", (-2 * n - 2.5, -2 * n - 1), gpus=n % 3)
    store.db.execute("COMMIT")
    began = time.process_time()
    report = client.costs("job")
    assert time.process_time() - began < 30, "half a second where it is not quadratic"
    assert len(report.lines) == 10_000
    assert report.total.total == pytest.approx(client.costs("host").total.total)


def test_what_a_wrong_clock_says_began_before_it_was_submitted_costs_from_then_on(client: Client, store: Store) -> None:
    rent(store, "box", -10, price=2.0)
    job = ran(store, "one", (-1, None))
    store.db.execute("UPDATE attempts SET started_at='1970-01-01T00:00:01.000000Z' WHERE job_id=?", (job,))
    assert lines(client, "job")["one"].cost == pytest.approx(2)


def test_json_of_the_lines_is_plain(client: Client, store: Store) -> None:
    from lt_controller.client.models import as_dict

    rent(store, "box", -3, price=1.0)
    assert json.dumps(as_dict(client.costs("week")))


def test_a_lease_that_is_over_has_no_hours_left() -> None:
    assert hours_left(at(-1), NOW) == 0.0
    assert hours_left(at(1.5), NOW) == 1.5
    assert hours_left(None, NOW) is None
