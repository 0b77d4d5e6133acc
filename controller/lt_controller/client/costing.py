"""Asking what things cost. A part of `Client`: the one place where hours become money."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from .periods import PeriodCalls

if TYPE_CHECKING:
    from .books import Books
    from .cost import CostLine, CostReport

BY = ("host", "job", "recipe", "week")


class CostCalls(PeriodCalls):
    """The part of the client that tells what things cost."""

    def costs(
        self,
        by: str = "host",
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        host: str | None = None,
    ) -> CostReport:
        """What was spent between two moments (from the beginning, until now), by `host`, `job`, `recipe` or `week`.

        With `host` of that one alone. Raises LtError `no_such_host`.
        """
        if host is not None:
            self.host_history(host)
        return self.books(until=until, host=host).report(by, since)

    def books(self, *, until: datetime | None = None, host: str | None = None) -> Books:
        """All hours until then, for whoever asks several things of them."""
        from .books import read_books

        return read_books(self._db, self.home, hosts=[host] if host else None, until=until)

    def cost_of(self, job: str) -> CostLine | None:
        """What a job has cost by now, by its id; None before it has begun."""
        rows = self._db.rows("SELECT DISTINCT host FROM attempts WHERE job_id=? AND started_at IS NOT NULL", (job,))
        if not rows:
            return None
        from .books import read_books

        books = read_books(self._db, self.home, hosts=[row["host"] for row in rows], beside=job)
        return books.of_job(job)
