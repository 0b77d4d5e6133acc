"""A metric as two arrays, for charts: a hundred thousand points are kept in 1.6 MB and drawn again without SQL."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from .database import Reader


@dataclass
class Series:
    """Values by rising step. Where an attempt began anew, what an earlier one had logged after that step is gone."""

    name: str
    steps: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    cursors: dict[int, int] = field(default_factory=dict)  # attempt → the last step that was read

    gaps: bool = False  # some value is NaN

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def last(self) -> float | None:
        """The newest value."""
        return self.values[-1] if self.values else None

    def add(self, attempt: int, step: int, value: float | None) -> None:
        """A value that follows; an attempt's first one cuts off what lies at or after its step."""
        if attempt not in self.cursors:
            cut = bisect_left(self.steps, step)
            del self.steps[cut:], self.values[cut:]
        self.cursors[attempt] = step
        self.steps.append(step)
        self.gaps = self.gaps or value is None
        self.values.append(math.nan if value is None else value)

    def between(self, low: float, high: float) -> tuple[int, int]:
        """The indices of the steps from `low` up to `high`."""
        return bisect_left(self.steps, low), bisect_right(self.steps, high)


def extend(db: Reader, series: Series, job: str, attempts: int) -> bool:
    """Reads what `series` lacks of the attempts from 1 to `attempts`; whether there was anything new."""
    fresh = False
    for attempt in range(1, attempts + 1):
        if any(later > attempt for later in series.cursors):
            continue  # it has been superseded
        rows = db.rows(
            "SELECT step, value FROM metrics WHERE job_id=? AND attempt=? AND name=? AND step>? ORDER BY step",
            (job, attempt, series.name, series.cursors.get(attempt, -(1 << 62))),
        )
        for row in rows:
            series.add(attempt, row[0], row[1])
        fresh = fresh or bool(rows)
    return fresh
