"""`Client`: everything a person can ask of lt, in one object."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lt_agent.protocol.errors import LtError

from . import queries
from .audit import AuditCalls
from .clearing import ClearCalls
from .costing import CostCalls
from .leasing import LeaseCalls
from .logins import LoginCalls
from .models import Job
from .notify import NotifyCalls
from .pipelines import PipelineCalls
from .preparing import PrepareCalls
from .queueing import QueueCalls
from .recover import RecoverCalls
from .relocating import MoveCalls
from .shells import ShellCalls
from .statistics import StatCalls
from .sweeps import SweepCalls
from .usage import UsageCalls
from .views import ViewCalls

if TYPE_CHECKING:
    from .details import ControllerStatus, Plan
    from .wishing import Wishes


class Client(
    LoginCalls,
    ShellCalls,
    QueueCalls,
    MoveCalls,
    ClearCalls,
    RecoverCalls,
    PipelineCalls,
    ViewCalls,
    NotifyCalls,
    PrepareCalls,
    AuditCalls,
    CostCalls,
    LeaseCalls,
    UsageCalls,
    StatCalls,
    SweepCalls,
):
    """One `LT_HOME`. Reads the database, writes what is asked for, wakes the controller; opens no connection itself.

    Cheap to make. Use it as a context manager, from one thread at a time. Everything that can go wrong for a person
    is an `LtError`: a code with parameters, which `lt_controller.wording.say` turns into a sentence.
    """

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # Submitting

    def submit(
        self,
        host: str,
        recipe: str | os.PathLike[str],
        overrides: Sequence[str] = (),
        *,
        name: str | None = None,
        folder: str | os.PathLike[str] | None = None,
        wishes: Wishes | None = None,
    ) -> Job:
        """Submits a recipe (a gallery name or a file) with `key=value` overrides; relative paths are from `folder`.
        `wishes` are its priority, its retries and what it asks for beside GPUs. `host` may leave the choice to lt:
        `any`, `any:gpu=a100` (hosts with this label), or several names with commas between.

        Everything is checked and recorded before it returns; sending and training go on without this process.
        Raises LtError `bad_recipe{problems}`, `no_such_path`, `bad_dataset`, `no_such_host`, `not_enough_gpus`,
        `name_taken`, `no_host_fits{ranking}`, and what a first look at the host raises.
        """
        from .submitting import recipe_job

        job = recipe_job(self, host, os.fspath(recipe), overrides, name, Path(folder or Path.cwd()), wishes)
        return self._submit(job.intent(), job.name if name else None)

    def run(
        self,
        host: str,
        argv: Sequence[str],
        *,
        folder: str | os.PathLike[str] | None = None,
        gpus: int | None = None,
        pull: Sequence[str] = (),
        name: str | None = None,
        python: str | None = None,
        timeout: float | None = None,
        secrets: Sequence[str] = (),
        wishes: Wishes | None = None,
    ) -> Job:
        """Runs a command of yours on a host, in a copy of `folder` (default: where you stand) as it is now.

        `gpus`: how many to wait for (absent: one if the host has any); `pull`: patterns of files to bring home,
        relative to the folder; `python`: the interpreter that `python` means there; `timeout` in seconds; `secrets`:
        names of variables whose values come from this process's environment or the keyring.
        Raises LtError `folder_too_big` and as `submit`.
        """
        from .submitting import command_job

        where = Path(folder or Path.cwd())
        job = command_job(self, host, argv, where, gpus, pull, name, python, timeout, secrets, wishes)
        return self._submit(job.intent(), job.name if name else None)

    def plan(
        self,
        host: str,
        recipe: str | os.PathLike[str],
        overrides: Sequence[str] = (),
        *,
        name: str | None = None,
        folder: str | os.PathLike[str] | None = None,
        wishes: Wishes | None = None,
    ) -> Plan:
        """What `submit` would do, with every check it makes; writes nothing. Raises as `submit`."""
        from .submitting import recipe_job

        where = Path(folder or Path.cwd())
        return recipe_job(self, host, os.fspath(recipe), overrides, name, where, wishes).plan(self)

    def plan_run(
        self,
        host: str,
        argv: Sequence[str],
        *,
        folder: str | os.PathLike[str] | None = None,
        gpus: int | None = None,
        pull: Sequence[str] = (),
        name: str | None = None,
        python: str | None = None,
        timeout: float | None = None,
        secrets: Sequence[str] = (),
        wishes: Wishes | None = None,
    ) -> Plan:
        """What `run` would do. Raises as `run`."""
        from .submitting import command_job

        where = Path(folder or Path.cwd())
        return command_job(self, host, argv, where, gpus, pull, name, python, timeout, secrets, wishes).plan(self)

    # The controller

    def controller_status(self) -> ControllerStatus:
        """Whether the background process runs, its pid, its hosts and connections, and what it is doing."""
        from . import socket as controller
        from .details import ControllerStatus

        try:
            detail = controller.call(self.home, "status", 10.0)
        except LtError as error:
            if error.code == "controller_not_running":
                return ControllerStatus(False)
            raise
        value = detail if isinstance(detail, dict) else {}
        return ControllerStatus(True, value.get("pid"), value)

    def controller_start(self) -> ControllerStatus:
        """Starts it where none runs. Raises LtError `controller_start_failed`."""
        from . import socket as controller

        controller.ensure(self.home)
        return self.controller_status()

    def controller_stop(self, timeout: float = 30.0) -> bool:
        """Asks it to leave and waits for that; jobs on the hosts go on. False if none ran.

        Raises LtError `controller_busy` if it has not left after `timeout` seconds.
        """
        from . import socket as controller

        try:
            line = controller.Line(self.home, 5.0)
        except OSError:
            return False
        # Recorded first: it may hold the database until it has left. One with a broken database must be stopped, too.
        with contextlib.suppress(LtError), self._acting("controller stop"):
            pass
        # The end of this connection, which listens and asks nothing more, is the end of the controller.
        try:
            line.send({"id": 1, "op": "subscribe"})
            controller.call(self.home, "stop", 10.0)
            with contextlib.suppress(OSError):
                import time

                deadline = time.monotonic() + timeout
                while (left := deadline - time.monotonic()) > 0:
                    line.receive(left)
                raise LtError("controller_busy", seconds=round(timeout), log=str(self.home.controller_log))
        finally:
            line.close()
        return True

    def hand_in(self, intent: dict[str, object], unique_name: str | None = None) -> None:
        """Writes the submit of a draft (`Drafted.intent`), its secrets first. Raises LtError `name_taken`."""
        spec = intent["spec"]
        assert isinstance(spec, dict)
        self._submitting(intent)
        self._ask("submit", str(spec["job"]), intent, unique_name, host=str(intent["host"]))

    def _submit(self, intent: dict[str, object], unique_name: str | None) -> Job:
        spec = intent["spec"]
        assert isinstance(spec, dict)
        self.hand_in(intent, unique_name)
        return next(iter(queries.find_jobs(self._db, str(spec["job"]))))
