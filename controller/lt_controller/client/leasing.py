"""Leases that end before a job does: what to warn of, at submit and while it runs. A part of `Client`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from lt_agent.protocol.errors import LtError

from . import clock
from .base import Connected

if TYPE_CHECKING:
    from .client import Client
    from .details import LeaseWarning
    from .models import Job


class LeaseCalls(Connected):
    """The part of the client that looks at the ends of leases."""

    def lease_warnings(self, jobs: Iterable[Job]) -> dict[str, LeaseWarning]:
        """By id, the jobs that will not be done, by their estimate (`eta`), when their host's lease is over.

        A job that is not at rest is warned of in any case once the lease has ended.
        """
        from .details import LeaseWarning

        ends, found = self._lease_ends(), {}
        for job in jobs:
            if job.resting or job.adopted_by or job.host not in ends:
                continue
            left = (ends[job.host] - clock.now()).total_seconds()
            if left <= 0 or (job.eta is not None and job.eta > left):
                found[job.id] = LeaseWarning(job.host, ends[job.host], left, job.eta)
        return found

    def lease_at_submit(self, host: str, seconds: float | None = None) -> LeaseWarning | None:
        """Whether a job that takes so long (unknown: an hour is asked for, as in a placement) fits into the lease."""
        from lt_inventory.placement import UNKNOWN_LENGTH

        from .details import LeaseWarning

        until = self._lease_ends().get(host)
        if until is None:
            return None
        left = (until - clock.now()).total_seconds()
        wanted = UNKNOWN_LENGTH * 3600 if seconds is None else seconds
        return LeaseWarning(host, until, left, seconds) if left < wanted else None

    def _lease_ends(self) -> dict[str, datetime]:
        from lt_inventory.hosts_file import HostsFile

        try:
            hosts = HostsFile(self.home.hosts_file).load()
        except LtError:  # its faults are told where hosts are asked for
            return {}
        return {name: host.until for name, host in hosts.items() if host.until is not None}


def usual_seconds(client: Client, recipe: str, overrides: Sequence[str]) -> float | None:
    """How long such a recipe took before; None where nobody knows."""
    from .placing import recipe_memory

    hours = recipe_memory(client, recipe, overrides)[1]
    return hours * 3600 if hours is not None else None
