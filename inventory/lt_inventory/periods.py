"""What a host was, and from when until when: its machine as a probe found it, its terms as the inventory has them.

Pure functions over plain JSON values. A *period* is a time in which nothing of it changed; the laptop's database keeps
them (`host_history`), and costs are reckoned by the price that held at the time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from .facts import Facts
from .model import Host

TERMS = ("target", "provider", "price", "until", "closed")
MACHINE = ("gpus", "accelerators", "driver", "cuda", "cpu", "cpus", "memory", "disk", "system", "container")
SIZES = frozenset({"memory", "disk"})
SAME_SIZE = 0.02  # a kernel's update or a file system's own bookkeeping moves totals by less
_TEXT = 200  # characters of what a host tells


def terms_of(host: Host) -> dict[str, Any]:
    """What the inventory says of a host that bears on its cost; what is not set is left out."""
    until = host.until.astimezone(timezone.utc).isoformat() if host.until else None
    found = {
        "target": host.target,
        "provider": host.provider,
        "price": host.price,
        "until": until,
        "closed": host.closed,
    }
    return {key: value for key, value in found.items() if value not in (None, "")}


def machine_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What a probe found of the hardware and its driver, without what moves by the minute. Sizes in bytes."""
    known = Facts.of(facts)
    cpu = facts.get("cpu")
    cards = Counter((gpu.name[:_TEXT], gpu.memory_total) for gpu in known.gpus)
    found = {
        "gpus": [{"name": name, "memory": memory, "count": count} for (name, memory), count in sorted(cards.items())],
        "accelerators": sorted(kind[:_TEXT] for kind in known.accelerators),
        "driver": known.driver,
        "cuda": known.cuda,
        "cpu": cpu.get("model") if isinstance(cpu, Mapping) and isinstance(cpu.get("model"), str) else None,
        "cpus": known.cpus,
        "memory": known.memory_total,
        "disk": known.disk.total if known.disk else None,
        "system": known.system,
        "container": known.container or None,
    }
    plain = {key: value[:_TEXT] if isinstance(value, str) else value for key, value in found.items()}
    return {key: value for key, value in plain.items() if value not in (None, "", [])}


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys in which two periods differ, in a settled order."""
    return tuple(key for key in (*MACHINE, *TERMS) if not _same(key, before.get(key), after.get(key)))


def moment(value: Any) -> datetime | None:
    """The end of a lease as a period has it."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo else None


def next_data(before: Mapping[str, Any] | None, terms: Mapping[str, Any]) -> dict[str, Any] | None:
    """What holds once the inventory says `terms`; None where nothing changes by that."""
    after = {**{key: value for key, value in (before or {}).items() if key not in TERMS}, **terms}
    return after if before is None or changes(before, after) else None


def _same(key: str, one: Any, other: Any) -> bool:
    if key in SIZES and isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return bool(abs(one - other) <= SAME_SIZE * max(abs(one), abs(other)))
    return bool(one == other)
