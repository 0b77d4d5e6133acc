"""What a job asks for beside its GPUs, and how early it wants to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import JobSpec

from .queueing import check_priority

if TYPE_CHECKING:
    from .client import Client
    from .planning import Draft


@dataclass(frozen=True)
class Wishes:
    """Wishes at submit. None leaves what the recipe says; sizes are bytes, times seconds."""

    priority: int = 0
    retries: int | None = None
    retry_wait: float | None = None
    gpu_memory: int | None = None  # that each of its GPUs must have in all
    cpus: int | None = None  # cores that must be free of other jobs' wishes
    disk: int | None = None  # that must be free when it starts


def wished(client: Client, draft: Draft, wishes: Wishes | None) -> Draft:
    """The draft with these wishes, if its host could ever grant them.

    Raises LtError `bad_priority`, `not_enough_gpu_memory`, `not_enough_cpus`, `not_enough_disk`.
    """
    wishes = wishes or Wishes()
    check_priority(wishes.priority)
    said = {key: value for key, value in wishes.__dict__.items() if value is not None}
    spec = replace(draft.spec, **said)
    if spec.gpu_memory or spec.cpus or spec.disk:
        from .planning import known_facts

        info = client.host(draft.host)
        check_wishes(spec, info.name, known_facts(client, info))
    return replace(draft, spec=spec)


def check_wishes(spec: JobSpec, host: str, facts: Mapping[str, Any]) -> None:
    """Raises LtError for what the host could never grant, as far as it is known: it would wait for ever."""
    from lt_inventory.facts import Facts, devices

    memory = sorted(devices(facts).values(), reverse=True)
    enough = [size for size in memory if not size or size >= spec.gpu_memory]
    if memory and spec.gpus > len(enough):
        raise LtError("not_enough_gpu_memory", host=host, wanted=spec.gpus, asked=spec.gpu_memory, there=memory[0])
    known = Facts.of(facts)
    if known.cpus is not None and spec.cpus > known.cpus:
        raise LtError("not_enough_cpus", host=host, asked=spec.cpus, there=known.cpus)
    if known.disk is not None and known.disk.total and spec.disk > known.disk.total:
        raise LtError("not_enough_disk", host=host, asked=spec.disk, there=known.disk.total)
