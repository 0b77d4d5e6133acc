"""Which host a job goes to, as a pure function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lt_inventory.facts import Facts
from lt_inventory.model import Host
from lt_inventory.placement import Need, Standing, best, rank

NOW = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)
GIB = 1 << 30


def facts(gpus: int = 1, memory: int = 24, used: int = 0, disk: int = 500, util: int = 0) -> Facts:
    return Facts.of(
        {
            "gpus": [
                {
                    "index": n,
                    "uuid": f"GPU-{n}",
                    "name": "any",
                    "memory_total": memory * GIB,
                    "memory_free": (memory - used) * GIB,
                    "driver": "570.1",
                    "util": util,
                }
                for n in range(gpus)
            ],
            "cpu": {"count": 16},
            "disks": {"root": {"path": "/data", "total": 1000 * GIB, "free": disk * GIB, "filesystem": "ext4"}},
        }
    )


def box(name: str, *, seen: Facts | None = None, state: str = "reachable", **more: Any) -> Standing:
    host = {key: more.pop(key) for key in ("price", "until", "slots") if key in more}
    return Standing(Host(name, "10.0.0.1", **host), seen or facts(), state, **more)


def names(need: Need, *standings: Standing) -> list[str]:
    return [found.host for found in rank(need, standings, NOW) if found.fits]


def test_a_host_that_could_begin_at_once_comes_before_a_cheaper_one_with_a_line() -> None:
    assert names(Need(gpus=1), box("cheap", price=0.5, taken=1, waiting=2), box("free", price=3.0)) == ["free", "cheap"]


def test_of_two_free_hosts_the_cheaper_hour_wins_then_the_data_then_the_smaller_gpu() -> None:
    assert names(Need(gpus=1), box("a", price=2.0), box("b", price=1.0)) == ["b", "a"]
    assert names(Need(gpus=1), box("a", to_send=GIB), box("b")) == ["b", "a"]
    assert names(Need(gpus=1), box("large", seen=facts(memory=80)), box("small")) == ["small", "large"]
    assert names(Need(gpus=1), box("a"), box("b", has_env=True)) == ["b", "a"]


def test_a_line_counts_by_the_places_that_serve_it() -> None:
    wide = box("wide", seen=facts(gpus=8), taken=8, waiting=4)
    assert names(Need(gpus=1), box("narrow", taken=1, waiting=1), wide) == ["wide", "narrow"]


def test_an_hour_of_unknown_price_comes_after_the_dearest() -> None:
    assert names(Need(gpus=1), box("a"), box("b", price=90.0)) == ["b", "a"]


def test_what_else_is_equal_goes_to_the_longer_lease_and_first_to_a_host_without_an_end() -> None:
    ends = {"a": NOW + timedelta(hours=10), "b": NOW + timedelta(hours=20), "c": None}
    assert names(Need(gpus=1), *(box(name, until=until) for name, until in ends.items())) == ["c", "b", "a"]


def test_a_gpu_that_somebody_else_uses_is_not_free() -> None:
    for taken in (facts(used=20), facts(util=90)):
        assert names(Need(gpus=1), box("a", seen=taken, price=1.0), box("b", price=9.0)) == ["b", "a"]


def test_a_gpu_that_is_busy_with_our_own_job_is_counted_once() -> None:
    seen = facts(gpus=4)
    seen = replace(seen, gpus=(replace(seen.gpus[0], memory_free=0), *seen.gpus[1:]))
    assert rank(Need(gpus=3), [box("a", seen=seen, taken=1)], NOW)[0].at_once
    assert not rank(Need(gpus=4), [box("a", seen=seen, taken=0)], NOW)[0].at_once


def test_what_is_yet_to_be_sent_needs_room_as_well() -> None:
    full = box("a", seen=facts(disk=10), to_send=6 * GIB)
    assert rank(Need(disk=4 * GIB), [full], NOW)[0].fits
    assert rank(Need(disk=5 * GIB), [full], NOW)[0].passed_over == "disk_too_small"


@pytest.mark.parametrize(
    ("standing", "why"),
    [
        (box("x", state="unreachable"), "host_is_unreachable"),
        (box("x", state="refused"), "host_is_refused"),
        (box("x", closed="drained"), "host_drained"),
        (box("x", closed="retired"), "host_retired"),
        (box("x", problem="no_python"), "no_python"),
        (box("x", seen=facts(gpus=0)), "too_few_gpus"),
        (box("x", slots=1, seen=facts(gpus=4)), "too_few_gpus"),
        (box("x", seen=facts(gpus=2, memory=8)), "gpu_too_small"),
        (box("x", seen=facts(gpus=2, disk=1)), "disk_too_small"),
        (box("x", seen=facts(gpus=2), until=NOW - timedelta(hours=1)), "lease_over"),
        (box("x", seen=facts(gpus=2), until=NOW + timedelta(hours=2)), "lease_too_short"),
        (Standing(Host("x", "10.0.0.1")), "host_never_seen"),
    ],
)
def test_a_host_is_passed_over_for_a_reason(standing: Standing, why: str) -> None:
    need = Need(gpus=2, gpu_memory=20 * GIB, disk=10 * GIB, hours=3)
    (found,) = rank(need, [standing], NOW)
    assert (found.passed_over, found.fits) == (why, False)
    assert best([found]) is None


def test_one_large_gpu_among_small_ones_is_enough_for_a_job_of_one() -> None:
    mixed = facts(gpus=1, memory=80).raw["gpus"] + facts(gpus=1, memory=8).raw["gpus"]
    seen = Facts.of({**facts().raw, "gpus": mixed})
    assert names(Need(gpus=1, gpu_memory=40 * GIB), box("x", seen=seen)) == ["x"]
    assert names(Need(gpus=2, gpu_memory=40 * GIB), box("x", seen=seen)) == []


standings = st.builds(
    box,
    st.text("abcdef", min_size=1, max_size=3),
    state=st.sampled_from(["reachable", "unknown", "unreachable"]),
    seen=st.builds(facts, st.integers(0, 4), st.sampled_from([8, 24, 80]), st.integers(0, 8), st.integers(0, 100)),
    taken=st.integers(0, 5),
    waiting=st.integers(0, 5),
    to_send=st.integers(0, 10 * GIB),
    price=st.one_of(st.none(), st.floats(0, 10)),
    until=st.one_of(st.none(), st.integers(-5, 50).map(lambda hours: NOW + timedelta(hours=hours))),
)
needs = st.builds(Need, gpus=st.integers(0, 3), gpu_memory=st.sampled_from([None, 10 * GIB, 40 * GIB]))


@given(needs, st.lists(standings, max_size=6, unique_by=lambda one: one.host.name), st.randoms())
def test_the_order_in_which_hosts_are_named_changes_nothing(need: Need, found: list[Standing], random: Any) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)
    assert rank(need, found, NOW) == rank(need, shuffled, NOW)


@given(needs, st.lists(standings, max_size=6, unique_by=lambda one: one.host.name))
def test_nobody_who_fits_comes_after_one_who_is_passed_over(need: Need, found: list[Standing]) -> None:
    fits = [one.fits for one in rank(need, found, NOW)]
    assert fits == sorted(fits, reverse=True)
    by_name = {one.host.name: one for one in found}
    for one in rank(need, found, NOW):
        if one.fits:
            seen = by_name[one.host].facts
            assert seen is not None and len(seen.gpus) >= need.gpus


@given(needs, standings)
def test_a_host_never_gains_by_more_work_in_its_line(need: Need, one: Standing) -> None:
    worse: Callable[[Standing], Standing] = lambda s: replace(s, host=replace(s.host, name="zz"), waiting=s.waiting + 1)  # noqa: E731
    twin = replace(one, host=replace(one.host, name="aa"))
    ranks = rank(need, [worse(one), twin], NOW)
    assert [found.host for found in ranks] == ["aa", "zz"]
