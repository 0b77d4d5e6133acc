"""How busy hosts were. A part of `Client`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from . import clock
from .base import Connected

if TYPE_CHECKING:
    from .details import UsagePoint

DAY = timedelta(days=1)
BARS = "▁▂▃▄▅▆▇█"


class UsageCalls(Connected):
    """The part of the client that tells how busy hosts were."""

    def usage(self, host: str, since: datetime | None = None) -> dict[str, list[UsagePoint]]:
        """By `cpu`, `memory`, `disk`, `gpu` and `gpu_memory` what was measured from then on (a day), in order of time.

        Empty for a host that was never measured. Hours with no laptop and no job have no values.
        """
        from .details import UsagePoint

        start = (since or clock.now() - DAY).timestamp()
        rows = self._db.rows(
            "SELECT name, span, time, value FROM usage WHERE host=? AND time>=? ORDER BY name, time, span",
            (host, int(start)),
        )
        found: dict[str, list[UsagePoint]] = {}
        for row in rows:
            moment = datetime.fromtimestamp(row["time"], timezone.utc)
            found.setdefault(row["name"], []).append(UsagePoint(moment, row["value"], row["span"]))
        return found


def mean(points: Sequence[UsagePoint]) -> float:
    """Over the time that was measured."""
    return sum(point.value * point.seconds for point in points) / sum(point.seconds for point in points)


def bins(points: Sequence[UsagePoint], begin: datetime, end: datetime, count: int) -> list[float | None]:
    """The mean of each of `count` equal stretches; None for one in which nothing was measured."""
    sums: list[list[float]] = [[0.0, 0.0] for _ in range(count)]
    width = (end - begin).total_seconds() / count
    for point in points:
        at = (point.time - begin).total_seconds()
        for index in range(max(0, int(at // width)), min(count, int((at + point.seconds) // width) + 1)):
            shared = min(at + point.seconds, (index + 1) * width) - max(at, index * width)
            if shared > 0:
                sums[index][0] += point.value * shared
                sums[index][1] += shared
    return [total / weight if weight else None for total, weight in sums]


def bars(values: Sequence[float | None]) -> str:
    """A character for each value between 0 and 100; a blank where there is none."""
    return "".join(" " if value is None else BARS[min(7, int(value / 12.5))] for value in values)


def lines(
    found: Mapping[str, Sequence[UsagePoint]], begin: datetime, end: datetime, width: int
) -> list[tuple[str, str]]:
    """(name, bars and the mean) of each that was measured, GPUs first."""
    order = [name for name in ("gpu", "gpu_memory", "cpu", "memory", "disk") if found.get(name)]
    return [(name, f"{bars(bins(found[name], begin, end, width))} {mean(found[name]):.0f}%") for name in order]
