"""How long a training will still take, by the steps that it logged last."""

from __future__ import annotations

from collections.abc import Sequence

from .store.times import epoch


def seconds_left(points: Sequence[tuple[int, str]], total: int | None) -> float | None:
    """Seconds until the last step, by (step, stored time) of the latest logged ones, the newest first.

    None where that can't be said.
    """
    if not total or len(points) < 2:
        return None
    (last, new), (first, old) = points[0], points[-1]
    if last <= first:
        return None
    return max(0.0, (epoch(new) - epoch(old)) / (last - first) * (total - last))
