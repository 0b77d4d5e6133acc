"""The lists of a host: its processes, what of ours lies on its disk, what happened there."""

from __future__ import annotations

from lt_controller.client.details import Event
from lt_controller.client.holdings import Holding, Holdings, Process

from ...glyphs import bar
from ...i18n import _
from ...text import Cell, Span, clock, duration, event_text, padded, short_ago, sign, size
from ...widgets.table import Column

Line = tuple[Span, ...]
HostEvent = tuple[str, Event]
KINDS = ("env", "data", "job", "agent")


def process_columns() -> list[Column[Process]]:
    """Ours are marked by the job's name, and stand first."""
    return [
        Column("pid", "PID", 7, lambda p, _w: str(p.pid), sort=lambda p: p.pid, right=True, weight=2),
        Column("user", "USER", 8, lambda p, _w: ((p.user, "" if p.ours else "dim"),), grow=1, weight=1),
        Column("job", "JOB", 12, _job, grow=2, text=lambda p: p.job),
        Column("process", "PROCESS", 16, lambda p, _w: ((p.name or "?", "" if p.ours else "dim"),), grow=3),
        Column("gpu", "GPU MEMORY", 10, _gpu, sort=lambda p: p.gpu_memory, right=True),
        Column("mem", "MEMORY", 9, _memory, sort=lambda p: p.memory, right=True),
        Column("cpu", "CPU", 6, lambda p, _w: f"{p.cpu:.0f}%", sort=lambda p: p.cpu, right=True, weight=3),
        Column("age", "AGE", 8, lambda p, _w: ((duration(p.age), "dim"),), sort=lambda p: p.age, right=True, weight=4),
    ]


def disk_columns() -> list[Column[Holding]]:
    """The largest of each kind first."""
    return [
        Column("kind", "KIND", 11, lambda h, _w: _(h.kind), text=lambda h: h.kind),
        Column("name", "NAME", 20, lambda h, _w: ((h.name, "bold"),), grow=2),
        Column("digest", "DIGEST", 8, lambda h, _w: ((h.detail[:8], "dim"),), weight=2),
        Column("size", "SIZE", 9, lambda h, _w: size(h.size), sort=lambda h: h.size, right=True),
        Column("age", "CHANGED", 7, lambda h, _w: ((short_ago(h.used), "dim"),), right=True, weight=1),
    ]


def event_columns() -> list[Column[HostEvent]]:
    """The newest first."""
    return [
        Column("time", "TIME", 14, lambda e, _w: ((clock(e[1].time), "dim"),)),
        Column("job", "JOB", 14, lambda e, _w: ((e[0], "bold"),), grow=1),
        Column("what", "WHAT", 24, _what, grow=3, text=lambda e: e[1].code),
    ]


def disk_lines(held: Holdings | None, free: float | None, width: int) -> list[Line]:
    """A bar for each kind, against all of ours and what is still free."""
    if held is None or held.items is None:
        return [((_("Not asked yet: P asks the host."), "dim"),)]
    total = sum(item.size for item in held.items)
    whole = total + (free or 0) or 1
    lines: list[Line] = []
    for kind in KINDS:
        full, empty = bar(held.total(kind) / whole, max(8, min(30, width - 40)))
        lines.append(
            ((padded(_(kind), 12), "dim"), (full, "run"), (empty, "faint"), (f" {size(held.total(kind))}", ""))
        )
    note = _("{total} of ours, {free} free", total=size(total), free=size(free) if free is not None else "?")
    partial = f"   {_('there was too much to count it all')}" if held.partial else ""
    lines.append(((note, "bold"), (partial, "warn")))
    return lines


def held_note(held: Holdings | None) -> str:
    """How old the lists are."""
    return _("asked {age} ago", age=short_ago(held.time)) if held is not None else _("not asked yet: P asks the host")


def _job(item: Process, _width: int) -> Cell:
    return ((item.job, "run bold"),) if item.job else (("lt", "run"),) if item.ours else ""


def _memory(item: Process, _width: int) -> Cell:
    return size(item.memory) if item.memory else ""


def _gpu(item: Process, _width: int) -> Cell:
    return ((size(item.gpu_memory), "" if item.ours else "warn"),) if item.gpu_memory else ""


def _what(line: HostEvent, _width: int) -> Cell:
    item = line[1]
    colour = sign(str(item.params.get("state")))[1] if item.code == "state" else ""
    return ((event_text(item.code, item.params), colour),)
