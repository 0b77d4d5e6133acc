"""Rebuilding the database from a host's job folders, and adopting jobs of another laptop.

A recovered attempt is a row with its cursors at 0; following it from there, as any other, brings events, metrics, log,
manifests and the end. So what is interrupted goes on by itself, and what is repeated changes nothing.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import JobSpec

from ..home import Home
from ..store import intents, jobs, owners, recovered
from ..store.intents import Intent
from ..store.owners import Other
from ..store.writer import Writer
from .checked import checked_other, checked_spec
from .link import BridgeLink
from .runs import at_home, belongs_to_other
from .steps import RecoverStep, passed

LOOK_EVERY = 120.0  # seconds between two looks at a shared box's other jobs
BATCH = 50  # jobs asked about in one request
MOST_LISTED = 100_000  # attempts of a host's list
MOST_OTHERS = 2000  # jobs of other laptops that are shown; each is a row that is written anew with every look


class Recovery:
    """Carries out `recover` requests for one connected host."""

    def __init__(self, host: str, home: Home, owner: str, writer: Writer, link: BridgeLink) -> None:
        self._host = host
        self._home = home
        self._owner = owner
        self._writer = writer
        self._link = link
        self._over = _Over(link)
        self._ended: list[tuple[str, int]] = []
        self._others_there = True  # until the host has told: what it showed before may be gone
        self._looked = time.monotonic()

    def look(self) -> None:
        """Now and then, at what others have on a shared box. Raises LtError `host_unreachable`."""
        if self._others_there and time.monotonic() - self._looked > LOOK_EVERY:
            self.note(self._link.request("jobs"))

    def carry_out(self, asked: Sequence[Intent]) -> None:
        """Does what is asked for this host. Raises LtError `host_unreachable`."""
        for intent in asked:
            try:
                result = self._one(intent)
            except LtError as error:
                if error.code in ("host_unreachable", "transfer_cancelled"):
                    raise
                self._writer.run("jobs", intents.failed, intent.id, error)
            else:
                self._writer.run("jobs", intents.done_with, intent.id, result)

    def take_ended(self) -> list[tuple[str, int]]:
        """(job, attempt) whose end was known before: what came home may tell of it, and nothing of the checkpoints that
        had not. Followed once more, the host tells of these; all else is here already. Each is given once.
        """
        ended, self._ended = self._ended, []
        return ended

    def note(self, summaries: Any) -> None:
        """Records which of the jobs that a host lists are other laptops'."""
        self._others(_by_job(summaries))

    def _one(self, intent: Intent) -> dict[str, Any]:
        shown = _by_job(self._link.request("jobs"))
        params = intent.params
        for job in self._to_adopt(shown, params):
            by = str(params.get("from") or "")
            self._link.request("adopt", job=job, by=by, expected=shown[job].owner)
            passed(RecoverStep.ADOPTED, self._home.path)
            shown[job] = shown[job]._replace(owner=self._owner, by=by)
        named = [str(job) for job in params.get("jobs") or ()]
        ours = [job for job, seen in shown.items() if seen.owner == self._owner and (not named or job in named)]
        if missing := [job for job in named if job not in shown]:
            raise LtError("no_such_job", ref=missing[0], near=[])
        fresh, wrong = [], []
        for part in (ours[at : at + BATCH] for at in range(0, len(ours), BATCH)):
            records = self._link.request("records", jobs=part)
            for job in part:
                try:
                    if self._add(job, records[job], brought_back=job in named):
                        fresh.append(job)
                except (KeyError, TypeError, ValueError):
                    wrong.append(LtError("bad_record", record="JobSpec", problem=job).as_dict())
                except LtError as error:
                    if error.code == "transfer_cancelled":
                        raise
                    wrong.append(error.as_dict())
        others = self._others(shown)
        return {"found": len(ours), "fresh": fresh, "others": len(others), "wrong": wrong[:20]}

    def _to_adopt(self, shown: dict[str, Other], params: dict[str, Any]) -> Iterator[str]:
        """The jobs of others that the request names: by id, by their owner, or all."""
        jobs_named, owners_named = params.get("jobs") or (), params.get("owners") or ()
        for job, seen in shown.items():
            wanted = params.get("all") or job in jobs_named or {seen.owner, seen.by} & set(owners_named)
            if seen.owner != self._owner and wanted:
                yield job

    def _add(self, job: str, record: dict[str, Any], *, brought_back: bool) -> bool:
        """Writes a job's rows, with what of its checkpoints is at home already; whether anything was new."""
        specs: dict[int, JobSpec] = {}
        for number, value in dict(record["attempts"]).items():
            spec = checked_spec(value, job, int(number) if str(number).isdigit() else 0)
            specs[spec.attempt] = spec
        if not specs:
            raise LtError("no_such_job", ref=job, near=[])
        removed = self._writer.read(jobs.is_removed, job)
        if removed and not brought_back:
            return False  # a person has forgotten it: only his word brings it back
        if brought_back:
            self._writer.run("jobs", owners.taken, job, self._owner)
        wanted = specs[max(specs)].name

        def taken(name: str) -> bool:
            return belongs_to_other(self._home.run(name), job)

        name = self._writer.run("", recovered.free_name, job, wanted, taken)
        # Known before the host is followed: it then tells which of them it has rotated away.
        found = list(at_home(self._home.run(name), job, self._over))
        ended = set(self._writer.read(recovered.ended_on, self._host, job)) & specs.keys()
        self._ended += [(job, attempt) for attempt in sorted(ended)]
        fresh = self._writer.run("jobs", recovered.add_job, self._host, self._owner, specs, name)
        passed(RecoverStep.ADDED, self._home.path)
        for attempt, manifest, path in found:
            if attempt in specs:
                self._writer.run("checkpoints", recovered.add_home_checkpoint, job, attempt, manifest, str(path))
        return fresh or removed

    def _others(self, shown: dict[str, Other]) -> list[Other]:
        others = [seen for seen in shown.values() if seen.owner != self._owner][-MOST_OTHERS:]
        self._looked = time.monotonic()
        if others or self._others_there:
            self._writer.run("jobs", owners.set_others, self._host, others)
        self._others_there = bool(others)
        return others


class _Over(threading.Event):
    """Set by the end of the link: hashing on the session's own thread must not hold up its leaving."""

    def __init__(self, link: BridgeLink) -> None:
        super().__init__()
        self._link = link

    def is_set(self) -> bool:
        return self._link.ended is not None


def _by_job(summaries: Any) -> dict[str, Other]:
    """Each job's newest attempt, of what a host lists; what is no summary is passed over."""
    found: dict[str, list[Other]] = defaultdict(list)
    for value in summaries[-MOST_LISTED:] if isinstance(summaries, list) else ():
        other = checked_other(value)
        if other is not None:
            found[other.id].append(other)
    return {job: max(seen, key=lambda other: other.attempt) for job, seen in found.items()}
