"""What a bridge pushes, into the database. Runs on the link's reader thread; a full writer makes it wait."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.frames import Frame
from lt_agent.protocol.records import ExitRecord, Manifest, from_dict
from lt_agent.protocol.states import STATES

from .. import room
from ..store import checkpoints, confided, hosts, jobs, leases, owners, queue, streams, usage
from ..store.times import iso
from ..store.told import host_error, plain
from ..store.writer import Writer
from .checked import MAX_TEXT
from .line_news import checked_line
from .steps import PullStep, Step, StreamStep, passed
from .verify import checked_exit, checked_manifest, is_count

SEEN_EVERY = 20.0  # seconds between two notes that the host is alive
# Bytes that a message without a payload counts for while it waits to be stored: without a bound on those, too, a host
# could fill the memory with them.
MESSAGE, ENTRY = 4 << 10, 400
LOOK_AT_DISK = 32 << 20  # bytes of logs and metrics between two looks at the room that is left here


class Intake:
    """Takes pushes for the attempts that are followed, and for no other: a host speaks only for its own jobs."""

    def __init__(
        self,
        host: str,
        home: Path,
        writer: Writer,
        on_news: Callable[[], None],
        on_fault: Callable[[str], None],
    ) -> None:
        self._host = host
        self._home = home
        self._writer = writer
        self._on_news = on_news  # something that may be work: a checkpoint, an end
        self._on_fault = on_fault  # the stream can't be trusted to be whole: reconnect and ask again
        self._followed: dict[tuple[str, int], str | None] = {}
        self._lock = threading.Lock()
        self._seen = time.monotonic()
        self._unlooked = LOOK_AT_DISK  # bytes since somebody looked how full this disk is
        self.clock = 0.0  # what to add to the host's times, in seconds

    def follow(self, job: str, attempt: int, which: str | None) -> bool:
        """Expects pushes for this attempt from now on; `which` is its pull policy. False if it was expected already."""
        with self._lock:
            fresh = (job, attempt) not in self._followed
            self._followed[job, attempt] = which
        return fresh

    def unfollow(self, job: str, attempt: int) -> None:
        """Its pushes are over."""
        with self._lock:
            self._followed.pop((job, attempt), None)

    def follows(self, job: str, attempt: int) -> bool:
        """Whether this attempt is followed."""
        return (job, attempt) in self._followed

    def push(self, frame: Frame) -> None:
        """Handles one pushed frame; what is malformed or not ours is a fault of the host, never of a job."""
        kind = frame.header["type"]
        if kind == "beat":
            self._beat()
            return
        if kind == "usage":
            self._usage(frame.header)
            return
        if kind == "line":
            line = checked_line(frame.header.get("items"), self.follows)
            self._add("jobs", queue.set_line, line, self.clock, weight=MESSAGE + ENTRY * len(line))
            return
        job, attempt = str(frame.header.get("job")), frame.header.get("attempt")
        if not isinstance(attempt, int) or (job, attempt) not in self._followed:
            return
        try:
            if kind == "stream":
                self._stream(job, attempt, str(frame.header.get("stream")), int(frame.header["offset"]), frame.payload)
            elif kind == "manifest":
                self._manifest(job, attempt, checked_manifest(from_dict(Manifest, frame.header.get("manifest"))))
            elif kind == "gone":
                name = plain(str(frame.header.get("name"))[:MAX_TEXT])
                self._add("checkpoints", checkpoints.gone, job, attempt, name)
            elif kind == "problem":
                self._add("jobs", jobs.note, job, attempt, self._host, host_error(frame.header["error"]))
            elif kind == "adopted":
                whose = (str(frame.header.get(key) or "")[:MAX_TEXT] for key in ("owner", "by"))
                self.unfollow(job, attempt)
                self._add("jobs", owners.given_up, job, attempt, self._host, *whose)
            elif kind == "exit":
                record = checked_exit(from_dict(ExitRecord, frame.header.get("exit")))
                self._exit(job, attempt, record, dict(frame.header["cursors"]))
        except LtError as error:  # a record that is not what it should be is that job's matter alone
            self._add("jobs", jobs.note, job, attempt, self._host, host_error(error.as_dict()))
        except (KeyError, TypeError, ValueError) as error:
            self._on_fault(f"a malformed `{kind}` message: {error}")

    def _stream(self, job: str, attempt: int, stream: str, offset: int, data: bytes) -> None:
        self._unlooked += len(data)
        if self._unlooked > LOOK_AT_DISK:
            self._unlooked = 0
            if room.left(self._home) < 0:
                self._unlooked = LOOK_AT_DISK  # at the next connection before anything is stored
                self._on_fault("laptop_full")
                return
        if stream == "log":
            future = self._add("logs", streams.add_log, job, attempt, offset, data, weight=len(data))
        elif stream == "events":
            news = (job, attempt, self._host, offset, data, self.clock)
            future = self._add("jobs", _take_events, *news, weight=len(data))
            if b'"needs_secret"' in data:  # it may be known here
                future.add_done_callback(lambda _: self._on_news())
        elif stream in ("metrics", "samples"):
            points = (job, attempt, stream, offset, data, self.clock)
            future = self._add("metrics", streams.add_metrics, *points, weight=len(data))
        else:
            return
        self._then_passed(future, StreamStep.STORED)

    def _manifest(self, job: str, attempt: int, manifest: Manifest) -> None:
        which = self._followed.get((job, attempt))
        weight = MESSAGE + sum(ENTRY + len(entry.path) for entry in manifest.files)
        future = self._add("checkpoints", _take_manifest, job, attempt, manifest, which, self.clock, weight=weight)
        self._then_passed(future, PullStep.ANNOUNCED)
        future.add_done_callback(lambda _: self._on_news())

    def _exit(self, job: str, attempt: int, record: ExitRecord, sent: dict[str, int]) -> None:
        future = self._add("jobs", _take_exit, job, attempt, record, sent, self.clock)
        self._then_passed(future, StreamStep.ENDED)
        self.unfollow(job, attempt)
        future.add_done_callback(lambda _: self._on_news())

    def _usage(self, told: dict[str, Any]) -> None:
        """How busy the machine is, between its jobs too. What is no such thing is passed over."""
        when, values = told.get("time"), told.get("values")
        if isinstance(when, (int, float)) and abs(when) < 1e12 and isinstance(values, dict):
            self._add("", usage.add, self._host, float(when) + self.clock, values, time.time())

    def _beat(self) -> None:
        if time.monotonic() - self._seen > SEEN_EVERY:
            self._seen = time.monotonic()
            self._writer.add("hosts", hosts.seen, self._host)

    def _add(self, topic: str, function: Callable[..., Any], *args: Any, weight: int = MESSAGE) -> Future[Any]:
        """Queues it; waits while too much is waiting, and so, through SSH's window, does the host."""
        future = self._writer.add(topic, function, *args, weight=weight)
        future.add_done_callback(self._check)
        return future

    def _then_passed(self, future: Future[Any], step: Step) -> None:
        def done(future: Future[Any]) -> None:
            if future.exception() is None:
                passed(step, self._home)

        future.add_done_callback(done)

    def _check(self, future: Future[Any]) -> None:
        error = future.exception()
        if error is not None:
            self._on_fault(str(error))


def _take_events(
    db: sqlite3.Connection, job: str, attempt: int, host: str, offset: int, data: bytes, clock: float
) -> None:
    """Stores events and lets those that speak of the job's state act on it, in the same transaction."""
    for code, params, when in streams.add_events(db, job, attempt, host, offset, data, clock):
        if code == "state":
            state = params.get("state")
            if isinstance(state, str) and state in STATES:
                reason = params.get("reason")
                said = reason[:MAX_TEXT] if isinstance(reason, str) else None
                jobs.set_state(db, job, attempt, state, said, iso(when))
        elif code == "plan" and is_count(params.get("total_steps")):
            jobs.set_total_steps(db, job, attempt, params["total_steps"])
        elif code in ("needs_secret", "secrets_here"):
            confided.set_needed(db, job, attempt, code == "needs_secret")
        elif code in leases.ASKED:
            leases.asked(db, job, attempt, host, when)


def _take_manifest(
    db: sqlite3.Connection, job: str, attempt: int, manifest: Manifest, which: str | None, clock: float
) -> None:
    """Records a checkpoint; one that the end of a lease has asked for comes home whatever the policy."""
    checkpoints.add(db, job, attempt, manifest, which, clock)
    leases.bring_home(db, job, attempt, manifest.name)


def _take_exit(
    db: sqlite3.Connection, job: str, attempt: int, record: ExitRecord, sent: dict[str, int], clock: float
) -> None:
    """Ends the attempt, if all that the host has of its streams is here: after the end nobody asks for more."""
    here = streams.cursors(db, job, attempt)
    if any(here[name] < int(sent.get(name, 0)) for name in streams.CURSORS):
        raise ValueError(f"the end of {job}/{attempt} came before all of its streams: {here} of {sent}")
    if jobs.end_attempt(db, job, attempt, record, clock):
        queue.begin_retry(db, job, attempt, record, clock)
