"""A job's place in its host's line: changing its priority. A part of `Client`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lt_agent.protocol.errors import LtError

from . import queries
from .base import person
from .jobs import JobCalls

if TYPE_CHECKING:
    from .details import Request

MOST_PRIORITY = 100
"""Priorities go from minus to plus this; a point is worth a day's earlier arrival (`docs/queue.md`)."""


class QueueCalls(JobCalls):
    """The part of the client that speaks of waiting. What a job waits for is in `Job.place` and `Job.waits`."""

    def ranking_of(self, ref: str) -> list[dict[str, Any]]:
        """How the hosts stood when the job was submitted to `any` of them, the best first; empty for a job of one host.

        Each is a `lt_inventory.placement.Rank` as a dictionary; `lt_controller.wording.ranking` says it.
        """
        return queries.ranking(self.reader, self.job(ref).id)

    def set_priority(self, ref: str, priority: int) -> Request:
        """Asks for another priority: of a waiting job at once, of a running one for its retries.

        Raises LtError `no_such_job`, `ambiguous_job`, `bad_priority{value, most}`, `job_has_ended`.
        """
        check_priority(priority)
        job = self.job(ref)
        if job.ended:
            raise LtError("job_has_ended", job=job.name, state=job.state)
        return self._ask("priority", job.id, {"priority": priority, "by": person()}, host=job.host)


def check_priority(priority: int) -> None:
    """Raises LtError `bad_priority` for one that is out of bounds."""
    if not -MOST_PRIORITY <= priority <= MOST_PRIORITY:
        raise LtError("bad_priority", value=priority, most=MOST_PRIORITY)
