"""Sends jobs whose host a person has given up on to another one: a driver of `flows`.

It asks the same of the client as a person who types `lt resume JOB --on any`: the ranking of the hosts, the environment
there, the checkpoint at home as a snapshot. What it knows is in the database (`store.elsewhere`), the pauses as well.
"""

from __future__ import annotations

import time

from lt_agent.protocol.errors import LtError

from ..client.relocating import FINAL
from ..store import elsewhere
from ..store.elsewhere import Between
from ..store.writer import Writer
from .flows import PASSING, Inside
from .offline import settle_asked

FIRST_PAUSE, LONGEST_PAUSE = 30.0, 1800.0  # seconds between two looks for a host, doubled with each


class Onward:
    """The driver. `client` acts in the controller's own process."""

    def __init__(self, client: Inside, writer: Writer) -> None:
        self._client = client
        self._writer = writer

    def advance(self) -> float | None:
        """Looks for a host for each job that is due; the seconds until the next is."""
        asked = self._writer.read(elsewhere.asked)
        if asked:  # a write for nothing would wake this driver again
            self._writer.run("jobs", settle_asked, asked)
        waiting = self._writer.read(elsewhere.between)
        for found in waiting:
            if found.due <= time.time():
                self._send(found)
        left = [found.due - time.time() for found in self._writer.read(elsewhere.between)] if waiting else []
        return max(1.0, min(left)) if left else None

    def busy(self) -> bool:
        """Whether a job looks for a host."""
        return bool(self._writer.read(elsewhere.between))

    def _send(self, found: Between) -> None:
        try:
            self._client.move_on(found.job, found.asked, again=True)
        except LtError as error:
            # Another look may find the opposite; where a host is named it is that host's matter, perhaps for today.
            passes = error.code in PASSING or error.code == "no_host_fits" or "host" in error.params
            if passes and error.code not in FINAL:
                at = time.time() + min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(found.tries, 10))
                self._writer.run("jobs", elsewhere.put_off, found, at, error)
            else:
                self._writer.run("jobs", elsewhere.give_up, found.job, found.attempt, error)
        else:
            self._client.wake()
