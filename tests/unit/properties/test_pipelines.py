"""What follows what in a pipeline, over graphs of every shape."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lt_agent.protocol import states
from lt_controller.client.lanes import lanes
from lt_recipes.pipeline import graph
from support.steady import STEADY

NAMES = "abcdefgh"


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, frozenset[str]]:
    """Without cycles; the stages stand in any order."""
    count = draw(st.integers(1, len(NAMES)))
    made = {
        NAMES[n]: draw(st.frozensets(st.sampled_from(NAMES[:n]), max_size=3)) if n else frozenset()
        for n in range(count)
    }
    return {name: made[name] for name in draw(st.permutations(list(made)))}


def reached(needs: dict[str, frozenset[str]], name: str) -> set[str]:
    """All that `name` needs, near and far, found the simplest way."""
    found: set[str] = set()
    for need in needs[name]:
        found |= {need} | reached(needs, need)
    return found


def test_the_states_of_a_job_are_those_of_the_protocol() -> None:
    assert graph.RESTING == states.RESTING


@STEADY
@given(graphs())
def test_each_stage_comes_after_all_that_it_needs(needs: dict[str, frozenset[str]]) -> None:
    order = graph.in_order(needs)
    assert sorted(order) == sorted(needs) and graph.cycle(needs) == []
    for number, name in enumerate(order):
        assert needs[name] <= set(order[:number])


@STEADY
@given(st.lists(st.sampled_from(NAMES), min_size=1, unique=True), graphs())
def test_a_way_around_is_found_wherever_it_is(ring: list[str], needs: dict[str, frozenset[str]]) -> None:
    whole = {name: needs.get(name, frozenset()) for name in NAMES}
    for first, second in zip(ring, [*ring[1:], ring[0]], strict=True):
        whole[second] = whole[second] | {first}
    around = graph.cycle(whole)
    assert around[0] == around[-1]
    assert all(before in whole[after] for before, after in pairwise(around))


@STEADY
@given(graphs(), st.data())
def test_an_edited_stage_and_all_that_follow_run_anew_and_nothing_else_that_has_succeeded(
    needs: dict[str, frozenset[str]], data: st.DataObject
) -> None:
    edited = data.draw(st.sets(st.sampled_from(sorted(needs))))
    before = {name: graph.Before("old", needs[name], True, "succeeded") for name in needs}
    digests = {name: "new" if name in edited else "old" for name in needs}
    found = graph.actions(before, digests, needs, "succeeded")
    anew = {name for name in needs if name in edited or reached(needs, name) & edited}
    assert found == {name: graph.ANEW if name in anew else graph.KEEP for name in needs}
    assert anew == edited | graph.following(needs, edited)


@STEADY
@given(graphs(), st.data())
def test_going_on_runs_what_has_not_succeeded_and_nothing_that_has(
    needs: dict[str, frozenset[str]], data: st.DataObject
) -> None:
    states_of_jobs = st.sampled_from(["", "succeeded", "failed", "lost", "running", "paused", "timed_out", "cancelled"])
    jobs = {name: data.draw(states_of_jobs) for name in needs}
    before = {name: graph.Before("d", needs[name], bool(jobs[name]), jobs[name]) for name in needs}
    found = graph.actions(before, dict.fromkeys(needs, "d"), needs, "succeeded")
    expected = {"": graph.WAIT, "succeeded": graph.KEEP, "running": graph.KEEP}
    assert found == {name: expected.get(jobs[name], graph.AGAIN) for name in needs}


@STEADY
@given(graphs(), st.data())
def test_a_failure_blocks_what_needs_it_and_nothing_else(needs: dict[str, frozenset[str]], data: st.DataObject) -> None:
    failed = data.draw(st.sets(st.sampled_from(sorted(needs))))
    order = graph.in_order(needs)
    jobs: dict[str, str] = {}
    while ready := [n for n, s in graph.stage_states(order, needs, jobs, "succeeded").items() if s == "ready"]:
        jobs[ready[0]] = "failed" if ready[0] in failed else "succeeded"  # whatever the order in which they end
    found = graph.stage_states(order, needs, jobs, "succeeded")
    blocked = {name for name in needs if reached(needs, name) & failed}
    assert {name for name in needs if found[name] == "blocked"} == blocked
    assert all(found[name] == ("failed" if name in failed else "succeeded") for name in needs if name not in blocked)


@STEADY
@given(graphs())
def test_the_drawing_has_a_line_of_one_width_for_each_stage(needs: dict[str, frozenset[str]]) -> None:
    order = graph.in_order(needs)
    drawn = lanes(order, needs)
    assert list(drawn) == order
    assert len({len(before) + len(after) for before, after in drawn.values()}) == 1
    for name in order:
        joins = sum(letter in "├┼╰┴" for letter in drawn[name][0])
        assert joins == len(needs[name])
