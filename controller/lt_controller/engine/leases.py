"""The terms of hosts while the controller runs: written down when the inventory changes, and said when they end."""

from __future__ import annotations

import time
from collections.abc import Mapping

from lt_inventory.model import Host
from lt_inventory.periods import terms_of

from ..store import history, leases
from ..store.times import iso
from ..store.writer import Writer

LOOK_EVERY = 5.0  # seconds
PACE_EVERY = 60.0  # seconds between two estimates of when the jobs will be done


def note_terms(writer: Writer, hosts: Mapping[str, Host], stamp: tuple[int, int] | None) -> None:
    """The inventory was read; `stamp` tells when its file was written: then its terms began to hold."""
    moment = min(time.time(), stamp[0] / 1e9) if stamp else time.time()
    writer.add("hosts", history.note_terms, {name: terms_of(host) for name, host in hosts.items()}, iso(moment))


class LeaseWatch:
    """Says, as events of the jobs that run there, what the end of a lease does to them: once for each end."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._look_at = 0.0
        self._pace_at = 0.0

    def look(self, hosts: Mapping[str, Host]) -> None:
        """To be called often. Costs nothing where no lease has an end."""
        ends = {name: host.until.timestamp() for name, host in hosts.items() if host.until is not None}
        now = time.monotonic()
        if not ends or now < self._look_at:
            return
        self._look_at = now + LOOK_EVERY
        paces = now >= self._pace_at
        if paces:
            self._pace_at = now + PACE_EVERY
        news = self._writer.run("", leases.news, ends, time.time(), paces)
        if news:
            self._writer.run("jobs", leases.say, news)
