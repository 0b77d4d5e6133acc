"""A host in lines: header, GPUs, checks, data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lt_controller.client import words
from lt_controller.client.cost import CostLine
from lt_controller.client.details import Snapshot
from lt_controller.client.fleet import Fleet

from ...glyphs import bar, glyphs, sparkline
from ...i18n import _, current
from ...text import Span, ago, duration, said, short_ago, sign, size, state_word, wrapped
from ..fleet.hosts import HostLine

Line = tuple[Span, ...]


def header_lines(line: HostLine, spent: CostLine | None = None) -> list[Line]:
    """How it answers, what it is, what it costs."""
    info, fact = line.info, line.fact
    mark, colour = sign(info.state)
    first: list[Span] = [
        (f"{mark} {state_word(info.state)}", f"bold {colour or 'dim'}"),
        (f"   {info.host.target}", ""),
    ]
    if info.last_seen:
        first.append((f"   {_('seen {age} ago', age=ago(info.last_seen, line.now))}", "dim"))
    if info.host.closed:
        first.append((f"   {closed_word(info.host.closed)}", "warn bold"))
    if info.activity:
        first.append((f"   {info.activity}", "run"))
    lines: list[Line] = [tuple(first)]
    if info.error and info.state != "reachable":
        told = said(info.error)
        lines.append(((told.message, "warn"), (f"  {glyphs().arrow} {told.next}" if told.next else "", "dim")))
    cpu, memory = fact.get("cpu") or {}, fact.get("memory") or {}
    disk = (fact.get("disks") or {}).get("root") or {}
    about: list[Span] = []
    for label, value in (
        ("", fact.get("system")),
        (_("driver"), fact.get("driver")),
        ("CUDA", fact.get("cuda")),
        (_("CPUs"), cpu.get("count")),
        (_("memory"), size(memory.get("total")) if memory.get("total") else None),
        (_("disk free"), size(disk.get("free")) if disk.get("free") is not None else None),
        (_("root"), fact.get("root") or info.host.root),
    ):
        if value not in (None, ""):
            about += [(f"{label} " if label else "", "dim"), (f"{value}   ", "")]
    if info.facts_time:
        about.append((_("looked at {age} ago", age=short_ago(info.facts_time, line.now)), "dim"))
    lines.append(tuple(about) or ((_("Nobody has looked at it yet: P does."), "dim"),))
    if info.host.price is not None or info.host.until is not None:
        cost: list[Span] = [
            (_("price "), "dim"),
            (f"{info.host.price:g}/h" if info.host.price is not None else "?", ""),
        ]
        if spent is not None:
            cost += [(f"   {_('busy with your jobs')} ", "dim"), (duration(spent.hours * 3600), "")]
            if spent.cost is not None:
                cost.append((f" = {spent.cost:.2f}", "bold"))
        if info.host.until is not None:
            left = (info.host.until - line.now).total_seconds()
            cost += [(f"   {_('lease ends in')} ", "dim"), (duration(left), "bad" if left < 3600 else "")]
            if info.host.price is not None:
                cost.append((f" = {max(0.0, left) / 3600 * info.host.price:.2f}", ""))
        lines.append(tuple(cost))
    return lines


def closed_word(word: str) -> str:
    """Why nothing new goes to a host."""
    return {"drained": _("drained: nothing new goes there"), "retired": _("given up")}.get(word, word)


def gpu_lines(line: HostLine, fleet: Fleet) -> list[Line]:
    """A bar each; live where a job of ours measures it, else as it was at the last look."""
    lines: list[Line] = []
    live = [gpu for gpu in line.gpus if gpu[2]]
    owners = [
        (job, number)
        for job in fleet.jobs
        if job.host == line.info.name and not job.resting
        for number in range(sum(name.endswith("/util") for name in fleet.samples.get(job.id, {})))
    ]
    for n, (util, memory, fresh) in enumerate(line.gpus):
        shown = fresh and line.live
        full, empty = bar((util or 0) / 100, 16)
        row: list[Span] = [(f"{n:>2} ", "dim"), (full, "ok" if shown else "faint"), (empty, "faint")]
        row.append((f" {util:3.0f}%" if util is not None else "    ?", "" if shown else "dim"))
        row.append((f"  {memory:4.0%} {_('memory')}" if memory is not None else "", "" if shown else "dim"))
        if n < len(live) and n < len(owners):
            job, number = owners[n]
            samples = fleet.samples.get(job.id, {})
            for key, unit in (("temp", "°C"), ("power", "W")):
                found = samples.get(f"gpu{number}/{key}")
                if found is not None and found.value is not None:
                    row.append((f"  {found.value:.0f}{unit}", "" if shown else "dim"))
            row.append((f"  {job.name}", "run"))
        elif n < len(line.info.gpus):
            row.append((f"  {line.info.gpus[n].get('name', '')}", "dim"))
        lines.append(tuple(row))
    if not lines:
        lines.append(((_("No GPU was found.") if line.info.facts else "?", "dim"),))
    if line.load:
        lines.append(((f"{_('load, ten minutes')}  ", "dim"), (sparkline(line.load, 24, 0, 100), "run")))
    return lines


def check_lines(checks: Sequence[Any], width: int) -> list[Line]:
    """What is fit, and what to do about the rest; troubles first."""
    order = {"bad": 0, "warn": 1, "ok": 2}
    lines: list[Line] = []
    for item in sorted(checks, key=lambda check: order.get(check.level, 3)):
        found, remedy = words.check(item.code, item.params, item.finding, item.remedy, current())
        mark, colour = sign(item.level)
        told = wrapped(found, width - 11) or [""]
        tint = "dim" if item.level == "ok" else ""
        lines.append(((f"{mark} ", colour), (f"{item.name:8} ", ""), (told[0], tint)))
        lines += [((" " * 11 + more, tint),) for more in told[1:]]
        if remedy and item.level != "ok":
            for n, part in enumerate(wrapped(remedy, width - 14)):
                lines.append(((f"{'':11}{glyphs().arrow if n == 0 else ' '} {part}", "dim"),))
    return lines or [((_("Nobody has looked at it yet: P does."), "dim"),)]


def data_lines(snapshots: Sequence[Snapshot]) -> list[Line]:
    """The snapshots that lie there."""
    if not snapshots:
        return [((_("No data of yours."), "dim"),)]
    return [((item.name, ""), (f"  {item.digest[:8]}  {size(item.size)}", "dim")) for item in snapshots[:6]]
