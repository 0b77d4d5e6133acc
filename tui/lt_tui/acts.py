"""What one can ask for, with the keys that are the same on every screen that shows jobs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType

from lt_controller.client import Client, Job
from lt_controller.client.words import LtError

from .i18n import _
from .messages import Acted
from .page import Page
from .places import Place
from .text import phrase, steps

if TYPE_CHECKING:
    from .app import LtApp

#: Acts on a job by name. Those in `ASKED` are confirmed.
DEEDS: dict[str, Callable[[Client, str], Any]] = {
    "stop": lambda client, job: client.stop(job),
    "pause": lambda client, job: client.pause(job),
    "resume": lambda client, job: client.resume(job),
    "save": lambda client, job: client.save(job),
    "pull": lambda client, job: client.pull(job),
    "remove": lambda client, job: client.remove(job),
}
ASKED = {
    "stop": "Stop {names}? It saves, ends, and frees its GPU.",
    "remove": "Remove {names}? The files on the host are deleted; what came home stays.",
}


class JobActs(Page):
    """A screen with jobs on it: `targets` says which ones a key means."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "job('stop')", "Stop", id="job.stop"),
        Binding("r", "job('resume')", "Resume", id="job.resume"),
        Binding("p", "job('pull')", "Pull", id="job.pull"),
        Binding("z", "job('pause')", "Pause", show=False, id="job.pause"),
        Binding("w", "job('save')", "Save now", show=False, id="job.save"),
        Binding("delete,ctrl+d", "job('remove')", "Remove", show=False, id="job.remove"),
        Binding("c", "compare", "Compare", show=False, id="job.compare"),
        Binding("V", "give", "Give secrets", show=False, id="job.give"),
        Binding("s", "shell", "Shell", id="host.shell"),
    ]

    def targets(self) -> Sequence[Job]:
        """The jobs that a key means."""
        return ()

    def shell_host(self) -> str:
        """The host that `s` opens a shell on."""
        found = self.targets()
        return found[0].host if found else ""

    def action_job(self, act: str) -> None:
        """Asks for something, after a question where it can't be undone."""
        chosen = list(self.targets())
        if not chosen:
            return
        do_with_jobs(self.lt, act, chosen)

    def action_compare(self) -> None:
        """The first job's chart with the others' curves in it."""
        chosen = list(self.targets())
        if chosen:
            self.lt.compare = tuple(job.id for job in chosen[1:])
            self.lt.go(Place("job", chosen[0].name))

    def action_give(self) -> None:
        """Secrets of a job that waits for them: from the environment or the keyring, else asked for."""
        for job in self.targets()[:1]:
            give_secrets(self.lt, job)

    def action_shell(self) -> None:
        """A shell on the host, in this terminal; for one job, in its folder."""
        if name := self.shell_host():
            found = self.targets()
            open_shell(self.lt, name, found[0].id if len(found) == 1 and found[0].host == name else "")


def do_with_jobs(app: LtApp, act: str, jobs: Sequence[Job]) -> None:
    """Asks the controller, for each of the jobs; confirmed first where `ASKED` says so."""
    names = ", ".join(job.name for job in jobs)
    if act not in ASKED:
        _ask(app, act, jobs)
        return
    from .widgets.dialogs import Confirm

    lines = [f"{job.name}   {job.host}   {steps(job)}" for job in jobs[:12]]
    if len(jobs) > 12:
        lines.append(_("and {count} more", count=len(jobs) - 12))

    def answered(sure: bool | None) -> None:
        if sure:
            _ask(app, act, jobs)

    app.push_screen(Confirm(_(ASKED[act], names=names if len(jobs) < 4 else len(jobs)), lines), answered)


def _ask(app: LtApp, act: str, jobs: Sequence[Job]) -> None:
    async def run() -> None:
        for job in jobs:
            name = job.name

            def deed(client: Client, ref: str = job.id) -> Any:
                return DEEDS[act](client, ref)

            try:
                await app.ask(deed)
            except LtError as error:
                app.post_message(Acted(act, name, error))
            else:
                app.post_message(Acted(act, name))

    app.run_worker(run(), group="acts", exit_on_error=False)


def give_secrets(app: LtApp, job: Job) -> None:
    """Gives a job its secrets once more; those that nobody knows are asked for, and not shown."""

    async def run() -> None:
        from .widgets.asking import Ask

        try:
            try:
                given = await app.ask(lambda client: client.give_secrets(job.id))
            except LtError as error:
                if error.code != "secret_missing":
                    raise
                values: dict[str, str] = {}
                for name in await app.ask(lambda client: client.secrets_of(job.id)):
                    question = _("{name} of {job}", name=name, job=job.name)
                    value = await app.push_screen_wait(Ask(question, "", _("Its value; it is not shown."), secret=True))
                    if not value:
                        return
                    values[name] = value
                given = await app.ask(lambda client: client.give_secrets(job.id, values))
        except LtError as error:
            app.refuse(error)
        else:
            app.tell(phrase("secret_given", names=given, job=job.name))

    app.run_worker(run(), group="acts", exit_on_error=False)


def open_shell(app: LtApp, host: str, job: str = "") -> None:
    """Leaves the screen to `ssh` until it ends: a shell on the host, in the job's folder where one is meant."""

    async def run() -> None:
        try:
            argv = await app.ask(lambda client: _shell(client, host, job))
        except LtError as error:
            app.refuse(error)
            return
        try:
            with app.suspend():
                code = subprocess.run(argv, check=False).returncode
        except OSError as error:
            app.tell(f"{argv[0]}: {error.strerror or error}", severity="error")
            return
        app.refresh()
        if code == 255:
            app.tell(_("ssh could not reach {host}", host=host), severity="warning")

    app.run_worker(run(), group="shell", exit_on_error=False)


def _shell(client: Client, host: str, job: str) -> list[str]:
    if job:
        try:
            return client.job_shell_argv(job)
        except LtError as error:
            if error.code != "job_not_there":
                raise
    return client.shell_argv(host)  # its folder is not there yet, or there is no job


def named_act(app: LtApp, name: str) -> None:
    """An act that `:` and the palette know by name."""
    from .host_acts import add_host, import_hosts
    from .terminal import run_demo, run_doctor

    acts = {"add": add_host, "import": import_hosts, "demo": run_demo, "doctor": run_doctor, "adopt": _adopt}
    acts[name](app)


def _adopt(app: LtApp) -> None:
    from .terminal import run_lt
    from .widgets.asking import Ask

    def typed(job: str | None) -> None:
        if job and job.strip():
            run_lt(app, ["adopt", *job.split()])

    note = _("Its name or id; with --host HOST where several have one of this name.")
    app.push_screen(Ask(_("Which job is taken over?"), "", note), typed)
