"""The dispatcher: one per user and machine, and only while work is there. It grants slots and GPUs as `line` decides.

It holds `dispatcher.lock` for life. Supervisors are forked from it, without exec: what they need is imported here
once, and a fork costs a millisecond. It may be killed at any point; tickets and claims tell the next one all.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from . import judge, leases, locks, procs, retries, supervisor, tickets, wakeups
from .confided import Confided, into_pipe
from .leases import Grant
from .line import Verdict
from .machine import keep_fresh
from .outcome import write_outcome
from .protocol.errors import LtError
from .protocol.paths import HostRoot, LeaseDir
from .protocol.records import ExitRecord
from .protocol.states import FAILED
from .stopping import OUTCOMES, read_stop
from .tickets import Ticket
from .waiting import NEVER, Queue
from .watch import FLOOR

LINGER = 2.0  # seconds without work after which it goes, if nobody is connected who could bring some
LONGEST_LINGER = 60.0  # seconds after which it goes all the same; to start anew takes a tenth of a second
STOPS_A_LOOK = 64  # waiting attempts that the floor asks whether they are to stop
MISSES = 6  # supervisors that end without a claim, each after a pause twice as long, before the attempt is given up
CLAIM_SECONDS = 5.0  # how long a fresh supervisor may take to claim its attempt
LOG_LIMIT = 1 << 20  # bytes of dispatcher.log, which is begun anew beyond that
_OVER = "over"
_WAITS = "waits"
_BUSY = "busy"


def main(options: dict[str, str]) -> int:
    """The `dispatch` command. Ends at once if another one has the lock."""
    root, lease = HostRoot(options["root"]), LeaseDir(options.get("lease-dir"))
    detached = False
    while True:
        lock = locks.lock(lease.lock, 0.5)
        if lock is None:
            return 0
        if not detached:
            procs.daemonise()  # the lock goes with it, so that whoever started us finds it held when we seem to end
            detached = True
        try:
            _Dispatcher(root, lease, lock).run()
        finally:
            os.close(lock)
        # A ticket written between our last look and the release found the lock held, and started nobody.
        if not tickets.names(lease):
            return 0


class _Dispatcher:
    def __init__(self, root: HostRoot, lease: LeaseDir, lock: int) -> None:
        self._root = root
        self._lease = lease
        self._bundle = judge.bundle_folder()
        self._children: set[int] = set()
        self._supervised: dict[int, Ticket] = {}
        self._fifo = wakeups.open_fifo(lease)
        self._wake_read, self._wake_write = os.pipe()
        for fd in (self._wake_read, self._wake_write):
            os.set_blocking(fd, False)
        self._confided = Confided(lease)
        self._own_fds = [lock, self._fifo, self._wake_read, self._wake_write]
        self._queue = Queue(lease, root.path)
        self._look_for_stops = True
        self._stops_at = 0
        self._last_stop_look = 0.0
        self._missed: dict[str, tuple[int, float]] = {}  # by ticket: supervisors without a claim, when to try again

    def run(self) -> None:
        """Until there has been nothing to do for a while."""
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with contextlib.suppress(OSError):
            if os.fstat(2).st_size > LOG_LIMIT:
                os.ftruncate(2, 0)
        os.ftruncate(self._own_fds[0], 0)
        os.pwrite(self._own_fds[0], f"{os.getpid()}\n".encode(), 0)  # for people: who it is that holds the lock
        keep_fresh(self._lease)
        gc.collect()
        gc.freeze()  # so that the collector does not write to memory shared with the children
        busy_at = time.monotonic()
        try:
            self._dispatch()
            with contextlib.suppress(OSError):
                # Whoever was here before us may have died with its supervisors.
                self._fork(lambda: _judge_all_and_leave(self._root, self._lease, self._bundle))
            while True:
                waiting = self._dispatch()
                if waiting or self._children:
                    busy_at = time.monotonic()
                elif self._may_go(time.monotonic() - busy_at):
                    return
                due = self._queue.due
                self._pause(FLOOR if due is None else max(0.01, min(FLOOR, due - time.time())))
        finally:
            signal.set_wakeup_fd(-1)
            for fd in self._own_fds[1:]:
                os.close(fd)
            self._confided.close()

    def _may_go(self, idle: float) -> bool:
        """Whether `idle` seconds without work are enough."""
        if idle < LINGER or self._confided.expects():
            return False
        if idle >= LONGEST_LINGER:
            return True
        alone = locks.try_lock(self._lease.bridges)
        if alone is not None:
            os.close(alone)
        return alone is not None

    def _dispatch(self) -> bool:
        """Grants what can be granted; whether tickets are left."""
        waiting = self._waiting()
        verdicts = self._queue.look(waiting, self._held_back(waiting))
        while self._settle(verdicts, waiting):
            waiting = self._waiting()
            verdicts = self._queue.look(waiting, self._held_back(waiting))
        if verdicts or not waiting:
            self._queue.publish(verdicts, waiting)
        return bool(waiting)

    def _waiting(self) -> dict[str, Ticket]:
        """The tickets, without those that were asked to stop: these are ended."""
        waiting = self._queue.tickets()
        for problem in self._queue.put_aside_bad():
            sys.stderr.write(f"{problem}\n")
        now = time.monotonic()
        if self._look_for_stops or now - self._last_stop_look > FLOOR:
            # Whoever asks for a stop wakes us. The floor, for a word that was lost, looks at some of them in turn:
            # at a thousand every two seconds it would be most of what a waiting queue costs.
            some = sorted(waiting)
            if not self._look_for_stops and len(some) > STOPS_A_LOOK:
                self._stops_at = (self._stops_at + STOPS_A_LOOK) % len(some)
                some = (some + some)[self._stops_at : self._stops_at + STOPS_A_LOOK]
            self._look_for_stops = False
            self._last_stop_look = now
            for name in some:
                if self._cancelled(name, waiting[name]):
                    waiting.pop(name, None)
        return waiting

    def _held_back(self, waiting: dict[str, Ticket]) -> tuple[str, ...]:
        """Tickets that are left alone for a while: their supervisor could not begin."""
        now = time.monotonic()
        self._missed = {name: missed for name, missed in self._missed.items() if name in waiting}
        pausing = tuple(name for name, (_, again) in self._missed.items() if now < again)
        self._confided.keep_only({t.job for t in (*waiting.values(), *self._supervised.values())})
        return pausing + self._confided.lacking(waiting)

    def _settle(self, verdicts: list[Verdict], waiting: dict[str, Ticket]) -> bool:
        """Starts what may start, and takes out what is over; whether anything changed by that."""
        changed = False
        me = os.getuid()
        for verdict in verdicts:
            ticket = waiting.get(verdict.wish.key)
            if ticket is None or verdict.wish.user != me:
                continue
            if verdict.starts or verdict.place == 1 or verdict.code == NEVER:
                changed = self._serve(verdict.wish.key, ticket, verdict) == _OVER or changed
        return changed

    def _serve(self, name: str, ticket: Ticket, verdict: Verdict) -> str:
        """The ticket whose turn it is: `over` if it is gone, `waits`, or `busy` if another process has its claim."""
        paths = ticket.paths
        if paths.exit.exists() or paths.supervisor.exists() or not paths.spec.exists():
            tickets.remove(self._lease, name)
            return _OVER
        if verdict.code == NEVER:
            params = dict(verdict.params)
            reason = params.pop("reason")
            message = json.dumps({"code": reason, "params": {"host": os.uname().nodename, **params}})
            return self._end(name, ticket, ExitRecord(FAILED, reason, message=message))
        if not verdict.starts:
            return _WAITS
        missed, _ = self._missed.get(name, (0, 0.0))
        if missed >= MISSES:
            return self._end(name, ticket, ExitRecord(FAILED, "no_supervisor", message=str(self._lease.log)))
        slots = self._queue.slots
        grant = leases.try_take(self._lease, verdict.slots, slots.slots, verdict.gpus, slots.shares)
        if grant is None:
            self._queue.again()
            return _WAITS
        leases.annotate(grant, job=ticket.job, cpus=ticket.wish.cpus)
        try:
            claimed = self._fork_supervisor(ticket, grant)
        except OSError as error:  # no process to be had: a job of this user uses them all up
            sys.stderr.write(f"fork: {error}\n")
            self._queue.again()
            return _WAITS
        finally:
            grant.close()
        self._queue.again()
        if not claimed:
            # Tried again at once, a supervisor that cannot even begin would be forked as fast as the machine can.
            self._missed[name] = (missed + 1, time.monotonic() + 2.0**missed)
            return _BUSY
        self._missed.pop(name, None)
        tickets.remove(self._lease, name)
        return _OVER

    def _cancelled(self, name: str, ticket: Ticket) -> bool:
        """Ends a waiting attempt that was asked to stop."""
        request = read_stop(ticket.paths)
        if request is None:
            return False
        state, reason = OUTCOMES[request.kind]
        return self._end(name, ticket, ExitRecord(state, reason, killed=("request",))) == _OVER

    def _end(self, name: str, ticket: Ticket, record: ExitRecord) -> str:
        """An outcome for an attempt that never began; `busy` if its claim is held."""
        paths = ticket.paths
        claim = locks.try_lock(paths.claim)
        if claim is None:
            return _BUSY
        try:
            began = paths.exit.exists() or paths.supervisor.exists()
            # On a full disk the next look tries again; the others need not wait for that.
            if not began and not write_outcome(paths, replace(record, finished_at=time.time()), lambda: False):
                return _BUSY
            tickets.remove(self._lease, name)
        finally:
            os.close(claim)
        with contextlib.suppress(LtError, OSError, ValueError):  # the judge sees to it later
            retries.follow_up(HostRoot(ticket.root), self._lease, paths, Path(ticket.agent))
        return _OVER

    def _fork_supervisor(self, ticket: Ticket, grant: Grant) -> bool:
        """Forks the supervisor; whether it has the claim, so that the ticket may go."""
        hear, tell = os.pipe()
        root, bundle = HostRoot(ticket.root), Path(ticket.agent)
        secrets = self._confided.of(ticket)

        def claimed() -> None:
            os.write(tell, b"!")
            os.close(tell)

        def child() -> None:
            os.close(hear)
            self._confided.forget()
            # A bundle that somebody has deleted since is stood in for by ours.
            if os.path.realpath(bundle) == os.path.realpath(self._bundle) or not bundle.exists():
                supervisor.supervise(root, self._lease, ticket.paths, grant, self._bundle, claimed, secrets)
            self._exec(ticket, grant, tell, secrets)

        pid = self._fork(child)
        self._supervised[pid] = ticket
        os.close(tell)
        try:
            poller = select.poll()
            poller.register(hear, select.POLLIN)
            deadline = time.monotonic() + CLAIM_SECONDS
            while True:
                left = deadline - time.monotonic()
                if poller.poll(max(0.0, left) * 1000):
                    return os.read(hear, 1) == b"!"
                if left <= 0:
                    return False
        finally:
            os.close(hear)

    def _exec(self, ticket: Ticket, grant: Grant, tell: int, secrets: dict[str, str]) -> None:
        """The supervisor of another version of the agent, which pushed the job: its own code, not ours."""
        for fd in (*grant.fds, tell):
            os.set_inheritable(fd, True)
        options = {
            "root": ticket.root,
            "lease-dir": str(self._lease.path),
            "job": ticket.job,
            "attempt": str(ticket.attempt),
            "slots": ",".join(map(str, self._slots_for_old(grant))),
            "gpus": ",".join(grant.gpus),
            "lease-fds": ",".join(map(str, grant.fds)),
            "bundle": ticket.agent,
            "told": str(tell),
        }
        if secrets:
            options["secrets-fd"] = str(into_pipe(secrets))
        words = [word for key, value in options.items() for word in (f"--{key}", value)]
        command = [ticket.python, "-E", "-s", "-S", ticket.agent, "supervise", *words]
        os.execv(command[0], command)  # noqa: S606 - without a shell is what is meant

    def _slots_for_old(self, grant: Grant) -> list[int]:
        """The numbers from which an agent without GPU leases works out the same GPUs."""
        gpus = self._queue.slots.gpus
        return [gpus.index(gpu) for gpu in grant.gpus] if grant.gpus else list(grant.slots)

    def _fork(self, work: Callable[[], None]) -> int:
        pid = os.fork()
        if pid == 0:
            try:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.setsid()
                for fd in self._own_fds:
                    os.close(fd)
                self._confided.close()
                work()
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(1)
        self._children.add(pid)
        return pid

    def _pause(self, seconds: float) -> None:
        """Sleeps until a child ends, or somebody writes to the FIFO."""
        poller = select.poll()
        poller.register(self._fifo, select.POLLIN)
        poller.register(self._wake_read, select.POLLIN)
        poller.register(self._confided.fd, select.POLLIN)
        poller.poll(seconds * 1000)
        self._confided.take()
        for fd in (self._fifo, self._wake_read):
            with contextlib.suppress(BlockingIOError):
                if wakeups.STOP in os.read(fd, 4096) and fd == self._fifo:
                    self._look_for_stops = True
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._children.discard(pid)
            ticket = self._supervised.pop(pid, None)
            if ticket is not None and status != 0:
                self._judge(ticket)

    def _judge(self, ticket: Ticket) -> None:
        """A supervisor ended without success: if it began the attempt and left no outcome, the attempt is lost."""
        with contextlib.suppress(OSError):
            self._fork(lambda: _judge_and_leave(ticket, self._lease, self._bundle))


def _judge_all_and_leave(root: HostRoot, lease: LeaseDir, bundle: Path) -> None:
    judge.judge_all(root, lease, bundle, hash_here=True)
    os._exit(0)


def _judge_and_leave(ticket: Ticket, lease: LeaseDir, bundle: Path) -> None:
    judge.judge_one(HostRoot(ticket.root), lease, ticket.paths, bundle)
    os._exit(0)
