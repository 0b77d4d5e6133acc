"""What a rented host's hours come to: price times time, as far as the store knows either."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from .models import Job


def busy_hours(jobs: Iterable[Job], now: datetime) -> float:
    """Hours in which at least one of the jobs ran, by each one's latest attempt; two at a time count once."""
    spans = sorted(
        (job.started_at, job.finished_at if job.resting and job.finished_at else now) for job in jobs if job.started_at
    )
    seconds, until = 0.0, None
    for begin, end in spans:
        begin = begin if until is None else max(begin, until)
        if end > begin:
            seconds += (end - begin).total_seconds()
            until = end
    return seconds / 3600


def hours_left(until: datetime | None, now: datetime) -> float | None:
    """Hours until a lease ends, 0 if it has; None where no end is known."""
    return None if until is None else max(0.0, (until - now).total_seconds() / 3600)
