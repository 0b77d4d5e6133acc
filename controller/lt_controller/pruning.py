"""Whether a trial goes on, from what it and the others have reported. Pure functions.

Optuna's pruners keep what they decided in the private attributes of their storage, which could not be made anew from
our tables after a crash; and a grid is pruned without Optuna.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

REDUCTION = 3  # one in so many goes on at each rung


@dataclass(frozen=True)
class Report:
    """A trial as far as its metric tells."""

    number: int
    steps: Mapping[int, float] = field(default_factory=dict)  # step → value
    finished: bool = False  # ran to its end: neither failed, nor pruned, nor at work


def behind_median(trial: Report, others: Sequence[Report], *, lower: bool, warmup: int = 0, startup: int = 5) -> bool:
    """Whether the best that `trial` has reported is worse than the median of what the finished ones had at that step.

    `lower`: lower values are better. Nothing is pruned before `startup` trials have finished and before step `warmup`.
    The rule is Vizier's median stopping (Golovin et al., 2017), as Optuna's MedianPruner has it.
    """
    if not trial.steps or len([other for other in others if other.finished]) < max(1, startup):
        return False
    step = max(trial.steps)
    then = [value for other in others if other.finished and (value := _at(other, step)) is not None]
    if step < warmup or not then:
        return False
    values = trial.steps.values()
    best = min(values) if lower else max(values)
    return best > median(then) if lower else best < median(then)


def behind_rung(trial: Report, others: Sequence[Report], *, lower: bool, judged: int = -1, warmup: int = 0) -> bool:
    """Whether `trial` is not among the best third of its bracket at the rung that it has come to since step `judged`.

    Successive halving without waiting (Li et al., 2020) in the brackets of Hyperband (Li et al., 2018): a bracket's
    first rung is at `warmup` × 3^bracket, the next at three times that. How many there are follows from the longest
    trial that has finished; before there is one, nothing is pruned.
    """
    longest = max((max(other.steps) for other in others if other.finished and other.steps), default=0)
    first = max(1, warmup)
    if not trial.steps or longest < first:
        return False
    brackets = int(math.log(longest / first, REDUCTION) + 1e-9) + 1
    bracket = trial.number % brackets
    step, rung = max(trial.steps), first * REDUCTION**bracket
    while rung * REDUCTION <= step:
        rung *= REDUCTION
    if step < rung or rung <= judged or rung >= longest:
        return False
    own = _at(trial, rung)
    if own is None:
        return False
    mates = [other for other in others if other.number % brackets == bracket and other.number != trial.number]
    values = [
        value for mate in mates if mate.steps and max(mate.steps) >= rung and (value := _at(mate, rung)) is not None
    ]
    ranked = sorted([*values, own], reverse=not lower)
    bar = ranked[max(1, len(ranked) // REDUCTION) - 1]
    return own > bar if lower else own < bar


def _at(report: Report, step: int) -> float | None:
    """The newest value at or before a step: trials need not report at the same ones."""
    known = [at for at in report.steps if at <= step]
    return report.steps[max(known)] if known else None
