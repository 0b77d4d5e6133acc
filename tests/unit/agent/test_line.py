"""The line of a machine as a pure function: who is next, who starts, and that nobody waits for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lt_agent.line import DAY, MOST_PRIORITY, Free, Machine, Wish, decide, impossible, order

NOW = 1_800_000_000.0
GIB = 1 << 30


def wish(key: str, **fields: object) -> Wish:
    values: dict[str, object] = {"arrived": NOW - 100, "seen": NOW - 100}
    return Wish(key, **{**values, **fields})  # type: ignore[arg-type]


@st.composite
def wishes(draw: st.DrawFn, users: int = 3) -> list[Wish]:
    count = draw(st.integers(0, 12))
    return [
        Wish(
            f"{number:02d}",
            user=draw(st.integers(1, users)),
            arrived=NOW - draw(st.floats(-10 * DAY, 300 * DAY)),
            seen=NOW - draw(st.floats(0, 300 * DAY)),
            priority=draw(st.integers(-1000, 1000)),
            gpus=draw(st.integers(0, 4)),
            gpu_memory=draw(st.sampled_from([0, 24 * GIB, 80 * GIB])),
            cpus=draw(st.integers(0, 8)),
            not_before=draw(st.sampled_from([0.0, NOW - 5, NOW + 60])),
        )
        for number in range(count)
    ]


MACHINES = st.builds(
    Machine,
    slots=st.integers(1, 4),
    gpus=st.sampled_from([{}, {"a": 80 * GIB}, {"a": 24 * GIB, "b": 80 * GIB, "c": 80 * GIB, "d": 24 * GIB}]),
    capped=st.booleans(),
    cpus=st.integers(1, 16),
)


def all_free(machine: Machine, foreign: frozenset[str] = frozenset()) -> Free:
    return Free(machine.slots, dict.fromkeys(machine.gpus, machine.shares), foreign, machine.cpus, 1 << 50)


@given(wishes(), st.randoms())
def test_the_line_is_the_same_whatever_the_folder_lists_first(found: list[Wish], random: object) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert order(shuffled, NOW) == order(found, NOW)
    assert sorted(w.key for w in order(found, NOW)) == sorted(w.key for w in found)


@given(wishes(users=1))
def test_of_one_priority_the_older_goes_first_and_a_higher_one_before_what_is_no_day_older(found: list[Wish]) -> None:
    line = order(found, NOW)
    for number, first in enumerate(line):
        for second in line[number + 1 :]:
            ahead = max(-MOST_PRIORITY, min(MOST_PRIORITY, first.priority))
            behind = max(-MOST_PRIORITY, min(MOST_PRIORITY, second.priority))
            older = min(second.arrived, NOW) - min(first.arrived, NOW)  # seconds that the first came before
            assert older + (ahead - behind) * DAY >= -1e-3


@given(st.lists(st.integers(-MOST_PRIORITY, MOST_PRIORITY), max_size=20), st.integers(-MOST_PRIORITY, MOST_PRIORITY))
def test_nobody_waits_for_ever(later: list[int], priority: int) -> None:
    """Whatever comes when a job has waited 200 days and a bit goes behind it."""
    old = wish("old", arrived=NOW - (2 * MOST_PRIORITY + 1) * DAY, priority=priority)
    fresh = [wish(f"new-{number}", arrived=NOW, priority=p) for number, p in enumerate(later)]
    assert order([*fresh, old], NOW)[0] == old


@given(wishes())
def test_a_user_with_many_jobs_is_as_long_a_wait_to_others_as_one_with_few(found: list[Wish]) -> None:
    line = order(found, NOW)
    users = {w.user for w in found}
    for user in users:
        places = [place for place, w in enumerate(line) if w.user == user]
        assert all(place < (turn + 1) * len(users) for turn, place in enumerate(places))


@given(wishes(), st.integers(-(10**9), 10**9), st.floats(0, 1e11))
def test_what_another_user_has_written_down_moves_nobody_of_mine(found: list[Wish], priority: int, date: float) -> None:
    forged = [w if w.user == 1 else replace(w, priority=priority, arrived=date) for w in found]
    mine = [place for place, w in enumerate(order(found, NOW)) if w.user == 1]
    assert [place for place, w in enumerate(order(forged, NOW)) if w.user == 1] == mine


@given(wishes(), MACHINES, st.sets(st.sampled_from("abcd")))
def test_never_more_is_granted_than_is_free(found: list[Wish], machine: Machine, foreign: set[str]) -> None:
    line = [w for w in order(found, NOW) if impossible(w, machine) is None]
    started = [v for v in decide(line, machine, all_free(machine, frozenset(foreign)), NOW) if v.starts]
    taken = [gpu for v in started for gpu in v.gpus]
    assert len(taken) == len(set(taken)) and not set(taken) & foreign
    assert sum(v.slots for v in started) <= machine.slots
    assert sum(v.wish.cpus for v in started) <= machine.cpus
    for v in started:
        assert v.wish.not_before <= NOW
        if machine.gpus:
            assert len(v.gpus) == v.wish.gpus
            assert all(machine.gpus[gpu] >= v.wish.gpu_memory for gpu in v.gpus)


@given(wishes(), MACHINES)
def test_the_first_that_is_ready_and_possible_starts_on_an_empty_machine(found: list[Wish], machine: Machine) -> None:
    line = [w for w in order(found, NOW) if impossible(w, machine) is None]
    ready = [v for v in decide(line, machine, all_free(machine), NOW) if v.code != "retry"]
    assert not ready or ready[0].starts


@given(wishes(), MACHINES)
def test_who_waits_has_a_place_and_a_reason(found: list[Wish], machine: Machine) -> None:
    line = [w for w in order(found, NOW) if impossible(w, machine) is None]
    verdicts = decide(line, machine, replace(all_free(machine), slots=0, gpus={}), NOW)
    waiting = [v for v in verdicts if v.code != "retry" and not v.starts]
    assert [v.place for v in waiting] == list(range(1, len(waiting) + 1))
    assert all(v.code for v in waiting)


FOUR = Machine(slots=4, gpus={"a": 24 * GIB, "b": 80 * GIB, "c": 80 * GIB, "d": 24 * GIB}, capped=False, cpus=8)


@given(st.lists(st.integers(1, 3), max_size=6))
def test_small_jobs_never_take_what_a_large_one_before_them_waits_for(small: list[int]) -> None:
    line = [wish("0", gpus=4), *(wish(str(number + 1), gpus=gpus) for number, gpus in enumerate(small))]
    verdicts = decide(line, FOUR, replace(all_free(FOUR), gpus={"a": 1, "b": 1, "c": 1, "d": 0}), NOW)
    assert not any(v.starts for v in verdicts)
    assert (verdicts[0].code, verdicts[0].params) == ("gpus", {"wanted": 4, "free": 3, "there": 4})
    assert all((v.code, v.params) == ("turn", {"ahead": n}) for n, v in enumerate(verdicts) if n)


def test_a_job_passes_one_that_waits_for_what_it_cannot_use() -> None:
    line = [wish("0", gpus=2, gpu_memory=80 * GIB), wish("1", gpus=1), wish("2", gpus=0), wish("3", gpus=1)]
    verdicts = decide(line, FOUR, replace(all_free(FOUR), gpus={"a": 1, "b": 1, "c": 0, "d": 0}), NOW)
    assert [v.starts for v in verdicts] == [False, True, True, False]
    assert verdicts[0].code == "gpu_memory" and verdicts[0].params["free"] == 1
    assert verdicts[1].gpus == ("a",) and verdicts[2].gpus == ()


def test_a_date_to_come_counts_as_now() -> None:
    """A clock that is ahead, or was, must not keep a job behind all that comes in the meantime."""
    ahead = wish("a", arrived=NOW + 10 * DAY, priority=1)
    assert order([wish("b", arrived=NOW), ahead], NOW)[0] == ahead


def test_cores_that_a_job_waits_for_are_kept_for_it() -> None:
    large = wish("0", gpus=1, gpu_memory=80 * GIB, cpus=8)
    free = replace(all_free(FOUR), cpus=4)
    assert [v.code for v in decide([large, wish("1", gpus=1, cpus=1)], FOUR, free, NOW)] == ["cpus", "turn"]
    assert decide([large, wish("1", gpus=1)], FOUR, free, NOW)[1].starts


def test_a_gpu_that_nobody_uses_is_given_before_one_that_is_shared() -> None:
    two = Machine(slots=4, gpus={"a": 0, "b": 0}, shares=2)
    (verdict,) = decide([wish("0", gpus=1)], two, replace(all_free(two), gpus={"a": 1, "b": 2}), NOW)
    assert verdict.gpus == ("b",)


def test_small_jobs_get_the_small_gpus() -> None:
    line = [wish("0", gpus=1), wish("1", gpus=1, gpu_memory=80 * GIB)]
    assert [v.gpus for v in decide(line, FOUR, all_free(FOUR), NOW)] == [("a",), ("b",)]


def test_what_waits_for_a_foreign_process_or_the_disk_holds_up_nobody() -> None:
    line = [wish("0", gpus=4), wish("1", gpus=2), wish("2", gpus=0, disk=1 << 40), wish("3", gpus=0)]
    free = replace(all_free(FOUR, frozenset({"b"})), disk=1 << 30)
    verdicts = decide(line, FOUR, free, NOW)
    assert [v.starts for v in verdicts] == [False, True, False, True]
    assert (verdicts[0].code, verdicts[0].params["gpus"]) == ("foreign", ["b"])
    assert verdicts[2].code == "disk"


def test_a_retry_stands_in_no_line_until_its_time() -> None:
    line = [wish("0", not_before=NOW + 30, again={"reason": "oom", "try": 1}), wish("1")]
    verdicts = decide(line, Machine(slots=1), Free(slots=1), NOW)
    assert (verdicts[0].code, verdicts[0].place) == ("retry", None)
    assert verdicts[0].params == {"reason": "oom", "try": 1, "at": NOW + 30}
    assert verdicts[1].starts
    assert decide(line, Machine(slots=1), Free(slots=1), NOW + 31)[0].starts


def test_a_time_that_only_a_jumped_clock_explains_is_no_reason_to_wait() -> None:
    assert decide([wish("0", not_before=NOW + 10 * DAY)], Machine(slots=1), Free(slots=1), NOW)[0].starts


def test_cpus_are_counted_among_those_who_ask_for_some() -> None:
    machine = Machine(slots=8, cpus=8)
    line = [wish("0", cpus=6), wish("1", cpus=4), wish("2", cpus=1), wish("3")]
    verdicts = decide(line, machine, all_free(machine), NOW)
    assert [v.starts for v in verdicts] == [True, False, False, True]
    assert (verdicts[1].code, verdicts[2].code) == ("cpus", "turn")


def test_of_what_is_not_short_a_job_that_waits_keeps_its_own_part_alone() -> None:
    line = [wish("0", gpus=1, cpus=8), *(wish(str(number), gpus=1) for number in range(1, 5))]
    verdicts = decide(line, FOUR, replace(all_free(FOUR), cpus=4), NOW)
    assert [v.starts for v in verdicts] == [False, True, True, True, False]
    assert verdicts[0].code == "cpus" and len({gpu for v in verdicts for gpu in v.gpus}) == 3


@pytest.mark.parametrize(
    ("asked", "machine", "reason"),
    [
        (wish("a", gpus=3), Machine(slots=2), "not_enough_slots"),
        (wish("a", gpus=5), FOUR, "not_enough_gpus"),
        (wish("a", gpus=3, gpu_memory=80 * GIB), FOUR, "not_enough_gpu_memory"),
        (wish("a", cpus=9), FOUR, "not_enough_cpus"),
        (wish("a", disk=2000), replace(FOUR, disk=1000), "not_enough_disk"),
    ],
)
def test_a_wish_that_can_never_be_granted_is_told_as_that(asked: Wish, machine: Machine, reason: str) -> None:
    found = impossible(asked, machine)
    assert found is not None and found[0] == reason


def test_more_slots_than_gpus_share_them_and_fewer_are_a_cap() -> None:
    one = Machine(slots=2, gpus={"a": 0}, shares=2, capped=True)
    shared = decide([wish("0", gpus=1), wish("1", gpus=1), wish("2", gpus=1)], one, all_free(one), NOW)
    assert [v.starts for v in shared] == [True, True, False]
    two = Machine(slots=1, gpus={"a": 0, "b": 0}, capped=True)
    capped = decide([wish("0", gpus=1), wish("1", gpus=1)], two, all_free(two), NOW)
    assert [v.starts for v in capped] == [True, False] and capped[1].code == "slot"
