"""A supervisor's children, and the one place where it waits for them."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import procs
from .helpers import Helper
from .protocol.errors import LtError
from .protocol.paths import AttemptPaths
from .watch import FLOOR, FolderWatch

SURVIVOR_SECONDS = 60.0  # how long SIGKILL is repeated for what the kernel does not let go


class Crew:
    """The worker, at most one helper, and whatever the worker started: all are children or orphans of this process.

    `worker` is the lead process's pid once it runs, `status` its `waitpid` status once it ended. Waiting is woken by
    the end of any child, by a helper's word, and by changes in the folders of `watch`.
    """

    def __init__(self, attempt: AttemptPaths) -> None:
        self._attempt = attempt
        self.worker: int | None = None
        self.status: int | None = None
        self.helper: Helper | None = None
        self._watch: FolderWatch | None = None
        self._wake_read, self._wake_write = os.pipe()
        for fd in (self._wake_read, self._wake_write):
            os.set_blocking(fd, False)
        self._adopts_orphans = procs.become_subreaper()
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # ignored, it would not be written to the pipe

    def start_worker(self, argv: Sequence[str], env: Mapping[str, str], keep: Sequence[int]) -> int:
        """Starts the worker in `code/`, in a session of its own, its output in the log; returns its pid.

        `keep` are the leases' descriptors, which it inherits: they are held until the last of its processes is gone.
        Raises LtError `start_failed{program, why}`.
        """
        program = argv[0] if argv else ""
        log = os.open(self._attempt.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if not argv:
                raise LtError("start_failed", program=program, why="the command is empty")
            process = subprocess.Popen(
                argv,
                cwd=self._attempt.code,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=keep,
            )
        except (OSError, ValueError) as error:  # not there, not executable; a NUL in an argument
            why = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise LtError("start_failed", program=program, why=why) from None
        finally:
            os.close(log)
        process.returncode = 0  # the only `waitpid` is ours; this keeps Popen from another
        self.worker = process.pid
        return process.pid

    def help(self, work: Callable[[], Any], *, close: Sequence[int], nice: int) -> Helper:
        """Has a helper do `work`, while `helper` is it. Raises OSError if there is no process to be had."""
        self.helper = Helper(work, close=close, nice=nice)
        return self.helper

    def join_helper(self) -> None:
        """Waits until the helper is done."""
        while self.helper is not None:
            self.pause(FLOOR)

    def kill_helper(self) -> None:
        """Ends the helper in the middle of its work."""
        if self.helper is not None:
            self.helper.kill()
            self.join_helper()

    def watch(self) -> None:
        """From now on changes in the control folders wake it, where the machine can tell of them."""
        if self._watch is None:
            self._watch = FolderWatch(self._wake)
            self._watch.add(self._attempt.control)
            self._watch.add(self._attempt.saved)

    def pause(self, seconds: float) -> None:
        """Sleeps until something happens, `seconds` at the most; then takes in who has ended."""
        poller = select.poll()
        poller.register(self._wake_read, select.POLLIN)
        if self.helper is not None:
            poller.register(self.helper.fd, select.POLLIN)
        poller.poll(max(0.0, seconds) * 1000)
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, 4096)
        self._reap()
        if self.helper is not None and self.helper.feed():
            self.helper = None

    def find_all(self) -> list[int]:
        """Everything of the job that lives, by descent and by the marker; the helper is not of the job."""
        helper = self.helper.pid if self.helper is not None else None
        found = procs.belonging(os.getpid(), self._attempt.job, self._attempt.attempt)
        return [pid for pid in found if pid != helper]

    def end_all(self, grace: float) -> tuple[int, int]:
        """Ends every process of the job: SIGTERM, and after `grace` seconds SIGKILL until nothing is found.

        Returns how many had to be killed, and how many the kernel would not let go.
        """
        if self._reap() and self._adopts_orphans:
            return 0, 0
        alive = self.find_all()
        if not alive:
            return 0, 0
        if grace:
            for pid in alive:
                procs.send(pid, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while alive and time.monotonic() < deadline:
            self.pause(0.1)
            alive = self.find_all()
        return procs.kill_all(self.find_all, timeout=SURVIVOR_SECONDS, reap=self._reap)

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._wake_write, b"w")

    def _reap(self) -> bool:
        """Takes in who has ended; whether no child is left, alive or not.

        For a subreaper that is the kernel's word that nothing of the job lives: what loses its parent becomes our
        child, before that parent can be waited for. It spares most jobs a look at each process of the machine.
        """
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid == self.worker:
                self.status = status
