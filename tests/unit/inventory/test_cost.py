"""Whose an hour of a host is, and what it costs: the sums come out whatever ran beside whatever at whatever price."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lt_inventory.cost import HOUR, Charge, HostCost, Span, Term
from support.steady import STEADY


def span(job: str, begin: float, end: float, weight: int = 1) -> Span:
    return Span(job, begin * HOUR, end * HOUR, weight)


def term(begin: float, end: float, price: float | None = None, *, rented: bool = True) -> Term:
    return Term(begin * HOUR, end * HOUR, price, rented)


def near(charge: Charge) -> tuple[object, ...]:
    return tuple(pytest.approx(value, abs=1e-6) for value in (charge.hours, charge.cost, charge.unpriced))


def parts(charge: Charge) -> tuple[float, ...]:
    return charge.hours, charge.cost, charge.unpriced


def test_jobs_side_by_side_share_an_hour_by_the_gpus_they_take() -> None:
    two, one = span("two", 0, 2, weight=2), span("one", 1, 2)
    cost = HostCost([two, one], [term(0, 4, 3.0)])
    assert parts(cost.of(two)) == near(Charge(1 + 2 / 3, 3 + 2))
    assert parts(cost.of(one)) == near(Charge(1 / 3, 1))
    assert parts(cost.busy()) == near(Charge(2, 6))
    assert parts(cost.idle()) == near(Charge(2, 6))


def test_a_price_counts_for_the_hours_in_which_it_held() -> None:
    job = span("a", 0, 4)
    cost = HostCost([job], [term(0, 1, 1.0), term(1, 3, 10.0), term(3, 9)])
    assert parts(cost.of(job)) == near(Charge(4, 21, unpriced=1))
    assert parts(cost.of(job, 2 * HOUR, 3.5 * HOUR)) == near(Charge(1.5, 10, unpriced=0.5))
    assert cost.of(job, 3 * HOUR).known is None
    assert cost.idle().known is None and cost.idle().hours == pytest.approx(5)


def test_a_host_that_is_not_rented_is_never_idle() -> None:
    cost = HostCost([span("a", 1, 2)], [term(0, 5, 2.0, rented=False)])
    assert parts(cost.idle()) == near(Charge())
    assert cost.busy().cost == pytest.approx(2)


def test_hours_outside_of_every_term_have_no_known_price() -> None:
    job = span("a", 0, 2)
    assert parts(HostCost([job], []).of(job)) == near(Charge(2, 0, unpriced=2))
    assert HostCost([], []).idle() == Charge()


HOURS = st.integers(0, 40)
SPANS = st.lists(
    st.builds(lambda n, begin, length, weight: span(f"j{n}", begin, begin + length, weight), st.integers(0, 5), HOURS,
              st.integers(0, 12), st.integers(1, 8)),
    max_size=12,
)  # fmt: skip
PRICES = st.lists(st.tuples(st.integers(1, 9), st.one_of(st.none(), st.floats(0, 50)), st.booleans()), max_size=6)


def terms(pieces: list[tuple[int, float | None, bool]]) -> list[Term]:
    """One after the other, from hour 3 on."""
    found, at = [], 3
    for length, price, rented in pieces:
        found.append(term(at, at + length, price, rented=rented))
        at += length
    return found


@STEADY
@given(SPANS, PRICES, HOURS, HOURS)
def test_a_hosts_cost_is_that_of_its_jobs_and_its_idle_hours(
    spans: list[Span], prices: list[tuple[int, float | None, bool]], one: int, other: int
) -> None:
    held = terms(prices)
    cost = HostCost(spans, held)
    since, until = min(one, other) * HOUR, max(one, other) * HOUR
    for window in ((), (since, until)):
        shares = sum((cost.of(found, *window) for found in spans), Charge())
        assert parts(shares) == near(cost.busy(*window))
    # What is paid for, told another way: hour by hour.
    whole = 0.0
    for hour in range(60):
        middle = (hour + 0.5) * HOUR
        price = next((found.price for found in held if found.begin <= middle < found.end), None)
        rented = any(found.rented for found in held if found.begin <= middle < found.end)
        if rented or any(found.begin <= middle < found.end for found in spans):
            whole += price or 0.0
    assert (cost.busy() + cost.idle()).cost == pytest.approx(whole, abs=1e-6)


@STEADY
@given(SPANS, PRICES, HOURS)
def test_two_stretches_of_time_are_together_what_the_whole_is(
    spans: list[Span], prices: list[tuple[int, float | None, bool]], cut: int
) -> None:
    cost = HostCost(spans, terms(prices))
    at = cut * HOUR
    for ask in (cost.busy, cost.idle):
        assert parts(ask(until=at) + ask(since=at)) == near(ask())
