"""`any`: which hosts are meant, what is known of each, and the draft for the one that suits best.

The ranking itself is a pure function, `lt_inventory.placement`. A job is thought through for every host it might go to,
so that it can move later without this process: what is sent is frozen once, what differs is the environment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import JobSpec, to_dict
from lt_inventory.facts import Facts
from lt_inventory.placement import Need, Rank, Standing, rank

from . import clock
from .base import near
from .models import as_dict
from .planning import Draft
from .submitting import ANY

if TYPE_CHECKING:
    from .client import Client
    from .details import HostInfo, Plan

AWAY = ("unreachable", "refused")
FRESH = timedelta(minutes=2)  # a host seen longer ago is looked at again before it is chosen or passed over
LOOK_SECONDS = 20.0  # for all of them together, side by side
AWAY_SECONDS = 3.0  # for one that did not answer when it was last tried: a host that has come back answers at once
LOOKERS = 16


@dataclass(frozen=True)
class Placement:
    """A job for the best of several hosts, and what to do should another be free first."""

    asked: str
    ranks: tuple[Rank, ...]
    draft: Draft
    among: tuple[Draft, ...]  # for every host that fits, the best first; `draft` is the first of them

    @property
    def name(self) -> str:
        """The job's."""
        return self.draft.name

    def plan(self, client: Client) -> Plan:
        """As a dry run shows it."""
        return replace(self.draft.plan(client), ranking=self.ranks)

    def intent(self) -> dict[str, Any]:
        """The submit intent's parameters."""
        choices = [
            {"host": draft.host, "spec": to_dict(draft.spec), "data": [item.intent() for item in draft.data]}
            for draft in self.among
        ]
        return {**self.draft.intent(), "asked": self.asked, "among": choices, "ranking": as_dict(self.ranks)}


def meant(client: Client, asked: str) -> list[HostInfo]:
    """The hosts that `asked` stands for. `any` is every one but `local`, which is asked for by its name.

    `any:gpu=a100,zone=eu`: with all these labels; `any:a100`, `any:label=a100`: with a label of this name or value.
    Of several names those that have left the inventory are passed over where that was asked before they did.
    Raises LtError `no_such_host`, `no_host_meant{asked, labels}`.
    """
    hosts = {info.name: info for info in client.hosts()}
    if not (asked == ANY or asked.startswith(ANY + ":")):
        names = [name.strip() for name in asked.split(",") if name.strip()]
        there = [name for name in dict.fromkeys(names) if name in hosts]
        unknown = [name for name in names if name not in hosts]
        if unknown and not (client.asked_before and there):
            raise LtError("no_such_host", host=unknown[0], near=near(unknown[0], list(hosts)))
        return [hosts[name] for name in there]
    wanted = [part.strip() for part in asked[len(ANY) + 1 :].split(",") if part.strip()]
    found = [info for info in hosts.values() if info.name != "local" and _has(info.host.labels, wanted)]
    if not found:
        labels = sorted({f"{key}={value}" for info in hosts.values() for key, value in info.host.labels.items()})
        raise LtError("no_host_meant", asked=asked, labels=labels)
    return found


def place(
    client: Client, asked: str, drafting: Callable[[str], Draft], memory: Callable[[], tuple[int | None, float | None]]
) -> Placement:
    """The job for the best of the hosts that `asked` stands for. `drafting` thinks it through for one host; `memory`
    tells the bytes it takes on each GPU and the hours it lasts, as far as they are known.

    Raises LtError `no_host_fits{asked, ranking}`, what `meant` raises, and what `drafting` raises of the job itself.
    """
    hosts = _seen(client, meant(client, asked))
    load = _load(client)
    drafts: dict[str, Draft] = {}
    problems: dict[str, LtError] = {}
    for info in hosts:
        if info.facts is None or info.state in AWAY:
            continue
        try:
            drafts[info.name] = drafting(info.name)
        except LtError as error:
            if "host" not in error.params:  # the job's own fault, wherever it goes
                raise
            problems[info.name] = error
    if len(problems) == len(hosts) == 1:
        raise next(iter(problems.values()))
    need = _need(next(iter(drafts.values()), None), memory)
    standings = [
        _standing(client, info, drafts.get(info.name), problems.get(info.name), load.get(info.name, (0, 0)))
        for info in hosts
    ]
    ranks = tuple(rank(need, standings, clock.now()))
    fits = [drafts[found.host] for found in ranks if found.fits]
    if not fits:
        raise LtError("no_host_fits", asked=asked, ranking=as_dict(ranks))
    first = fits[0]
    among = tuple(replace(draft, spec=replace(draft.spec, job=first.spec.job, name=first.spec.name)) for draft in fits)
    return Placement(asked, ranks, among[0], among)


def standing_for(client: Client, asked: str, spec: JobSpec, but: str) -> list[Rank]:
    """How the hosts that `asked` stands for suit a job that was submitted already; `but` is the one it leaves."""
    hosts = _seen(client, [info for info in meant(client, asked) if info.name != but])
    load = _load(client)
    need = Need(
        gpus=spec.gpus, gpu_memory=spec.gpu_memory or None, cpus=spec.cpus, disk=max(spec.disk, spec.disk_floor)
    )
    standings = [_standing(client, info, None, None, load.get(info.name, (0, 0))) for info in hosts]
    return rank(need, standings, clock.now())


def _has(labels: Mapping[str, str], wanted: Sequence[str]) -> bool:
    for part in wanted:
        key, equals, value = part.partition("=")
        if equals and key != "label":
            if labels.get(key) != value:
                return False
        elif (value if equals else key) not in {*labels.keys(), *labels.values()}:
            return False
    return True


def _seen(client: Client, hosts: Sequence[HostInfo]) -> list[HostInfo]:
    """The hosts, those that have not been seen for a while looked at now, side by side."""
    now = clock.now()
    old = [info for info in hosts if info.facts is None or info.last_seen is None or now - info.last_seen > FRESH]
    if old:
        client.controller_start()

        def look(info: HostInfo) -> None:
            try:
                client.probe(info.name, LOOK_SECONDS if info.error is None else AWAY_SECONDS)
            except LtError as error:
                failed[info.name] = error

        failed: dict[str, LtError] = {}
        with ThreadPoolExecutor(min(LOOKERS, len(old))) as pool:
            list(pool.map(look, old))
        hosts = [client.host(info.name) for info in hosts]
        # One that did not answer in time is as good as out of reach for a job that may go elsewhere.
        hosts = [
            replace(info, state="unreachable", error=failed[info.name].as_dict())
            if info.name in failed and info.state != "refused"
            else info
            for info in hosts
        ]
    return list(hosts)


def _load(client: Client) -> dict[str, tuple[int, int]]:
    """Per host: the slots that jobs of ours hold, and the jobs in its line."""
    from ..store.choices import LOAD, loads

    return loads(client.reader.rows(LOAD))


def _need(draft: Draft | None, memory: Callable[[], tuple[int | None, float | None]]) -> Need:
    if draft is None:
        return Need()
    spec = draft.spec
    size, hours = memory()
    return Need(
        gpus=spec.gpus,
        gpu_memory=(spec.gpu_memory or size) if spec.gpus else None,
        cpus=spec.cpus,
        disk=max(spec.disk, spec.disk_floor),
        hours=hours,
    )


def _standing(
    client: Client, info: HostInfo, draft: Draft | None, problem: LtError | None, load: tuple[int, int]
) -> Standing:
    frozen = [*draft.data, *([draft.code] if draft.code else [])] if draft else []
    return Standing(
        host=info.host,
        facts=Facts.of(info.facts) if info.facts else None,
        state=info.state,
        taken=load[0],
        waiting=load[1],
        to_send=sum(item.size for item in frozen if not client.has_snapshot(info.name, item.name, item.digest)),
        has_env=draft is not None and draft.spec.env.kind == "existing",
        problem=problem.code if problem else "",
        problem_params=dict(problem.params) if problem else {},
        closed=info.host.closed,
    )


def recipe_memory(client: Client, recipe: str, overrides: Sequence[str]) -> tuple[int | None, float | None]:
    """Bytes on each GPU by the estimate, and hours by earlier runs; None for what is not known."""
    from .estimating import estimate_recipe

    try:
        found = estimate_recipe(client, recipe, list(overrides))
    except LtError:
        return None, None
    hours = found.past.seconds / 3600 if found.past and found.past.seconds else None
    return (int(found.total) if found.gpus else None), hours
