"""A script of yours on a host: `lt run` as a form."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from lt_controller.client import Client
from lt_controller.client.words import LtError

from ...i18n import _
from ...page import Page
from ...places import Place
from ...text import Cell, padded, path_text
from ...widgets.asking import Ask, AskPath
from ...widgets.bars import Heading, KeyBar, Lines, TopBar
from ...widgets.dialogs import Choose, Tell
from ...widgets.table import Column, Table
from ..submit.about import plan_lines, refused

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class Entry:
    """A line of the form: what stands there if nothing is given, and what it means."""

    key: str
    default: str
    doc: str


def entries() -> list[Entry]:
    """All of it; what `lt run` takes as options has the same names."""
    return [
        Entry("command", "", _("What runs there, as you would type it here: python train.py --lr 1e-4")),
        Entry("folder", ".", _("It travels as it is now, without what .gitignore and .ltignore name.")),
        Entry("gpus", _("one, if it has any"), _("How many it waits for; 0 is none.")),
        Entry("pull", "", _("Patterns of files that come home, with spaces between: out/** *.png")),
        Entry("python", _("the host's"), _("The interpreter that `python` means there.")),
        Entry("timeout", _("none"), _("It is stopped after so long: 90m, 12h, 2d.")),
        Entry("name", _("made up"), _("The job's name.")),
    ]


class RunScreen(Page):
    """Enter changes a line, `S` runs it."""

    CSS_PATH = "run.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - as the framework declares it
    EVERY = 0
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("H", "host", "Host", id="run.host"),
        Binding("d", "dry_run", "Dry run", id="run.dry-run"),
        Binding("S", "send", "Run", id="run.send"),
        Binding("u", "undo", "Undo field", show=False, id="run.undo"),
    ]

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.host = place.name
        self.values: dict[str, str] = {}
        self._sending = False

    @property
    def crumb(self) -> str:
        """Always the same."""
        return _("run")

    def compose(self) -> ComposeResult:
        """Where, what, and what a line means."""
        yield TopBar()
        yield Lines(id="run-header")
        columns = [
            Column[Entry]("field", "FIELD", 12, lambda e, _w: ((_(e.key), "bold"),)),
            Column[Entry]("value", "VALUE", 12, self._value, grow=3),
        ]
        with Horizontal():
            yield Table[Entry](columns, lambda entry: entry.key, id="run-fields")
            with Vertical(id="run-side"):
                yield Heading("About")
                yield Lines(id="run-doc", wraps=True)
                yield Heading("Check", id="run-check")
        yield KeyBar()

    def read(self, client: Client) -> Sequence[str]:
        """The hosts by name."""
        return [info.name for info in client.hosts()]

    def show(self, data: Sequence[str]) -> None:
        """Fills the form."""
        self.host = self.host if self.host in data else next((name for name in data if name != "local"), "local")
        folder = path_text(self.values.get("folder") or ".")
        header = (padded(_("host"), 8), "dim"), (self.host, "bold"), (f"      {_('folder')}  ", "dim"), (folder, "")
        self.query_one("#run-header", Lines).say(header)
        self.query_one(Table).set_items(entries())
        self.query_one(Table).redraw()
        wrong = self._wrong()
        self.query_one("#run-check", Heading).say((wrong, "bad") if wrong else (_("all is well: S runs it"), "ok"))
        self._document()

    def _value(self, entry: Entry, _width: int) -> Cell:
        given = self.values.get(entry.key)
        return ((given, "warn"),) if given else ((entry.default, "faint"),)

    def _wrong(self) -> str:
        try:
            self._arguments()
        except ValueError as error:
            return str(error)
        return ""

    def _arguments(self) -> tuple[list[str], dict[str, Any]]:
        """The command and options as the client takes them. Raises ValueError in words."""
        try:
            argv = shlex.split(self.values.get("command", ""))
        except ValueError:
            raise ValueError(_("a quotation mark is left open")) from None
        if not argv:
            raise ValueError(_("a command is needed"))
        gpus, timeout = self.values.get("gpus", ""), self.values.get("timeout", "")
        if gpus and not gpus.isdigit():
            raise ValueError(_("gpus is a whole number"))
        return argv, {
            "folder": self.values.get("folder") or None,
            "gpus": int(gpus) if gpus else None,
            "pull": shlex.split(self.values.get("pull", "")),
            "python": self.values.get("python") or None,
            "timeout": seconds(timeout) if timeout else None,
            "name": self.values.get("name") or None,
        }

    def _document(self) -> None:
        entry: Entry | None = self.query_one(Table).current
        if entry is not None:
            self.query_one("#run-doc", Lines).say(((_(entry.key), "head bold"),), ((entry.doc, ""),))

    def on_table_highlighted(self) -> None:
        """Another line: what it means."""
        self._document()

    def on_table_opened(self, event: Table.Opened) -> None:
        """Enter: another value."""
        entry: Entry | None = event.table.current
        if entry is None:
            return

        def given(value: str | None) -> None:
            if value is not None:
                self.values[entry.key] = value.strip()
                self.show(self.data)

        dialog = AskPath if entry.key == "folder" else Ask
        self.app.push_screen(dialog(_(entry.key), self.values.get(entry.key, ""), entry.doc), given)

    def action_host(self) -> None:
        """Another host."""

        def chosen(name: str | None) -> None:
            if name is not None:
                self.host = name
                self.show(self.data)

        if self.data is not None:
            self.app.push_screen(Choose(_("On which host?"), [(h, h) for h in self.data], self.host), chosen)

    def action_undo(self) -> None:
        """Nothing is given for the line under the cursor."""
        self.values.pop(self.query_one(Table).cursor_key or "", None)
        self.show(self.data)

    def action_dry_run(self) -> None:
        """Every check, and what would be sent."""
        if self._complete():
            self.run_worker(self._plan(), group="plan", exclusive=True, exit_on_error=False)

    def action_send(self) -> None:
        """Runs it, and watches."""
        if not self._sending and self._complete():
            self._sending = True  # one press, one job
            self.run_worker(self._send(), group="run", exit_on_error=False)

    def _complete(self) -> bool:
        wrong = self._wrong()
        if wrong:
            self.lt.tell(wrong, severity="warning")
        return not wrong

    async def _plan(self) -> None:
        argv, options = self._arguments()
        self.lt.tell(_("Checking …"))
        try:
            made = await self.lt.ask(lambda client: client.plan_run(self.host, argv, **options))
        except LtError as error:
            refused(self, error)
        else:
            self.app.push_screen(Tell(_("What a run would do"), plan_lines(made)))

    async def _send(self) -> None:
        argv, options = self._arguments()
        self.lt.tell(_("Checking and recording …"))
        try:
            job = await self.lt.ask(lambda client: client.run(self.host, argv, **options))
        except LtError as error:
            refused(self, error)
        else:
            self.lt.tell(_("Submitted {job} to {host}.", job=job.name, host=job.host))
            self.lt.go(Place("job", job.name), fresh=True)
        finally:
            self._sending = False


def seconds(text: str) -> float:
    """`90`, `90s`, `30m`, `12h`, `2d`. Raises ValueError in words."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    try:
        return float(number) * _UNITS[unit]
    except ValueError:
        raise ValueError(_("{value} is no length of time: 90m, 12h, 2d", value=text)) from None
