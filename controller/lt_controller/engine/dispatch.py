"""What is due on one connected host: new jobs to stage and start, streams to follow, requests to carry out."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lt_agent.protocol import states
from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import to_dict
from lt_inventory.model import Host

from ..home import Home
from ..journal import fault, note
from ..store import checkpoints, jobs, owners, relocations, streams
from ..store.due import Due
from ..store.jobs import Order, Unfinished
from ..store.writer import Writer
from ..transport.uv import push_uv
from .checked import MAX_TEXT
from .connect import Connected
from .intake import Intake
from .recovering import Recovery
from .requests import Requests
from .staging import Snapshot, Stager
from .steps import FenceStep, StreamStep, SubmitStep, passed
from .vault import Confiding, Vault

STAGERS = 2  # transfers to one host at a time
Known = tuple["str | None", "dict[str, int]", "list[str]"]  # as `_known`
# Tried again at the next connection, whose backoff is theirs as well.
TRANSIENT = frozenset({"host_unreachable", "transfer_failed", "too_many_sessions", "command_timeout", "busy"})
NEVER_STARTED = frozenset({"no_such_job", "bad_job_id", "not_your_job"})  # said of a job that the host does not have


class Dispatch:
    """One connection's worth of work. `pass_once` does what is due and never blocks on a transfer."""

    def __init__(
        self,
        host: Host,
        home: Home,
        writer: Writer,
        connected: Connected,
        intake: Intake,
        poke: Callable[[], None],
        vault: Vault | None = None,
    ) -> None:
        self._host = host
        self._home = home
        self._writer = writer
        self._connected = connected
        self._link = connected.link
        self._has_uv = bool(connected.facts.get("uv"))
        self._intake = intake
        self._poke = poke
        self._stager = Stager(host.name, home.path, writer, connected.link, connected.bulk)
        self._confiding = Confiding(host.name, writer, connected.link, vault or Vault())
        self._requests = Requests(host.name, writer, connected.link, home.path, self._cancel_staging, poke)
        self._recovery = Recovery(host.name, home, home.owner(), writer, connected.link)
        self._recovery.note(connected.hello.get("jobs"))
        self._pool = ThreadPoolExecutor(STAGERS, thread_name_prefix=f"stage-{host.name}")
        self._staging: dict[tuple[str, int], threading.Event] = {}
        self._arriving: set[tuple[str, str]] = set()
        self._noted: set[tuple[str, int]] = set()  # attempts that can't be followed now, and say so
        self._lock = threading.Lock()

    def pass_once(self, found: Due) -> bool:
        """Does what is due; whether anything is left that will be."""
        self._recovery.look()
        left = found.unfinished
        if found.asks:
            self._recovery.carry_out(found.recovers)
            for key in self._recovery.take_ended():
                self._follow(*key)
            self._requests.carry_out(found.requests)
            self._confiding.bring_missing(found.secrets)
            self._stop_given_up(found.fenced)
            left = self._writer.read(jobs.unfinished, self._host.name)
        for attempt in left:
            if attempt.newest and attempt.state in (states.QUEUED, states.STAGING):
                self._advance(attempt)
            elif not self._intake.follows(attempt.job, attempt.attempt):
                self._follow(attempt.job, attempt.attempt)
        return bool(found.recovers or found.requests or left)

    def _stop_given_up(self, fenced: Sequence[tuple[str, int]]) -> None:
        """A host that was retired is back: what still runs of the attempts that went on elsewhere is stopped."""
        for job, attempt in fenced:
            try:
                self._link.request("stop", job=job, attempt=attempt, kind="stop", grace=None)
            except LtError as error:
                if error.code in TRANSIENT:
                    raise
                note(f"{self._host.name}: {job}/{attempt} was given up, and can't be stopped: {error}")
            passed(FenceStep.STOPPED, self._home.path)
            self._writer.run("", relocations.fence_done, self._host.name, job, attempt)

    def cancel(self) -> None:
        """Cancels transfers; they go on from where they are at the next connection."""
        with self._lock:
            for cancel in self._staging.values():
                cancel.set()

    def close(self) -> None:
        """Cancels, and waits for the threads. To be called when the link has ended: they may wait for its answers."""
        self.cancel()
        self._requests.close()
        self._pool.shutdown(wait=True, cancel_futures=True)

    # New jobs

    def _advance(self, attempt: Unfinished) -> None:
        key = (attempt.job, attempt.attempt)
        with self._lock:
            if key in self._staging:
                return
        # From here on the host may have it, whatever becomes of the connection: a stop has to ask there.
        begun = self._writer.run("jobs", _begin, *key)
        if begun is None:
            return
        order, known = begun
        passed(SubmitStep.STAGING, self._home.path)
        needed = [Snapshot.from_params(value) for value in order.snapshots]
        with self._lock:
            arriving = any((snapshot.name, snapshot.digest) in self._arriving for snapshot in needed)
        # A start that finds something missing is no start; secrets travel with one that is sure to begin.
        asks_first = bool(order.spec.secrets) or self._lacks_uv(order) or arriving
        missing = self._missing(needed) if asks_first else []
        if not missing and not self._lacks_uv(order):
            if arriving:
                return  # it came a moment ago, for an earlier job: that one starts first, and then wakes this pass
            missing = self._start(attempt, order, needed, known)
            if not missing:
                return
        with self._lock:
            mine = [snapshot for snapshot in missing if (snapshot.name, snapshot.digest) not in self._arriving]
            if missing and not mine:
                return  # another job is bringing all of it; that job's end wakes us
            self._arriving |= {(snapshot.name, snapshot.digest) for snapshot in mine}
            cancel = self._staging[key] = threading.Event()
        self._pool.submit(self._stage, attempt, order, mine, cancel)

    def _lacks_uv(self, order: Order) -> bool:
        """Whether the job's environment is to be built by a uv that the host has not."""
        return order.spec.env.kind != "existing" and not self._has_uv

    def _missing(self, snapshots: list[Snapshot]) -> list[Snapshot]:
        if not snapshots:
            return []
        return _among(snapshots, self._link.request("have", items=_names(snapshots)))

    def _stage(self, attempt: Unfinished, order: Order, missing: list[Snapshot], cancel: threading.Event) -> None:
        key = (attempt.job, attempt.attempt)
        try:
            if self._lacks_uv(order):
                there = self._connected
                push_uv(there.transport, there.bulk, there.facts, self._home, cancel=cancel)
                self._has_uv = True
            for snapshot in missing:
                self._stager.push(attempt.job, snapshot, cancel)
        except LtError as error:
            if not cancel.is_set():
                self._not_staged(key, error)
        except sqlite3.Error as error:  # a full disk: no job's fault
            self._link.close(_internal(error))
        except Exception as error:
            fault()
            self._not_staged(key, _internal(error))
        finally:
            with self._lock:
                self._arriving -= {(snapshot.name, snapshot.digest) for snapshot in missing}
                self._staging.pop(key, None)
            self._poke()

    def _not_staged(self, key: tuple[str, int], error: LtError) -> None:
        if error.code in TRANSIENT:
            self._link.close(error)
        else:
            self._writer.run("jobs", jobs.end_here, *key, states.FAILED, error)

    def _start(self, attempt: Unfinished, order: Order, needed: list[Snapshot], known: Known) -> list[Snapshot]:
        """Starts and follows it, in one round trip, if the host has all that it needs; else says what it lacks."""
        key = (attempt.job, attempt.attempt)
        which, cursors, manifests = known
        self._intake.follow(*key, which)  # first: the host may tell of it before it answers
        answer: dict[str, Any] = {}
        try:
            secrets = self._confiding.with_start(order.spec.job, order.spec.secrets)
            follow = {"cursors": cursors, "manifests": manifests}
            spec = to_dict(order.spec)
            told = self._link.request("start", spec=spec, needs=_names(needed), follow=follow, **secrets)
            answer = told if isinstance(told, dict) else {}
        except LtError as error:
            if error.code in TRANSIENT:
                raise
            self._not_started(key, error)
            return []
        finally:
            if not answer.get("followed"):
                self._intake.unfollow(*key)
        if answer.get("missing"):
            return _among(needed, answer)
        passed(SubmitStep.STARTED, self._home.path)
        self._writer.run("jobs", jobs.set_state, *key, states.WAITING)
        passed(SubmitStep.RECORDED, self._home.path)
        if answer.get("followed"):
            passed(StreamStep.ASKED, self._home.path)
        else:
            self._follow(*key)
        passed(SubmitStep.FOLLOWED, self._home.path)
        return []

    def _not_started(self, key: tuple[str, int], error: LtError) -> None:
        """The host could not start it; it has failed once the host says that it never will.

        A host out of processes, say, has written it down by then and would begin it later by itself. What it can't take
        back is asked to start again at the next pass: that is done as often as one likes.
        """
        try:
            answer = self._link.request("withdraw", job=key[0], attempt=key[1])
        except LtError as problem:
            if problem.code in TRANSIENT:
                raise
            never = problem.code in NEVER_STARTED
        else:
            never = isinstance(answer, dict) and answer.get("withdrawn") is True
        if never:
            self._writer.run("jobs", jobs.end_here, *key, states.FAILED, error)
        else:
            self._writer.run("jobs", jobs.note, *key, self._host.name, error)

    def _cancel_staging(self, job: str, attempt: int) -> None:
        with self._lock:
            cancel = self._staging.get((job, attempt))
        if cancel is not None:
            cancel.set()

    # Streams

    def _follow(self, job: str, attempt: int) -> None:
        key = (job, attempt)
        which, cursors, known = self._writer.read(_known, *key)
        if not self._intake.follow(*key, which):
            return
        try:
            self._link.request("follow", job=key[0], attempt=key[1], cursors=cursors, manifests=known)
            passed(StreamStep.ASKED, self._home.path)
            if key in self._noted:
                self._noted.discard(key)
                self._writer.run("jobs", jobs.forget_note, *key)
        except LtError as error:
            if error.code == "host_unreachable":
                raise
            self._intake.unfollow(*key)  # asked again on the next pass: a disk may be mounted by then
            if error.code == "not_your_job":
                whose = (str(error.params.get(part) or "")[:MAX_TEXT] for part in ("owner", "by"))
                self._writer.run("jobs", owners.given_up, *key, self._host.name, *whose)
                return
            if error.code == "no_such_job":
                error = LtError("job_folder_missing", job=key[0], host=self._host.name)
            # Not evidence of an end: a disk that is not mounted looks the same. It stays, and says what is wrong.
            self._noted.add(key)
            self._writer.run("jobs", jobs.note, *key, self._host.name, error)


def _begin(db: sqlite3.Connection, job: str, attempt: int) -> tuple[Order, Known] | None:
    """Records that the attempt is on its way to its host; what was submitted, and what is known of it.

    None if it was stopped, moved or given up with its host since somebody looked: what is sent now is for another one.
    """
    row = db.execute("SELECT state FROM attempts WHERE job_id=? AND attempt=?", (job, attempt)).fetchone()
    order = jobs.order(db, job)
    if row is None or row[0] not in (states.QUEUED, states.STAGING) or order.spec.attempt != attempt:
        return None
    jobs.set_state(db, job, attempt, states.STAGING)
    return order, _known(db, job, attempt)


def _names(snapshots: Sequence[Snapshot]) -> list[dict[str, str]]:
    return [{"name": snapshot.name, "digest": snapshot.digest} for snapshot in snapshots]


def _among(snapshots: Sequence[Snapshot], answer: Any) -> list[Snapshot]:
    """Those that the host says it lacks; what it says else counts for nothing."""
    said = answer.get("missing") if isinstance(answer, dict) else None
    items = [item for item in said if isinstance(item, dict)] if isinstance(said, list) else []
    missing = {(str(item.get("name")), str(item.get("digest"))) for item in items}
    return [snapshot for snapshot in snapshots if (snapshot.name, snapshot.digest) in missing]


def _known(db: sqlite3.Connection, job: str, attempt: int) -> Known:
    """The pull policy, the cursors and the manifests known."""
    return jobs.order(db, job).which, streams.cursors(db, job, attempt), checkpoints.names(db, job, attempt)


def _internal(error: Exception) -> LtError:
    return LtError("internal", why=f"{type(error).__name__}: {error}")
