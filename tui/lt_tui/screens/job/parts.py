"""What the tabs of a job show: checkpoints, events, samples, and what it was made from."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from lt_controller.client.details import Checkpoint, Event

from ...glyphs import bar
from ...i18n import _
from ...text import (
    STALE_SECONDS,
    Cell,
    Span,
    age,
    clock,
    event_text,
    number,
    padded,
    path_text,
    short_ago,
    sign,
    size,
    state_word,
)
from ...widgets.table import Column
from .reading import JobData

Line = tuple[Span, ...]


def checkpoint_columns(data: Callable[[], JobData | None], *, short: bool = False) -> list[Column[Checkpoint]]:
    """`short` for the overview's side."""

    def home(item: Checkpoint, _width: int) -> Cell:
        known = data()
        for transfer in known.transfers if known else ():
            if transfer.what == item.name and transfer.direction == "pull" and transfer.total:
                share = transfer.done / transfer.total
                full, empty = bar(share, 6)
                return ((full, "run"), (empty, "faint"), (f" {share:.0%}", ""))
        mark, colour = sign(item.pull_state)
        word = _("verified") if item.pull_state == "pulled" else state_word(item.pull_state)
        return ((f"{mark} {word}", colour),)

    def name(item: Checkpoint, _width: int) -> Cell:
        return ((item.name, "bold" if item.best or item.kind == "final" else ""), (" *" if item.best else "", "warn"))

    columns = [
        Column("name", "CHECKPOINT", 16, name, grow=1),
        Column("metric", "METRIC", 6, lambda c, _w: number(c.metric), sort=lambda c: c.metric, right=True, weight=1),
        Column("home", "HOME", 10, home, text=lambda c: c.pull_state),
    ]
    if short:
        return columns
    return [
        *columns,
        Column("step", "STEP", 7, lambda c, _w: str(c.step or ""), sort=lambda c: c.step, right=True),
        Column("size", "SIZE", 9, lambda c, _w: size(c.size), sort=lambda c: c.size, right=True),
        Column("on host", "HOST", 11, lambda c, _w: (_span(c.host_state),), weight=2),
        Column("attempt", "#", 2, lambda c, _w: str(c.attempt), right=True, weight=3),
        Column("age", "AGE", 4, lambda c, _w: ((short_ago(c.created_at), "dim"),), right=True, weight=2),
        Column("path", "PATH", 12, lambda c, _w: ((path_text(c.path), "dim"),), grow=2, weight=4),
    ]


def event_columns() -> list[Column[Event]]:
    """The newest first."""
    return [
        Column("time", "TIME", 14, lambda e, _w: ((clock(e.time), "dim"),)),
        Column("attempt", "#", 2, lambda e, _w: str(e.attempt or ""), right=True, weight=1),
        Column("what", "WHAT", 20, _what, grow=1, text=lambda e: e.code),
    ]


def _what(item: Event, _width: int) -> Cell:
    colour = sign(str(item.params.get("state")))[1] if item.code == "state" else ""
    return ((event_text(item.code, item.params), colour),)


def _span(code: str) -> Span:
    mark, colour = sign(code)
    return f"{mark} {state_word(code)}", colour


def sample_lines(data: JobData) -> list[Line]:
    """GPUs as bars, then the rest; each reading with its age where it is old."""
    samples = data.samples
    if not samples:
        return [((_("Nothing is measured: the job does not run, or its host can't."), "dim"),)]
    newest = max((s.time for s in samples.values() if s.time), default=None)
    past = age(newest) or 0.0
    fresh = past <= STALE_SECONDS
    note = _("measured {age} ago", age=short_ago(newest))
    lines: list[Line] = [((note, "dim" if fresh else "warn"),), (("", ""),)]
    numbers = sorted({name.partition("/")[0] for name in samples if name.startswith("gpu")})
    for gpu in numbers:
        values = {key: samples.get(f"{gpu}/{key}") for key in ("util", "mem", "temp", "power")}
        util = values["util"].value if values["util"] else None
        full, empty = bar((util or 0) / 100, 30)
        row: list[Span] = [(f"{gpu:6}", "bold"), (full, "ok" if fresh else "faint"), (empty, "faint")]
        row.append((f" {util:3.0f}%" if util is not None else "   ?", "" if fresh else "dim"))
        for key, unit in (("mem", ""), ("temp", " °C"), ("power", " W")):
            found = values[key]
            if found is not None and found.value is not None:
                told = size(found.value) if key == "mem" else f"{found.value:.0f}{unit}"
                row.append((f"   {told}", "" if fresh else "dim"))
        lines.append(tuple(row))
    for name, label in (("sys/cpu", "cpu"), ("sys/rss", "memory"), ("sys/mem_free", "free"), ("sys/disk_free", "disk")):
        found = samples.get(name)
        if found is not None and found.value is not None:
            told = f"{found.value:.0f}%" if name == "sys/cpu" else size(found.value)
            lines.append(((padded(_(label), 16), "dim"), (told, "" if fresh else "dim")))
    return lines


def spec_lines(data: JobData) -> list[Line]:
    """The recipe or command, and how another job's differs."""
    mine = described(data.spec)
    if data.other_spec is None:
        return [_yaml(line) for line in mine]
    other = described(data.other_spec)
    lines: list[Line] = [((_("against {job}:", job=data.others[0].name), "dim"),), (("", ""),)]
    for line in difflib.unified_diff(other, mine, lineterm="", n=2):
        if line.startswith(("---", "+++", "@@")):
            continue
        lines.append(((line, "ok" if line[0] == "+" else "bad" if line[0] == "-" else "dim"),))
    return lines if len(lines) > 2 else [*lines, ((_("no difference"), "dim"),)]


def described(spec: Mapping[str, Any]) -> list[str]:
    """A spec as indented `key: value` lines."""
    return list(_written(spec.get("recipe") or {key: spec[key] for key in ("argv", "outputs") if key in spec}, 0))


def _written(value: Any, depth: int) -> list[str]:
    pad = "  " * depth
    lines: list[str] = []
    if isinstance(value, Mapping):
        for key, item in value.items():
            if item in (None, {}, [], ""):
                continue
            if isinstance(item, (Mapping, list)):
                lines += [f"{pad}{key}:", *_written(item, depth + 1)]
            else:
                lines.append(f"{pad}{key}: {item}")
    elif isinstance(value, list):
        for item in value:
            inner = _written(item, depth + 1)
            lines += (
                [f"{pad}- {inner[0].lstrip()}", *inner[1:]]
                if isinstance(item, Mapping) and inner
                else [f"{pad}- {item}"]
            )
    return lines


def _yaml(line: str) -> Line:
    key, colon, value = line.partition(":")
    return ((key + colon, "key"), (value, "")) if colon else ((line, ""),)
