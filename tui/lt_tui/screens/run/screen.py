"""A script of yours on a host: `lt run` as a form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lt_controller.client import Client
from lt_controller.client.details import HostInfo, Plan
from lt_controller.client.wishing import Wishes

from ...forms import JobForm, Option, Sent, sent
from ...i18n import _
from ...options import of_a_run
from ...places import Place
from ...text import padded, path_text
from ...widgets.bars import Heading, Lines


class RunScreen(JobForm):
    """A command, its folder, and what it asks for."""

    def __init__(self, place: Place) -> None:
        super().__init__(place, place.name)

    @property
    def crumb(self) -> str:
        """Always the same."""
        return _("run")

    def options(self) -> Sequence[Option]:
        """What `lt run` takes."""
        return of_a_run()

    def hosts(self) -> Sequence[HostInfo]:
        """As they were read last."""
        return self.data or ()

    def read(self, client: Client) -> Sequence[HostInfo]:
        """The hosts."""
        return client.hosts()

    def show(self, data: Sequence[HostInfo]) -> None:
        """Fills the form."""
        self.show_form([option.field(self.values.get(option.key)) for option in self.options()])
        folder = path_text(self.values.get("folder") or ".")
        self.query_one("#form-header", Lines).say(
            ((padded(_("host"), 8), "dim"), (self.host, "bold"), (f"      {_('folder')}  ", "dim"), (folder, ""))
        )
        wrong = self.wrong()
        head = (wrong, "bad") if wrong else (_("all is well: S runs it"), "ok")
        self.query_one("#check-head", Heading).say(head)

    def wrong(self) -> str:
        """A value that can't be, or no command."""
        try:
            return "" if self.given()["command"] else _("a command is needed")
        except ValueError as error:
            return str(error)

    def plan(self, client: Client) -> Plan:
        """A dry run."""
        argv, options = self._asked()
        return client.plan_run(self.host, argv, **options)

    def submit(self, client: Client) -> Sent:
        """The real one."""
        argv, options = self._asked()
        return sent(client.run(self.host, argv, **options))

    def _asked(self) -> tuple[list[str], dict[str, Any]]:
        given = self.given()
        wishes = Wishes(
            priority=given["priority"] or 0,
            retries=given["retries"],
            retry_wait=given["retry-wait"],
            gpu_memory=given["gpu-memory"],
            cpus=given["cpus"],
            disk=given["disk"],
        )
        options = {key: given[key] for key in ("folder", "gpus", "python", "timeout", "name")}
        return given["command"], {
            **options,
            "pull": given["pull"] or (),
            "secrets": given["secrets"] or (),
            "wishes": wishes,
        }
