"""Which trials are pruned: pure rules over what they have reported."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from lt_controller.pruning import Report, behind_median, behind_rung
from support.steady import STEADY


def trial(number: int, *values: float, finished: bool = True, every: int = 1) -> Report:
    return Report(number, {(step + 1) * every: value for step, value in enumerate(values)}, finished)


DONE = [trial(n, 5.0, 4.0, float(n)) for n in range(1, 6)]


def test_a_trial_worse_than_the_median_at_its_step_is_pruned() -> None:
    assert behind_median(trial(9, 5.0, 4.1, finished=False), DONE, lower=True)
    assert not behind_median(trial(9, 5.0, 3.9, finished=False), DONE, lower=True)
    assert behind_median(trial(9, 5.0, 3.9, finished=False), DONE, lower=False) is False  # 5.0 was its best
    assert behind_median(trial(9, 3.0, 3.9, finished=False), DONE, lower=False)


def test_nothing_is_pruned_before_enough_have_finished_or_before_the_warmup() -> None:
    bad = trial(9, 9.0, 9.0, finished=False)
    assert not behind_median(bad, DONE[:4], lower=True)
    assert behind_median(bad, DONE[:4], lower=True, startup=4)
    assert not behind_median(bad, DONE, lower=True, warmup=3)
    assert not behind_median(trial(9, finished=False), DONE, lower=True)
    unfinished = [Report(each.number, each.steps) for each in DONE]
    assert not behind_median(bad, unfinished, lower=True)


def test_a_step_that_others_did_not_report_is_compared_with_the_one_before() -> None:
    assert behind_median(Report(9, {25: 4.5}), [trial(n, 5.0, 4.0, 1.0, every=10) for n in range(5)], lower=True)


def test_at_each_rung_the_best_third_goes_on() -> None:
    # Longest 9, first rung 1: three brackets; numbers 3, 6, 9 … are in the bracket whose rungs are 1, 3.
    mates = [trial(3 * n, *([float(n)] * 9)) for n in range(1, 6)]
    assert behind_rung(trial(30, 2.5, 2.5, 2.5, finished=False), mates, lower=True)
    assert not behind_rung(trial(30, 1.5, 1.5, 1.5, finished=False), mates, lower=True)
    assert not behind_rung(trial(30, 2.5, 2.5, 2.5, finished=False), mates, lower=True, judged=3)
    assert not behind_rung(trial(31, 2.5, 2.5, finished=False), mates, lower=True)  # alone in its bracket
    assert not behind_rung(trial(30, 2.5, finished=False), [], lower=True)


REPORTS = st.dictionaries(st.integers(1, 30), st.floats(-5, 5), max_size=6)


@given(REPORTS, st.lists(REPORTS, max_size=8), st.booleans(), st.integers(0, 5), st.integers(1, 5))
@settings(STEADY, max_examples=150)
def test_the_best_so_far_is_never_pruned_and_signs_are_all_that_directions_differ_by(
    mine: dict[int, float], theirs: list[dict[int, float]], lower: bool, warmup: int, startup: int
) -> None:
    own = Report(1, mine)
    others = [Report(number + 2, steps, finished=True) for number, steps in enumerate(theirs)]
    negated = Report(1, {step: -value for step, value in mine.items()})
    mirrored = [Report(o.number, {s: -v for s, v in o.steps.items()}, True) for o in others]
    for rule, more in ((behind_median, {"startup": startup}), (behind_rung, {})):
        found = rule(own, others, lower=lower, warmup=warmup, **more)
        assert found == rule(negated, mirrored, lower=not lower, warmup=warmup, **more)
        values = [v for o in others for v in o.steps.values()]
        pick = min if lower else max
        if mine and pick([*values, *mine.values()]) in mine.values() and len(set(mine.values())) == 1:
            assert not found
