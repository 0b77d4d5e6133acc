"""A host's past in lines: how busy it was, what it cost day by day, and on which terms it was there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lt_controller.client import Client, clock
from lt_controller.client.details import HostPeriod, UsagePoint
from lt_controller.client.usage import bins, mean
from lt_controller.client.words import machine

from ...glyphs import levels
from ...i18n import N_, _
from ...spent import Day
from ...text import Span, padded

Line = tuple[Span, ...]
#: What can be shown: its name, and days.
SPANS = ((N_("the last day"), 1), (N_("the last 7 days"), 7), (N_("the last 30 days"), 30))
_MEASURED = {
    "gpu": N_("GPU"),
    "gpu_memory": N_("GPU memory"),
    "cpu": N_("cpu"),
    "memory": N_("memory"),
    "disk": N_("disk"),
}
DAYS = 30  # that are shown at the most
_WIDEST = 96  # cells of a line of bars


@dataclass(frozen=True)
class Past:
    """What is known of a host from `begin` to `end`, and all its periods, the oldest first."""

    begin: datetime
    end: datetime
    usage: Mapping[str, Sequence[UsagePoint]]
    days: Sequence[Day]
    periods: Sequence[HostPeriod]


def read_past(client: Client, name: str, days: int) -> Past:
    """Of so many days. Raises LtError `no_such_host`."""
    end = clock.now()
    begin = end - timedelta(days=days)
    spent = client.books(host=name).days(begin, name) if days > 1 else []
    return Past(begin, end, client.usage(name, begin), spent, client.host_history(name))


def usage_lines(past: Past, width: int) -> list[Line]:
    """A line of bars for each thing that was measured; a blank where nothing was."""
    room = max(10, min(_WIDEST, width - 24))
    lines: list[Line] = []
    for key, name in _MEASURED.items():
        if points := past.usage.get(key):
            drawn = levels(bins(points, past.begin, past.end, room))
            lines.append(((padded(_(name), 14), "dim"), (drawn, "run"), (f" {mean(points):3.0f}%", "bold")))
    if not lines:
        return [((_("Nothing was measured in this time: a host is, while a job of yours runs there."), "dim"),)]
    form = "%H:%M" if past.end - past.begin <= timedelta(days=1) else "%m-%d"
    first, last = (moment.astimezone().strftime(form) for moment in (past.begin, past.end))
    lines.append(((f"{'':14}{first}{last:>{max(1, room - len(first))}}", "faint"),))
    return lines


def period_lines(past: Past) -> list[Line]:
    """What it was and on which terms, the newest first; what changed stands with each."""
    lines: list[Line] = []
    for period in reversed(past.periods):
        till = _moment(period.till) if period.till else _("now")
        changed = " ".join(period.changed)
        head: Line = ((f"{_moment(period.since)} – {till}", "bold"),)
        lines.append((*head, (f"   {_('changed')} ", "dim"), (changed, "warn")) if changed else head)
        about: list[Span] = [(f"  {machine(period.data) or '?'}", "")]
        for label, value in (
            (_("price"), f"{period.price:g}/h" if period.price is not None else ""),
            (_("lease ends"), _moment(period.until) if period.until else ""),
            (_("provider"), str(period.data.get("provider") or "")),
            (_("driver"), str(period.data.get("driver") or "")),
        ):
            if value:
                about += [(f"   {label} ", "dim"), (value, "")]
        lines.append(tuple(about))
    return lines


def _moment(when: datetime) -> str:
    return when.astimezone().strftime("%Y-%m-%d %H:%M")
