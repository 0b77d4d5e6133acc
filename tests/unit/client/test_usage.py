"""How busy hosts were, as the client tells it: values in order of time, and bars that show when."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from lt_controller.client import Client, clock
from lt_controller.client.details import UsagePoint
from lt_controller.client.usage import bars, bins, lines, mean
from lt_controller.store import usage
from support.store import Store

NOW = datetime(2026, 3, 18, 12, tzinfo=timezone.utc)


def point(minutes: float, value: float, seconds: int = 60) -> UsagePoint:
    return UsagePoint(NOW + timedelta(minutes=minutes), value, seconds)


def test_values_of_all_ages_come_in_order_of_time(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    now = NOW.timestamp()
    for age in (30, 7200, 90, 100_000, 40 * usage.DAY):
        usage.add(store.db, "box", now - age, {"cpu": 50, "gpu": age % 100}, now)
    usage.add(store.db, "other", now, {"cpu": 99}, now)
    found = client.usage("box")
    assert set(found) == {"cpu", "gpu"}
    assert [each.seconds for each in found["cpu"]] == [60, 10, 10]
    assert len(client.usage("box", NOW - timedelta(days=300))["cpu"]) == 5
    assert client.usage("nowhere") == {}


def test_a_mean_weighs_by_time() -> None:
    assert mean([point(0, 100, 60), point(1, 0, 180)]) == pytest.approx(25)


def test_bins_share_a_value_that_lies_in_two_and_leave_gaps() -> None:
    found = bins([point(0.5, 80), point(1.5, 20)], NOW, NOW + timedelta(minutes=4), 4)
    assert found == [80.0, 50.0, 20.0, None]
    assert bars([0, 99.9, 100, None, 13]) == "▁██ ▂"


def test_lines_begin_with_gpus() -> None:
    points = [point(0, 60)]
    told = lines({"disk": points, "gpu": points, "cpu": []}, NOW, NOW + timedelta(minutes=1), 2)
    assert told == [("gpu", "▅▅ 60%"), ("disk", "▅▅ 60%")]
