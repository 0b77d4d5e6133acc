"""What follows what, and what a changed file makes necessary. Pure functions: no file, no host, no clock."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

#: What has to be done with a stage, see `actions`.
KEEP, AGAIN, ANEW, WAIT = "keep", "again", "anew", "wait"


def in_order(needs: Mapping[str, Collection[str]]) -> list[str]:
    """The stages, each after all that it needs; otherwise as they stand in the file.

    Raises graphlib.CycleError, whose second argument is the way around: the first stage is the last one, too.
    """
    sorter = TopologicalSorter(needs)
    sorter.prepare()
    place = {name: number for number, name in enumerate(needs)}
    found: list[str] = []
    ready: list[str] = []
    while sorter.is_active():
        ready = sorted({*ready, *sorter.get_ready()}, key=place.__getitem__)
        first, *ready = ready
        found.append(first)
        sorter.done(first)
    return found


def cycle(needs: Mapping[str, Collection[str]]) -> list[str]:
    """Stages of which each is needed by the next, the first one being the last too; empty if there is no such way."""
    try:
        in_order(needs)
    except CycleError as error:
        return list(error.args[1])
    return []


def following(needs: Mapping[str, Collection[str]], names: Collection[str]) -> set[str]:
    """All that comes after one of `names`, near and far; without these themselves."""
    found: set[str] = set()
    for name in in_order(needs):
        if any(need in found or need in names for need in needs[name]):
            found.add(name)
    return found


def levels(needs: Mapping[str, Collection[str]]) -> list[list[str]]:
    """The stages by the length of the longest way to them: those of one level do not need each other."""
    depth: dict[str, int] = {}
    for name in in_order(needs):
        depth[name] = 1 + max((depth[need] for need in needs[name]), default=-1)
    found: list[list[str]] = [[] for _ in range(1 + max(depth.values(), default=-1))]
    for name in needs:
        found[depth[name]].append(name)
    return found


@dataclass(frozen=True)
class Before:
    """A stage as it was run before."""

    digest: str
    needs: frozenset[str]
    job: bool = False  # it has a job
    state: str = ""  # of that job, or `refused`; empty: it never began


def actions(
    before: Mapping[str, Before], digests: Mapping[str, str], needs: Mapping[str, Collection[str]], done: str
) -> dict[str, str]:
    """What going on means for each stage of the file as it is now. `done` is the state of one that has succeeded.

    `anew`: it is new, was edited, or follows one that is made anew: a new job. `again`: it has not succeeded: its job
    makes a new attempt. `keep`: it has succeeded, or is alive. `wait`: it has not begun, and does so in its turn.
    """
    found: dict[str, str] = {}
    for name in in_order(needs):
        old = before.get(name)
        edited = old is None or (old.digest, old.needs) != (digests[name], frozenset(needs[name]))
        if edited or any(found[need] == ANEW for need in needs[name]):
            found[name] = ANEW
        elif old is None or not old.state:
            found[name] = WAIT
        elif not old.job:
            found[name] = ANEW
        else:
            found[name] = AGAIN if old.state in RESTING and old.state != done else KEEP
    return {name: found[name] for name in needs}


RESTING = frozenset({"paused", "succeeded", "failed", "cancelled", "timed_out", "lost"})
"""States of a job of which nothing runs or waits to run. (`lt_agent.protocol.states` has them; recipes stand alone.)"""


def stage_states(
    order: Sequence[str], needs: Mapping[str, Collection[str]], jobs: Mapping[str, str], done: str
) -> dict[str, str]:
    """The state of every stage. `jobs`: those of the ones that have begun, `refused` where a submit was.

    Of the others: `ready` if all that it needs has succeeded, `blocked` if something of it never will by itself,
    `pending` else.
    """
    over = {*RESTING, "refused", "blocked"} - {done, "paused"}
    found: dict[str, str] = {}
    for name in order:
        if name in jobs:
            found[name] = jobs[name]
        elif any(found[need] in over for need in needs[name]):
            found[name] = "blocked"
        else:
            found[name] = "ready" if all(found[need] == done for need in needs[name]) else "pending"
    return found
