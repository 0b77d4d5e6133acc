"""The dispatcher's view of the line: the tickets, what is free, who may start, and the board of why others wait."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import leases, tickets
from .foreign import foreign_gpus
from .leases import Slots
from .line import Free, Machine, Verdict, Wish, decide, impossible, order
from .protocol.files import read_json, write_json
from .protocol.paths import LeaseDir
from .tickets import Ticket

NEVER = "never"  # the code of a verdict on what this machine can't grant at all; `reason` is why
YIELD = 5.0  # seconds that another user's dispatcher has to take what is its turn, before it is passed over for good
FOREIGN_AGAIN = 10.0  # seconds between two looks at a GPU that something else uses
FOREIGN_FRESH = 1.0  # seconds for which an answer about that is good enough to start a job on
ALIVE_EVERY = 20.0  # seconds between two signs of life to the other users of a shared folder
_COARSE = 64 << 20  # bytes: a change of the disk's free space below this is none


class Queue:
    """The line of one machine as one user's dispatcher sees it."""

    def __init__(self, lease: LeaseDir, root: Path) -> None:
        self._lease = lease
        self._root = root
        self._book = tickets.Book(lease)
        self._me = os.getuid()
        self._slots = Slots()
        self._foreign: frozenset[str] = frozenset()
        self._foreign_at = 0.0
        self._yielded: dict[tuple[int, str], float] = {}
        self._last: tuple[Any, ...] | None = None
        self._told: dict[str, Any] | None = None
        self._alive_at = 0.0
        self.due: float | None = None  # when the next retry may start

    @property
    def slots(self) -> Slots:
        """The machine's slots and GPUs, as of the last look."""
        return self._slots

    def tickets(self, *, again: bool = False) -> dict[str, Ticket]:
        """This user's tickets by name."""
        return self._book.look(again=again)

    def put_aside_bad(self) -> list[str]:
        """Renames files that are no tickets, so that they are not met again; why they are none, for the log."""
        told = []
        for name, error in self._book.take_bad().items():
            told.append(str(error))
            with contextlib.suppress(OSError):
                os.replace(self._lease.tickets / name, self._lease.tickets / (name + ".bad"))
        return told

    def look(self, waiting: dict[str, Ticket], held: Collection[str] = ()) -> list[Verdict]:
        """What is to be done for the tickets `waiting`, except those `held` back; nothing if all is as it was.

        A verdict that starts may be of another user's wish: that one's dispatcher sees to it.
        """
        now = time.time()
        self._slots = leases.read_slots(self._lease)
        wishes = [ticket.wish for name, ticket in waiting.items() if name not in held]
        others = tickets.of_others(self._lease)
        self._sign_of_life()
        total, disk = self._disk(wishes)
        free = leases.survey(self._lease, self._slots, frozenset(), disk, count_cores=any(w.cpus for w in wishes))
        self.due = min((wish.not_before for wish in wishes if wish.not_before > now), default=None)
        paused = sum(1 for wish in wishes if wish.not_before > now)
        state = (self._book.version, self._slots, free, tuple(held), len(waiting), paused, bool(others))
        blocked_by_others = bool(self._foreign) and now - self._foreign_at > FOREIGN_AGAIN
        if state == self._last and not (others or blocked_by_others):
            return []
        self._last = state
        return self._decide(wishes, others, self._slots.machine(total), free, now)

    def again(self) -> None:
        """The next look decides anew, whatever has changed: something went otherwise than decided."""
        self._last = None

    def publish(self, verdicts: Sequence[Verdict], waiting: dict[str, Ticket]) -> None:
        """Writes the board if it has changed: per waiting job its place, and the code and parameters of why."""
        jobs: dict[str, Any] = {}
        for verdict in verdicts:
            ticket = waiting.get(verdict.wish.key)
            if ticket is not None and verdict.wish.user == self._me and not verdict.starts:
                jobs[f"{ticket.job}-{ticket.attempt}"] = [verdict.place, verdict.code, dict(verdict.params)]
        if jobs != self._told:
            with contextlib.suppress(OSError):  # a full disk: people see an older word
                write_json(self._lease.board, {"jobs": jobs}, durable=False)
                self._told = jobs

    def _decide(
        self, wishes: list[Wish], others: list[Wish], machine: Machine, free: Free, now: float
    ) -> list[Verdict]:
        never = {wish: found for wish in wishes if (found := impossible(wish, machine)) is not None}
        wishes = [wish for wish in wishes if wish not in never]
        others = [wish for wish in others if impossible(wish, machine) is None and not self._passed_over(wish)]
        line = order([*wishes, *others], now)
        free = replace(free, foreign=self._foreign)
        verdicts = decide(line, machine, free, now)
        if self._asks_about_foreign(verdicts):
            unused = [gpu for gpu, count in free.gpus.items() if count == self._slots.shares]
            self._foreign, self._foreign_at = foreign_gpus(unused), time.time()
            verdicts = decide(line, machine, replace(free, foreign=self._foreign), now)
        self._note_yields(verdicts)
        return [*(Verdict(wish, code=NEVER, params={"reason": r, **p}) for wish, (r, p) in never.items()), *verdicts]

    def _asks_about_foreign(self, verdicts: list[Verdict]) -> bool:
        """Whether the driver has to be asked: before a GPU is given away, and now and then while one is missed."""
        age = time.time() - self._foreign_at
        if any(verdict.starts and verdict.gpus and verdict.wish.user == self._me for verdict in verdicts):
            return age > FOREIGN_FRESH
        return bool(self._foreign) and age > FOREIGN_AGAIN

    def _note_yields(self, verdicts: list[Verdict]) -> None:
        turns = {(v.wish.user, v.wish.key) for v in verdicts if v.starts and v.wish.user != self._me}
        now = time.monotonic()
        for key in turns:
            self._yielded.setdefault(key, now)
        # Whose turn was taken, or has passed without being used, begins anew; who was passed over stays so.
        self._yielded = {key: at for key, at in self._yielded.items() if key in turns or now - at > YIELD}
        if len(self._yielded) > 4096:
            self._yielded.clear()

    def _passed_over(self, wish: Wish) -> bool:
        since = self._yielded.get((wish.user, wish.key))
        return since is not None and time.monotonic() - since > YIELD

    def _disk(self, wishes: Sequence[Wish]) -> tuple[int, int]:
        """(all, free) bytes of the disk, where somebody asks for some."""
        if not any(wish.disk for wish in wishes):
            return 0, 0
        try:
            info = os.statvfs(self._root)
        except OSError:
            return 0, 0
        return info.f_blocks * info.f_frsize, info.f_bavail * info.f_frsize // _COARSE * _COARSE

    def _sign_of_life(self) -> None:
        if not self._lease.shared or time.monotonic() - self._alive_at < ALIVE_EVERY:
            return
        self._alive_at = time.monotonic()
        with contextlib.suppress(OSError):
            fd = os.open(self._lease.alive, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
            os.utime(fd)
            os.close(fd)


def read_board(lease: LeaseDir) -> dict[str, Any]:
    """The board as the dispatcher left it: `JOB-attempt` → [place or None, code, params]; empty if there is none."""
    try:
        value = read_json(lease.board)
    except (OSError, ValueError):
        return {}
    jobs = value.get("jobs") if isinstance(value, dict) else None
    return jobs if isinstance(jobs, dict) else {}
