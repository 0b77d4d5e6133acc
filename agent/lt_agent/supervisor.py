"""The supervisor: one process per running attempt, which owns all of its processes and writes its outcome.

`docs/agent.md` tells the order of things and why it holds when this process is killed at any point.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from . import checkpoints, collect, locks, prepare, procs, retries, start, stopping, tickets, trackers, verdict, wakeups
from .confided import from_pipe
from .crew import Crew
from .events import Events
from .lease_end import LeaseEnd
from .leases import Grant, read_slots
from .machine import keep_fresh, machine_id
from .outcome import keep_reserve, release_reserve, write_outcome
from .owners import read_adoption
from .printed import Printed
from .protocol import states
from .protocol.errors import LtError
from .protocol.files import read_json, write_json
from .protocol.paths import AttemptPaths, HostRoot, LeaseDir
from .protocol.records import ExitRecord, to_dict
from .sampler import Sampler
from .stopper import Stopper
from .watch import FLOOR

REFUSED = 3  # exit code: somebody else has the attempt, or had it
YOUNG = 3.0  # seconds in which a look every `GLANCE` stands in for the watch, which costs more than most short jobs
GLANCE = 0.2
SAMPLE_EVERY = 10.0
COLLECT_EVERY = 10.0
FRESHEN_EVERY = 6 * 3600.0
LEFTOVER_GRACE = 3.0  # seconds between SIGTERM and SIGKILL for what a worker leaves running
PIN_PATIENCE = 30.0  # seconds the last collection waits for a pull of the one before


def main(options: dict[str, str]) -> int:
    """The `supervise` command, for a dispatcher of another version: `--lease-fds` it inherits, `--told` to answer."""
    fds = tuple(int(word) for word in options["lease-fds"].split(",") if word)
    slots = tuple(int(word) for word in options["slots"].split(",") if word)
    for fd in fds:
        os.set_inheritable(fd, False)
    root, lease = HostRoot(options["root"]), LeaseDir(options["lease-dir"])
    attempt = root.attempt(options["job"], int(options["attempt"]))
    told = int(options["told"])

    def claimed() -> None:
        os.write(told, b"!")
        os.close(told)

    gpus = tuple(word for word in options.get("gpus", "").split(",") if word)
    secrets = from_pipe(int(options["secrets-fd"])) if "secrets-fd" in options else {}
    supervise(root, lease, attempt, Grant(slots, fds, gpus), Path(options["bundle"]), claimed, secrets)


def supervise(
    root: HostRoot,
    lease: LeaseDir,
    attempt: AttemptPaths,
    grant: Grant,
    bundle: Path,
    claimed: Callable[[], None],
    secrets: Mapping[str, str] | None = None,
) -> NoReturn:
    """Runs the attempt in this process, from its claim to its outcome, and ends the process.

    `secrets` are for the environment of the worker alone. `claimed` is called when no other supervisor can begin the
    attempt any more: its ticket may go. Exit code 0 when the outcome is written, `REFUSED` if the attempt is or was
    another supervisor's.
    """
    code = 1
    try:
        claim = locks.lock(attempt.claim, 1.0)
        if claim is None or attempt.exit.exists() or attempt.supervisor.exists():
            code = REFUSED
        else:
            me = procs.identity(os.getpid(), machine_id(lease))
            assert me is not None
            record = {**to_dict(me), "agent": bundle.name, "started_at": time.time()}
            # Before any process of the job exists. Lost in a power cut, it would let the attempt begin again: with
            # the machine all its processes would be gone as well.
            write_json(attempt.supervisor, record, durable=False)
            with contextlib.suppress(OSError):  # it waits no more, or is gone: that is no end of the attempt
                claimed()
            alive = locks.try_lock(attempt.alive)
            if alive is not None:  # goes where the leases go: to all of the job
                grant = Grant(grant.slots, (*grant.fds, alive), grant.gpus)
            _Supervisor(root, lease, attempt, grant, bundle, claim, secrets or {}).run()
            code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


class _Supervisor:
    def __init__(
        self,
        root: HostRoot,
        lease: LeaseDir,
        attempt: AttemptPaths,
        grant: Grant,
        bundle: Path,
        claim: int,
        secrets: Mapping[str, str],
    ) -> None:
        self._root = root
        self._lease = lease
        self._attempt = attempt
        self._grant = grant
        self._bundle = bundle
        self._claim = claim
        self._secrets = secrets
        self._dispatcher = os.getppid()
        self._event = Events(attempt).add
        self._spec = stopping.read_spec(attempt)
        self._stopper = Stopper(attempt, self._spec, self._event)
        self._crew = Crew(attempt)
        self._young_until = time.monotonic() + YOUNG
        self._next_help = 0.0
        self._started_at: float | None = None
        slots = read_slots(lease)
        self._gpus = grant.gpus or (slots.gpus_of(grant.slots) if self._spec.gpus else ())
        self._lists_gpus, self._all_gpus = bool(slots.gpus), slots.gpus

    def run(self) -> None:
        """From preparing to the outcome."""
        keep_reserve(self._attempt)
        self._event("state", state=states.PREPARING)
        try:
            record = self._work()
        except LtError as error:
            self._event("error", **error.as_dict())
            record = ExitRecord(states.FAILED, error.code, message=json.dumps(error.as_dict(), ensure_ascii=False))
        except Exception as error:  # a fault of ours must not leave an attempt without an end
            traceback.print_exc()
            message = f"{type(error).__name__}: {error}"
            self._event("error", code="agent_error", params={"message": message})
            record = ExitRecord(states.FAILED, "agent_error", message=message)
        survivors = self._end_all()
        if self._crew.worker is not None:
            try:
                self._finish_saved()
            except Exception as error:  # no process to be had for it, no disk: the outcome is worth more
                traceback.print_exc()
                self._event("checkpoint_failed", name="", why=str(error))
            record = replace(record, saved=checkpoints.newest(self._attempt))
        record = replace(
            record,
            started_at=self._started_at,
            finished_at=time.time(),
            killed=self._stopper.killed,
            survivors=survivors,
        )
        write_outcome(self._attempt, record, self._keep_trying)
        self._leave()

    # -- the course of things

    def _work(self) -> ExitRecord:
        prepared = self._prepare()
        if prepared is None:
            assert self._stopper.request is not None
            return ExitRecord(*stopping.OUTCOMES[self._stopper.request.kind])
        oom_before = verdict.oom_kills()
        gone = sorted(set(self._spec.secrets) - self._secrets.keys())
        if gone:
            raise LtError("secret_gone", names=gone)
        environment = {**prepared["env"], **self._secrets}
        self._secrets = {}  # nobody who is forked from here on is to have them
        worker = self._crew.start_worker(prepared["argv"], environment, self._grant.fds)
        del environment
        self._started_at = time.time()
        self._event("state", state=states.RUNNING, pid=worker)
        self._attend(worker)
        return self._judge_worker(oom_before)

    def _prepare(self) -> dict[str, Any] | None:
        """How to start the worker; None if a stop was asked for first."""

        def work() -> dict[str, Any]:
            gpus = self._gpus if self._lists_gpus else None
            ready = prepare.prepare(self._root, self._attempt, self._spec, gpus, self._bundle, self._event)
            collect.remember_start(self._attempt, self._spec.outputs)
            return ready

        if prepare.is_short(self._root, self._spec):
            # No process that could be killed in the middle: it would cost more than all of this.
            ready = None if self._stopper.look(None) else work()
            return None if self._stopper.look(None) else ready
        helper = self._crew.help(work, close=self._not_for_helpers(), nice=0)
        while self._crew.helper is not None:
            if self._stopper.look(None):
                self._crew.kill_helper()
                return None
            self._crew.pause(self._glance())
        return None if self._stopper.look(None) else dict(helper.result())

    def _attend(self, worker: int) -> None:
        """Until the worker has ended: requests, time and disk, checkpoints, samples."""
        crew, stopper, started, lease_end = self._crew, self._stopper, time.monotonic(), LeaseEnd(self._lease)
        sampler = Sampler(self._attempt, self._gpus, self._event, self._all_gpus)
        printed = Printed(self._attempt, self._spec.printed)
        disk_at, sample_at = started, started + YOUNG
        collect_at, fresh_at = started + COLLECT_EVERY, started + FRESHEN_EVERY
        while crew.status is None:
            now = time.monotonic()
            stopper.look(worker)
            printed.look()
            stopper.check_time(now - started, worker)
            if now >= disk_at:
                stopper.check_disk(worker)
                if stopper.request is None and self._save_for_lease(lease_end):
                    collect_at = now
                disk_at = now + FLOOR
            if now >= sample_at:
                with contextlib.suppress(OSError):
                    sampler.sample()
                sample_at = now + SAMPLE_EVERY
            if now >= fresh_at:
                keep_fresh(self._lease, self._grant.fds)
                fresh_at = now + FRESHEN_EVERY
            if now >= self._young_until:
                crew.watch()
            if crew.helper is None and now >= self._next_help:
                self._help_with_saved(collect_too=now >= collect_at)
                collect_at = now + COLLECT_EVERY if now >= collect_at else collect_at
            wait = min(stopper.proceed(worker), self._glance(), max(0.0, sample_at - now))
            if self._spec.timeout is not None and stopper.request is None:
                wait = min(wait, max(0.0, started + self._spec.timeout - now))
            crew.pause(wait)
        printed.look(last=True)

    def _judge_worker(self, oom_before: int | None) -> ExitRecord:
        assert self._crew.status is not None
        if self._spec.kind == "recipe":
            self._stopper.look(None)  # the worker reads requests, too, and may have obeyed one that is news to us
        exit_code, number = verdict.decode_status(self._crew.status)
        oom_after = verdict.oom_kills()
        try:
            failure = read_json(self._attempt.failure)
        except ValueError:
            failure = None
        state, reason, message = verdict.verdict(
            exit_code=exit_code,
            number=number,
            request=self._stopper.request,
            finished=checkpoints.has_final(self._attempt),
            failure=failure if isinstance(failure, dict) else None,
            kernel_oom=None not in (oom_before, oom_after) and oom_before != oom_after,
        )
        return ExitRecord(state, reason, exit_code, number, message)

    def _end_all(self) -> int:
        """Proves that nothing of the job is alive, and frees its slots; returns how many survive all the same."""
        killed, survivors = self._crew.end_all(self._leftover_grace())
        if killed:
            self._stopper.killed += ("scan",)
        if not survivors:
            self._drop_leases()  # the GPU is free while the last checkpoint is still being hashed
            if tickets.names(self._lease):
                wakeups.wake(self._lease)  # the next need not wait until our outcome is on the disk
        return survivors

    def _leftover_grace(self) -> float:
        """Seconds for what the worker left behind. Its own group may be saving: in `sh -c "python …"` sh dies first."""
        if self._crew.worker is None:
            return 0.0
        if not procs.group_lives(self._crew.worker):
            return LEFTOVER_GRACE
        return max(LEFTOVER_GRACE, self._stopper.remaining_grace())

    def _leave(self) -> None:
        """Begins the retry, if there is to be one. If our dispatcher is gone while others wait, somebody has to start
        the next one."""
        with contextlib.suppress(LtError, OSError, ValueError):  # the judge sees to it later
            retries.follow_up(self._root, self._lease, self._attempt, self._bundle)
        if os.getppid() != self._dispatcher and tickets.names(self._lease):
            start.ensure_dispatcher(self._root, self._lease, self._bundle)

    # -- what was saved

    def _save_for_lease(self, end: LeaseEnd) -> bool:
        """Near the lease's end a recipe's worker is asked to save, as by `lt save`. Whether to collect files now."""
        left = end.due(self._owner, time.time())
        if left is None:
            return False
        if self._spec.kind != "recipe":
            end.asked()
            if self._spec.outputs:
                self._event("lease_collect", left=round(left))
            return True
        with contextlib.suppress(LtError, OSError):  # a full disk must not end what it is to save
            seq = stopping.request_save(self._attempt)
            end.asked()
            self._event("lease_save", left=round(left), seq=seq)
        return False

    def _owner(self) -> str:
        adopted = read_adoption(self._root.owner(self._attempt.job))
        return str(adopted["owner"]) if adopted else self._spec.owner

    def _help_with_saved(self, *, collect_too: bool) -> None:
        with contextlib.suppress(OSError):  # a full or a sick disk, too many processes: tried again, after a pause
            collect_too = collect_too and bool(self._spec.outputs) and not collect.is_being_pulled(self._attempt)
            if not collect_too and not checkpoints.pending(self._attempt):
                return
            self._next_help = time.monotonic() + FLOOR
            self._crew.help(
                lambda: self._save_and_collect(collect_too, collect.QUIET), close=self._not_for_helpers(), nice=10
            )

    def _finish_saved(self) -> None:
        """The last checkpoint is hashed, and a script's files are collected, now that nothing writes to them."""
        self._crew.join_helper()
        deadline = time.monotonic() + PIN_PATIENCE
        while self._spec.outputs and collect.is_being_pulled(self._attempt) and time.monotonic() < deadline:
            self._crew.pause(FLOOR)
        if self._spec.outputs or checkpoints.pending(self._attempt) or trackers.present(self._attempt):
            release_reserve(self._attempt)
            self._crew.help(lambda: self._save_all(), close=self._not_for_helpers(), nice=0)
            self._crew.join_helper()

    def _save_all(self) -> None:
        """In the helper, when the worker is gone."""
        self._save_and_collect(True, 0.0)
        if trackers.present(self._attempt):
            trackers.publish(self._attempt, self._event)

    def _save_and_collect(self, collect_too: bool, quiet: float) -> None:
        """In the helper."""
        checkpoints.complete_all(self._attempt, self._spec.save_total_limit, self._event)
        if collect_too and self._spec.outputs:
            try:
                collect.collect(self._attempt, self._spec.outputs, self._event, quiet=quiet)
            except OSError as error:
                self._event("checkpoint_failed", name="files", why=str(error))

    # -- small things

    def _glance(self) -> float:
        return GLANCE if time.monotonic() < self._young_until else FLOOR

    def _not_for_helpers(self) -> list[int]:
        return [*self._grant.fds, self._claim]

    def _keep_trying(self) -> bool:
        """Nobody else knows the outcome: it is tried for ever, but not with a GPU in hand."""
        self._drop_leases()
        return True

    def _drop_leases(self) -> None:
        self._grant.close()
        self._grant = Grant()
