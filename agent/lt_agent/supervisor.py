"""The supervisor: one process per running attempt, which owns all of its processes and writes its outcome.

`docs/agent.md` tells the order of things and why it holds when this process is killed at any point.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from . import checkpoints, collect, locks, prepare, procs, start, stopping, tickets, verdict, wakeups
from .events import Events
from .helpers import Helper
from .leases import Grant, read_slots
from .machine import keep_fresh, machine_id
from .outcome import keep_reserve, release_reserve, write_outcome
from .protocol import states
from .protocol.errors import LtError
from .protocol.files import read_json, write_json
from .protocol.paths import AttemptPaths, HostRoot, LeaseDir
from .protocol.records import ExitRecord, JobSpec, to_dict
from .stopping import StopRequest
from .watch import FLOOR, FolderWatch

REFUSED = 3  # exit code: somebody else has the attempt, or had it
YOUNG = 3.0  # seconds in which a look every `GLANCE` replaces the watch, which costs more than most short jobs
GLANCE = 0.2
SAMPLE_EVERY = 10.0
COLLECT_EVERY = 10.0
FRESHEN_EVERY = 6 * 3600.0
LEFTOVER_GRACE = 3.0  # seconds between SIGTERM and SIGKILL for what a worker leaves running
SURVIVOR_SECONDS = 60.0
PIN_PATIENCE = 30.0  # seconds the last collection waits for a pull of the one before


def main(options: dict[str, str]) -> int:
    """The `supervise` command, for a dispatcher of another version: `--lease-fds` it inherits, `--told` to answer."""
    fds = tuple(int(word) for word in options["lease-fds"].split(",") if word)
    slots = tuple(int(word) for word in options["slots"].split(",") if word)
    for fd in fds:
        os.set_inheritable(fd, False)
    attempt = HostRoot(options["root"]).attempt(options["job"], int(options["attempt"]))
    told = int(options["told"])

    def claimed() -> None:
        os.write(told, b"!")
        os.close(told)

    bundle = Path(options["bundle"])
    supervise(HostRoot(options["root"]), LeaseDir(options["lease-dir"]), attempt, Grant(slots, fds), bundle, claimed)


def supervise(
    root: HostRoot,
    lease: LeaseDir,
    attempt: AttemptPaths,
    grant: Grant,
    bundle: Path,
    claimed: Callable[[], None],
) -> NoReturn:
    """Runs the attempt in this process, from its claim to its outcome, and ends the process.

    `claimed` is called when no other supervisor can begin the attempt any more: its ticket may go. Exit code 0 when
    the outcome is written, `REFUSED` if the attempt is or was another supervisor's.
    """
    code = 1
    try:
        os.environ.pop(procs.MARKER, None)
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
            claimed()
            _Supervisor(root, lease, attempt, grant, bundle, claim).run()
            code = 0
    finally:
        os._exit(code)


class _Supervisor:
    def __init__(
        self, root: HostRoot, lease: LeaseDir, attempt: AttemptPaths, grant: Grant, bundle: Path, claim: int
    ) -> None:
        self._root = root
        self._lease = lease
        self._attempt = attempt
        self._grant = grant
        self._bundle = bundle
        self._claim = claim
        self._parent = os.getppid()
        self._event = Events(attempt).add
        self._spec: JobSpec = stopping.read_spec(attempt)
        self._born = time.monotonic()
        self._request: StopRequest | None = None
        self._asked_at = 0.0
        self._stop_mark: tuple[int, int] | None = None
        self._sent: tuple[str, ...] = ()
        self._killed: tuple[str, ...] = ()
        self._helper: Helper | None = None
        self._last_helper: Helper | None = None
        self._next_help = 0.0
        self._gpus: tuple[str, ...] = ()
        self._worker: int | None = None
        self._status: int | None = None
        self._started_at: float | None = None
        self._oom_before: int | None = None
        self._disk_warned = False
        self._watch: FolderWatch | None = None
        self._wake_read, self._wake_write = os.pipe()
        for fd in (self._wake_read, self._wake_write):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    # -- the course of things

    def run(self) -> None:
        """From preparing to the outcome."""
        procs.become_subreaper()
        keep_reserve(self._attempt)
        self._event("state", state=states.PREPARING)
        try:
            record = self._prepare_and_work()
        except LtError as error:
            self._event("error", **error.as_dict())
            message = " ".join(str(error.params.get("message") or error).split())
            record = self._record(states.FAILED, error.code, message)
        except Exception as error:  # a fault of ours must not leave an attempt without an end
            self._event("error", code="agent_error", params={"message": f"{type(error).__name__}: {error}"})
            record = self._record(states.FAILED, "agent_error", f"{type(error).__name__}: {error}")
            _log_traceback()
        survivors = self._end_all(0.0 if self._worker is None else self._leftover_grace())
        if survivors == 0:
            self._grant.close()  # proven dead: the GPU is free while the last checkpoint is still being hashed
            self._grant = Grant()
        if self._worker is not None:
            try:
                self._finish_saved()
            except OSError as error:  # no process to be had for it, or no disk
                self._event("checkpoint_failed", name="", why=str(error))
        record = self._with_last_words(record, survivors)
        write_outcome(self._attempt, record, self._drop_leases)
        self._leave()

    def _prepare_and_work(self) -> ExitRecord:
        prepared = self._prepare()
        if prepared is None:
            assert self._request is not None
            return self._record(*stopping.OUTCOMES[self._request.kind], "")
        self._start_worker(prepared)
        self._attend()
        return self._worker_record()

    def _prepare(self) -> dict[str, Any] | None:
        """How to start the worker; None if a stop was asked for first."""
        slots = read_slots(self._lease)
        gpus: tuple[str, ...] | None = slots.gpus_of(self._grant.slots) if self._spec.gpus else ()
        if not slots.gpus:
            gpus = None
        self._gpus = gpus or ()

        def work() -> dict[str, Any]:
            ready = prepare.prepare(self._root, self._attempt, self._spec, gpus, self._bundle, self._event)
            collect.remember_start(self._attempt, self._spec.outputs)
            return ready

        self._help(work, nice=0)
        while self._helper is not None:
            if self._check_stop():
                self._kill_helper()
                return None
            self._pause(GLANCE if self._young() else FLOOR)
        if self._check_stop():
            return None
        assert self._last_helper is not None
        return dict(self._last_helper.result())

    def _start_worker(self, prepared: dict[str, Any]) -> None:
        log = os.open(self._attempt.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._oom_before = verdict.oom_kills()
        try:
            if not prepared["argv"]:
                raise LtError("start_failed", program="", why="the command is empty")
            process = subprocess.Popen(
                prepared["argv"],
                cwd=self._attempt.code,
                env=prepared["env"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=self._grant.fds,
            )
        except OSError as error:
            program = prepared["argv"][0] if prepared["argv"] else ""
            raise LtError("start_failed", program=program, why=error.strerror or str(error)) from None
        finally:
            os.close(log)
        process.returncode = 0  # ours is the only waitpid; this keeps Popen from another
        self._worker = process.pid
        self._started_at = time.time()
        self._event("state", state=states.RUNNING, pid=process.pid)

    def _attend(self) -> None:
        """Until the worker has ended: requests, time and disk, checkpoints, samples."""
        from .sampler import Sampler

        started = time.monotonic()
        sampler = Sampler(self._attempt, self._gpus, self._event)
        due = {"disk": started, "sample": started + YOUNG, "collect": started + COLLECT_EVERY}
        due["fresh"] = started + FRESHEN_EVERY
        while self._status is None:
            now = time.monotonic()
            self._check_stop()
            self._check_time(now - started)
            if now >= due["disk"]:
                self._check_disk()
                due["disk"] = now + FLOOR
            if now >= due["sample"]:
                sampler.sample()
                due["sample"] = now + SAMPLE_EVERY
            if now >= due["fresh"]:
                keep_fresh(self._lease, self._grant.fds)
                due["fresh"] = now + FRESHEN_EVERY
            if not self._young() and self._watch is None:
                self._start_watch()
            if self._helper is None and now >= self._next_help:
                self._help_with_saved(collect_too=now >= due["collect"])
                if now >= due["collect"]:
                    due["collect"] = now + COLLECT_EVERY
            wait = min(self._proceed_with_stop(), GLANCE if self._young() else FLOOR, due["sample"] - now)
            if self._spec.timeout is not None:
                wait = min(wait, max(0.05, started + self._spec.timeout - now))
            self._pause(wait)

    def _finish_saved(self) -> None:
        """The last checkpoint is hashed, and a script's files are collected, now that nothing writes to them."""
        self._join_helper()
        deadline = time.monotonic() + PIN_PATIENCE
        while self._spec.outputs and collect.is_being_pulled(self._attempt) and time.monotonic() < deadline:
            self._pause(FLOOR)
        if self._spec.outputs or checkpoints.pending(self._attempt):
            release_reserve(self._attempt)
            wakeups.wake(self._lease)  # the leases are free
            self._help(lambda: self._save_and_collect(True, 0.0))
            self._join_helper()

    # -- requests

    def _check_stop(self) -> bool:
        """Takes in `control/stop.json` if it changed; whether a stop is asked for."""
        try:
            info = os.stat(self._attempt.stop_request)
        except OSError:
            return self._request is not None
        mark = (info.st_ino, info.st_mtime_ns)
        if mark != self._stop_mark:
            self._stop_mark = mark
            request = stopping.read_stop(self._attempt)
            if request is not None:
                self._take(request)
        return self._request is not None

    def _take(self, request: StopRequest) -> None:
        before, self._request = self._request, request
        if before is None or request.time > before.time:
            self._asked_at = time.monotonic()
        if before is None or before.kind != request.kind:
            self._event("state", state=states.STOPPING, kind=request.kind, grace=request.grace, by=request.requested_by)
        if before is None:
            self._killed = ("request",)
            if self._spec.kind != "recipe" and self._worker is not None:
                procs.send(self._worker, signal.SIGTERM)

    def _ask(self, kind: str) -> None:
        """A stop of our own asking. The disk may be full: then the request is not seen by the worker, but holds."""
        try:
            request = stopping.request_stop(self._attempt, kind, by="supervisor")
        except (OSError, ValueError):
            release_reserve(self._attempt)
            try:
                request = stopping.request_stop(self._attempt, kind, by="supervisor")
            except (OSError, ValueError):
                request = StopRequest(kind, self._spec.stop_grace, "supervisor", time.time())
        if self._request is None:
            self._take(request)

    def _check_time(self, seconds: float) -> None:
        if self._request is None and self._spec.timeout is not None and seconds >= self._spec.timeout:
            self._ask("timeout")

    def _check_disk(self) -> None:
        free, floor = prepare.free_bytes(self._attempt.path), self._spec.disk_floor
        if free < 2 * floor and not self._disk_warned:
            self._disk_warned = True
            self._event("disk_low", free=free, floor=floor)
        elif free > 3 * floor:
            self._disk_warned = False
        if free < floor and self._request is None:
            self._ask("disk")

    def _proceed_with_stop(self) -> float:
        """Sends what is due to a worker that was asked to stop; seconds until there is more to do."""
        if self._request is None or self._worker is None:
            return FLOOR
        elapsed = time.monotonic() - self._asked_at
        word, wait = stopping.next_signal(elapsed, self._request.grace, self._sent)
        if word is not None:
            self._sent += (word,)
            self._killed += (word,)
            number = signal.SIGTERM if word == "sigterm" else signal.SIGKILL
            procs.send_group(self._worker, number)
        return FLOOR if wait is None else max(0.01, wait)

    # -- ending

    def _leftover_grace(self) -> float:
        """Seconds for what the worker left behind. Its own group may be saving: `sh -c "python …"` dies first."""
        if self._request is None or self._worker is None or not procs.group_lives(self._worker):
            return LEFTOVER_GRACE
        remaining = self._request.grace - (time.monotonic() - self._asked_at)
        return max(LEFTOVER_GRACE, remaining)

    def _find_all(self) -> list[int]:
        """Everything of the job that lives: by descent, and by the marker."""
        mine = {self._helper.pid} if self._helper is not None else set()
        below = procs.descendants(os.getpid())
        return [pid for pid in {*below, *procs.marked(self._attempt.job, self._attempt.attempt)} if pid not in mine]

    def _end_all(self, grace: float) -> int:
        """Ends every process of the job, gently for `grace` seconds; returns how many the kernel would not let go."""
        self._reap()
        alive = self._find_all()
        if not alive:
            return 0
        for pid in alive if grace else []:
            procs.send(pid, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while alive and time.monotonic() < deadline:
            self._pause(0.1)
            alive = self._find_all()
        killed, survivors = procs.kill_all(self._find_all, timeout=SURVIVOR_SECONDS, reap=self._reap)
        if killed:
            self._killed += ("scan",)
        return survivors

    def _worker_record(self) -> ExitRecord:
        assert self._status is not None
        exit_code, number = verdict.decode_status(self._status)
        after = verdict.oom_kills()
        try:
            failure = read_json(self._attempt.failure)
        except ValueError:
            failure = None
        state, reason, message = verdict.verdict(
            exit_code=exit_code,
            number=number,
            request=self._request,
            finished=self._has_final(),
            failure=failure if isinstance(failure, dict) else None,
            kernel_oom=None not in (after, self._oom_before) and after != self._oom_before,
        )
        return self._record(state, reason, message, exit_code=exit_code, number=number)

    def _record(
        self, state: str, reason: str, message: str, *, exit_code: int | None = None, number: int | None = None
    ) -> ExitRecord:
        return ExitRecord(state, reason, exit_code, number, message, started_at=self._started_at)

    def _with_last_words(self, record: ExitRecord, survivors: int) -> ExitRecord:
        saved = checkpoints.newest(self._attempt) if self._worker is not None else None
        values = {**record.__dict__, "saved": saved, "killed": self._killed}
        return ExitRecord(**{**values, "survivors": survivors, "finished_at": time.time()})

    def _has_final(self) -> bool:
        if any(m.kind == checkpoints.FINAL for m in checkpoints.manifests(self._attempt)):
            return True
        return any(checkpoints.is_final(self._attempt, name) for name in checkpoints.pending(self._attempt))

    def _drop_leases(self) -> None:
        self._grant.close()
        self._grant = Grant()

    def _leave(self) -> None:
        """If our dispatcher is gone while others wait, somebody has to start the next one."""
        if os.getppid() != self._parent and tickets.names(self._lease):
            self._drop_leases()
            start.ensure_dispatcher(self._root, self._lease, self._bundle)

    # -- helpers and waiting

    def _help(self, work: Callable[[], Any], nice: int = 10) -> None:
        self._helper = Helper(work, close=[*self._grant.fds, self._claim], nice=nice)
        self._last_helper = self._helper

    def _help_with_saved(self, *, collect_too: bool) -> None:
        collect_too = collect_too and bool(self._spec.outputs) and not collect.is_being_pulled(self._attempt)
        if not collect_too and not checkpoints.pending(self._attempt):
            return
        # Also where it fails at once (a full disk, too many processes) this is not tried without a pause.
        self._next_help = time.monotonic() + FLOOR
        with contextlib.suppress(OSError):
            self._help(lambda: self._save_and_collect(collect_too, collect.QUIET))

    def _save_and_collect(self, collect_too: bool, quiet: float) -> None:
        """In the helper."""
        checkpoints.complete_all(self._attempt, self._spec.save_total_limit, self._event)
        if collect_too and self._spec.outputs:
            try:
                collect.collect(self._attempt, self._spec.outputs, self._event, quiet=quiet)
            except OSError as error:
                self._event("checkpoint_failed", name="files", why=str(error))

    def _join_helper(self) -> None:
        while self._helper is not None:
            self._pause(FLOOR)

    def _kill_helper(self) -> None:
        if self._helper is not None:
            self._helper.kill()
            while self._helper is not None:
                self._pause(FLOOR)

    def _young(self) -> bool:
        return time.monotonic() - self._born < YOUNG

    def _start_watch(self) -> None:
        def wake() -> None:
            with contextlib.suppress(OSError):
                os.write(self._wake_write, b"w")

        self._watch = FolderWatch(wake)
        self._watch.add(self._attempt.control)
        self._watch.add(self._attempt.saved)

    def _pause(self, seconds: float) -> None:
        """Sleeps until something happens: a child ends, a helper has spoken, a control file changes."""
        poller = select.poll()
        poller.register(self._wake_read, select.POLLIN)
        if self._helper is not None:
            poller.register(self._helper.fd, select.POLLIN)
        poller.poll(max(0.0, seconds) * 1000)
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, 4096)
        self._reap()
        if self._helper is not None and self._helper.feed():
            self._helper = None

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._worker:
                self._status = status


def _log_traceback() -> None:
    import traceback

    traceback.print_exc()
