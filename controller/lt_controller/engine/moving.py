"""A job for `any` host goes where it can begin, as long as it has not begun: here it is decided which, and where to.

Nothing moves on a guess. A job that no host can have yet (`queued`) is only written down for another one; one that a
host has is asked back first (`withdraw`), and moves if that host says that it never will begin there. A host that can't
be asked keeps it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

from lt_agent.protocol import states
from lt_agent.protocol.errors import LtError
from lt_agent.protocol.ulid import new_ulid
from lt_inventory.model import Host

from ..store import choices, hosts
from ..store.choices import Movable, Room
from ..store.intents import Intent
from ..store.times import epoch
from ..store.writer import Writer
from .link import BridgeLink
from .steps import MoveStep, passed

FRESH = timedelta(minutes=10).total_seconds()  # a host seen longer ago is looked at before anything moves there
LOOK_EVERY = timedelta(minutes=5).total_seconds()  # at each such host


class Mover:
    """Looks, when asked, for jobs that would begin sooner elsewhere. `look_at` connects to a host without waiting."""

    def __init__(self, writer: Writer, look_at: Callable[[str], None]) -> None:
        self._writer = writer
        self._look_at = look_at
        self._looked: dict[str, float] = {}

    def look(self, inventory: Mapping[str, Host]) -> bool:
        """Moves what can be moved; whether anything did."""
        waiting = self._writer.read(choices.movable)
        if not waiting:
            return False
        rooms = dict(self._writer.read(choices.rooms))
        moved = False
        for job in waiting:
            if not _stuck(job, rooms.get(job.host)):
                continue
            target = self._target(job, rooms, inventory)
            if target is None:
                continue
            if job.state == states.QUEUED:
                self._writer.run("jobs", choices.move, job.job, job.attempt, target)
            else:
                self._writer.run("jobs", choices.ask_to_move, new_ulid(), job.job, job.attempt, target)
            rooms[target] = rooms[target]._replace(waiting=rooms[target].waiting + 1)
            moved = True
        return moved

    def _target(self, job: Movable, rooms: Mapping[str, Room], inventory: Mapping[str, Host]) -> str | None:
        for name in job.to:
            host, room = inventory.get(name), rooms.get(name)
            if host is None or host.closed or room is None or room.state in ("unreachable", "refused", "needs_login"):
                continue
            if room.waiting or not self._has_room(name, host, room, job.gpus):
                continue
            if room.last_seen is None or time.time() - epoch(room.last_seen) > FRESH:
                self._look_again(name)
                continue
            return name
        return None

    def _has_room(self, name: str, host: Host, room: Room, gpus: int) -> bool:
        facts = self._writer.read(hosts.latest_facts, name)
        found = (facts or {}).get("gpus")
        slots = host.slots or max(1, len(found) if isinstance(found, list) else 0)
        return slots - room.taken >= max(1, gpus)

    def _look_again(self, name: str) -> None:
        if time.monotonic() - self._looked.get(name, -LOOK_EVERY) >= LOOK_EVERY:
            self._looked[name] = time.monotonic()
            self._look_at(name)


def _stuck(job: Movable, room: Room | None) -> bool:
    """Whether the job would not begin soon where it is: its host can't be reached, or has told that it waits."""
    if room is not None and room.state in ("unreachable", "refused", "needs_login"):
        return job.state == states.QUEUED  # what the host may have, it is not taken from unasked
    return job.state == states.WAITING and job.waits is not None


def carry_out(intent: Intent, job: str, attempt: int, link: BridgeLink, writer: Writer, home: Path) -> None:
    """Asks the host to let go of the job, then moves it. Raises LtError `job_has_begun` if it was too late."""
    if attempt != intent.params.get("attempt"):
        return  # it has moved already, or was resumed meanwhile
    answer = link.request("withdraw", job=job, attempt=attempt)
    if not isinstance(answer, dict) or answer.get("withdrawn") is not True:
        raise LtError("job_has_begun", job=job)
    passed(MoveStep.WITHDRAWN, home)
    writer.run("jobs", choices.move, job, attempt, str(intent.params["to"]))
