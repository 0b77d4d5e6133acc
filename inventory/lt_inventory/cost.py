"""What a host's hours cost, and whom: pure arithmetic over times (seconds since the epoch) and prices per hour.

The rule, said in `docs/cost.md`: while anything of ours runs on a host, the hour's whole price is that of the jobs that
run, each by its share of what they hold together (a job weighs as many slots as it takes: its GPUs, at least 1). While
nothing of ours runs on a host that is rented, the hour is idle, and its price is nobody's. So a host's cost is always
that of its jobs plus that of its idle hours.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

HOUR = 3600.0


@dataclass(frozen=True)
class Span:
    """A time in which one attempt of a job ran, and the slots that it took."""

    job: str
    begin: float
    end: float
    weight: int = 1


@dataclass(frozen=True)
class Term:
    """A time in which a price held; None: not known. `rented`: hours in which nothing runs are paid for as well."""

    begin: float
    end: float
    price: float | None = None
    rented: bool = False


@dataclass(frozen=True)
class Charge:
    """Hours of a host and what they cost. `unpriced` are those of the hours whose price is not known."""

    hours: float = 0.0
    cost: float = 0.0
    unpriced: float = 0.0

    def __add__(self, other: Charge) -> Charge:
        return Charge(self.hours + other.hours, self.cost + other.cost, self.unpriced + other.unpriced)

    @property
    def known(self) -> float | None:
        """The cost; None where not one of its hours has a known price."""
        return None if self.hours > 0 and self.unpriced >= self.hours * (1 - 1e-9) else self.cost


class HostCost:
    """One host's hours, laid out once, then asked for any job and any stretch of time in logarithmic time."""

    def __init__(self, spans: Iterable[Span], terms: Sequence[Term]) -> None:
        """`terms` are in order of time and don't overlap. A time that none covers has no known price."""
        spans = [span for span in spans if span.end > span.begin]
        moves: dict[float, int] = {}
        for span in spans:
            moves[span.begin] = moves.get(span.begin, 0) + span.weight
            moves[span.end] = moves.get(span.end, 0) - span.weight
        edges = {edge for term in terms for edge in (term.begin, term.end)}
        self._times = sorted(moves.keys() | edges)
        self._share, self._busy, self._idle = _Sums(), _Sums(), _Sums()
        weight, at = 0, 0
        for begin, end in zip(self._times, self._times[1:], strict=False):
            weight += moves.get(begin, 0)
            while at < len(terms) and terms[at].end <= begin:
                at += 1
            term = terms[at] if at < len(terms) and terms[at].begin <= begin else Term(begin, end)
            hours = (end - begin) / HOUR
            self._share.add(hours / weight if weight else 0.0, term.price)
            self._busy.add(hours if weight else 0.0, term.price)
            self._idle.add(hours if not weight and term.rented else 0.0, term.price)

    def of(self, span: Span, since: float = float("-inf"), until: float = float("inf")) -> Charge:
        """The share of a span, one of those it was made with; within `since` and `until`."""
        begin, end = max(span.begin, since), min(span.end, until)
        share = self._between(self._share, begin, end)
        return Charge(share.hours * span.weight, share.cost * span.weight, share.unpriced * span.weight)

    def busy(self, since: float = float("-inf"), until: float = float("inf")) -> Charge:
        """The hours in which anything ran: the sum of all shares."""
        return self._between(self._busy, since, until)

    def idle(self, since: float = float("-inf"), until: float = float("inf")) -> Charge:
        """The rented hours in which nothing ran."""
        return self._between(self._idle, since, until)

    def _between(self, sums: _Sums, begin: float, end: float) -> Charge:
        if not self._times or end <= begin:
            return Charge()
        first, last = self._at(sums, begin), self._at(sums, end)
        return Charge(*(max(0.0, b - a) for a, b in zip(first, last, strict=True)))

    def _at(self, sums: _Sums, time: float) -> tuple[float, float, float]:
        """The three sums up to `time`: they rise evenly between two edges."""
        if time <= self._times[0]:
            return 0.0, 0.0, 0.0
        if time >= self._times[-1]:
            return sums.at(len(self._times) - 1)
        i = bisect_right(self._times, time) - 1
        part = (time - self._times[i]) / (self._times[i + 1] - self._times[i])
        low, high = sums.at(i), sums.at(i + 1)
        return (
            low[0] + part * (high[0] - low[0]),
            low[1] + part * (high[1] - low[1]),
            low[2] + part * (high[2] - low[2]),
        )


class _Sums:
    """Hours, cost and unpriced hours up to each edge."""

    def __init__(self) -> None:
        self._hours, self._cost, self._unpriced = [0.0], [0.0], [0.0]

    def add(self, hours: float, price: float | None) -> None:
        self._hours.append(self._hours[-1] + hours)
        self._cost.append(self._cost[-1] + hours * (price or 0.0))
        self._unpriced.append(self._unpriced[-1] + (hours if price is None else 0.0))

    def at(self, edge: int) -> tuple[float, float, float]:
        return self._hours[edge], self._cost[edge], self._unpriced[edge]
