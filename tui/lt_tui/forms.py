"""What a form for a new job is, whatever it runs: lines to fill in, a host or `any`, the dry run, one submit."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from lt_controller.client import words
from lt_controller.client.models import as_dict
from lt_controller.client.recipes import RecipeField
from lt_controller.client.submitting import ANY, is_choice
from lt_controller.client.words import LtError

from .i18n import _, current
from .page import Page
from .places import Place
from .planned import plan_lines, ranking_lines, refused, shown
from .text import Cell, Span, said, state_word
from .widgets.asking import Ask, AskPath, Check
from .widgets.bars import Heading, KeyBar, Lines, TopBar
from .widgets.dialogs import Choose, Tell
from .widgets.table import Column, Table

if TYPE_CHECKING:
    from lt_controller.client import Client, Job
    from lt_controller.client.details import HostInfo, Plan

Line = tuple[Span, ...]


@dataclass(frozen=True)
class Sent:
    """What a submit has begun: said in a sentence, watched at a place."""

    told: str
    place: Place


def sent(job: Job) -> Sent:
    """A job that was submitted."""
    return Sent(_("Submitted {job} to {host}.", job=job.name, host=job.host), Place("job", job.name))


@dataclass(frozen=True)
class Option:
    """A line of a form that stands for an option of the command line, by the same name."""

    key: str
    doc: str
    default: str = ""  # what it is if nothing is given, in words
    parse: Callable[[str], Any] = str  # what the client takes; raises LtError or ValueError, the latter in words
    path: bool = False

    def field(self, given: str | None) -> RecipeField:
        """As a line of the table."""
        return RecipeField(self.key, self.doc, "path" if self.path else "text", given or self.default, bool(given))


class JobForm(Page):
    """Enter changes a line, `H` the host, `d` is a dry run and `S` the real one."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - as the framework declares it
    EVERY = 0
    PAUSE = 0.1
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("H", "host", "Host", id="form.host"),
        Binding("d", "dry_run", "Dry run", id="form.dry-run"),
        Binding("S", "send", "Submit", id="form.send"),
        Binding("u", "undo", "Undo field", show=False, id="form.undo"),
        Binding("n", "nothing", show=False),
    ]

    def __init__(self, place: Place, host: str = "") -> None:
        super().__init__(place)
        self.host = host
        self.values: dict[str, str] = {}
        self._sending = False

    # What a form is made of

    @abstractmethod
    def options(self) -> Sequence[Option]:
        """Its lines that are options of the command line."""

    @abstractmethod
    def hosts(self) -> Sequence[HostInfo]:
        """The hosts there are."""

    @abstractmethod
    def wrong(self) -> str:
        """What must be mended first, in words; empty where all is well."""

    @abstractmethod
    def plan(self, client: Client) -> Plan:
        """What a submit would do. Runs in a thread of its own."""

    @abstractmethod
    def submit(self, client: Client) -> Sent:
        """Submits. Runs in a thread of its own."""

    def compose(self) -> ComposeResult:
        """What and where, the lines, and what the one under the cursor means."""
        yield TopBar()
        yield Lines(id="form-header")
        columns = [
            Column[RecipeField]("field", "FIELD", 20, self._name_cell, grow=2),
            Column[RecipeField]("value", "VALUE", 12, self._value_cell, grow=3),
        ]
        with Horizontal():
            yield Table[RecipeField](columns, lambda field: field.key, id="fields")
            with Vertical(id="form-side"):
                yield Heading("About")
                yield Lines(id="doc", wraps=True)
                yield Heading("Ranking", id="ranking-head")
                yield Lines(id="ranking", wraps=True)
                yield from self.compose_side()
                yield Heading("Check", id="check-head")
                yield Lines(id="problems", wraps=True)
        yield KeyBar()

    def compose_side(self) -> Iterable[Widget]:
        """What stands beside the lines, above the check."""
        return ()

    # Lines

    def label(self, field: RecipeField) -> str:
        """What a line is called: an option in the person's language, a key of a recipe as it is written."""
        return _(field.key) if any(option.key == field.key for option in self.options()) else field.key

    def is_wrong(self, field: RecipeField) -> bool:
        """Whether the line must be mended."""
        try:
            self.given()
        except _Wrong as error:
            return error.key == field.key
        return False

    def given(self) -> dict[str, Any]:
        """What was given for the options, as the client takes it; None for the rest. Raises ValueError in words."""
        found: dict[str, Any] = {}
        for option in self.options():
            text = self.values.get(option.key, "").strip()
            found[option.key] = parsed(option, text) if text else None
        return found

    def changed(self, key: str, value: str) -> None:
        """A line has got another value."""
        if value:
            self.values[key] = value
        else:
            self.values.pop(key, None)

    def checker(self, field: RecipeField) -> Check | None:
        """What is wrong with another value of a line, while it is typed."""
        option = next((option for option in self.options() if option.key == field.key), None)
        if option is None:
            return None

        async def check(text: str) -> list[Line]:
            try:
                parsed(option, text.strip()) if text.strip() else None
            except ValueError as error:
                return [((str(error), "bad"),)]
            return []

        return check

    def show_form(self, fields: Sequence[RecipeField]) -> None:
        """Fills the table and what stands beside it."""
        if not self.host:
            names = [info.name for info in self.hosts()]
            self.host = next((name for name in names if name != "local"), "local")
        for part in ("#ranking-head", "#ranking"):
            self.query_one(part).display = is_choice(self.host)
        table = self.query_one("#fields", Table)
        table.set_items(fields)
        table.redraw()
        self._document()

    def _name_cell(self, field: RecipeField, _width: int) -> Cell:
        changed = field.key in self.values
        tone = "bad" if self.is_wrong(field) else "warn" if changed else "bold" if field.given else "dim"
        return ((self.label(field), tone),)

    def _value_cell(self, field: RecipeField, _width: int) -> Cell:
        return ((shown(field.value), "warn" if field.key in self.values else "" if field.given else "faint"),)

    def _document(self) -> None:
        field: RecipeField | None = self.query_one("#fields", Table).current
        if field is not None:
            self.query_one("#doc", Lines).say(*self.about(field))

    def about(self, field: RecipeField) -> list[Line]:
        """What a line means."""
        return [((self.label(field), "head bold"),), ((field.doc, ""),)]

    def note(self, field: RecipeField) -> str:
        """What a line is for, in the dialog in which it is changed."""
        return words.field_doc(field.doc, current())

    def on_table_highlighted(self) -> None:
        """Another line: what it means."""
        self._document()

    def on_table_opened(self, event: Table.Opened) -> None:
        """Enter: another value."""
        field: RecipeField | None = event.table.current
        if field is None:
            return
        option = next((option for option in self.options() if option.key == field.key), None)
        before = self.values.get(field.key, "") if option else shown(field.value)

        def typed(value: str | None) -> None:
            if value is not None and value.strip() != before:
                self.changed(field.key, value.strip())
                self.reread()

        choices = field.choices or (("true", "false") if field.kind == "switch" else ())
        if choices:
            self.app.push_screen(Choose(field.key, [(c, c) for c in choices], before), typed)
        else:
            dialog = AskPath if self.is_path(field) else Ask
            self.app.push_screen(dialog(self.label(field), before, self.note(field), check=self.checker(field)), typed)

    def is_path(self, field: RecipeField) -> bool:
        """Whether a line names something that may lie on the laptop."""
        return field.kind == "path"

    # Keys

    def action_nothing(self) -> None:
        """One is here already."""

    def action_undo(self) -> None:
        """The line under the cursor as it was."""
        self.values.pop(self.query_one("#fields", Table).cursor_key or "", None)
        self.reread()

    def action_host(self) -> None:
        """Another host, or the best of them, which is told at once with the reasons."""
        if self.data is None:
            return

        def chosen(name: str | None) -> None:
            if name is not None:
                self.host = name
                self.query_one("#ranking", Lines).say()
                self.reread()
                if is_choice(name):
                    self._rank()

        self.app.push_screen(Choose(_("On which host?"), host_choices(self.hosts()), self.host), chosen)

    def _rank(self) -> None:
        if wrong := self.wrong():
            self.query_one("#ranking-head", Heading).say((wrong, "bad"))
            return
        self.query_one("#ranking-head", Heading).say((_("asking …"), "dim"))

        async def run() -> None:
            try:
                made = await self.lt.ask(self.plan)
            except LtError as error:
                self.show_ranking(error.params.get("ranking") or (), error)
            else:
                self.show_ranking(as_dict(made.ranking))

        self.run_worker(run(), group="plan", exclusive=True, exit_on_error=False)

    def show_ranking(self, ranks: Sequence[Mapping[str, Any]], error: LtError | None = None) -> None:
        """How the hosts suit this job, or why that can't be told."""
        best = next((str(rank.get("host")) for rank in ranks if not rank.get("passed_over")), "")
        told = _("it goes to {host}", host=best) if best else _("none will do")
        self.query_one("#ranking-head", Heading).say((told, "ok" if best else "bad"))
        lines = ranking_lines(ranks)
        if error is not None and not ranks:
            lines = [((said(error).message, "bad"),)]
        self.query_one("#ranking", Lines).say(*lines)

    def action_dry_run(self) -> None:
        """Every check that a submit makes, and what would be sent."""
        if not self._complete():
            return

        async def run() -> None:
            self.lt.tell(_("Checking …"))
            try:
                made = await self.lt.ask(self.plan)
            except LtError as error:
                refused(self, error)
                return
            if made.ranking:
                self.show_ranking(as_dict(made.ranking))
            self.app.push_screen(Tell(_("What a submit would do"), plan_lines(made)))

        self.run_worker(run(), group="plan", exclusive=True, exit_on_error=False)

    def action_send(self) -> None:
        """Submits, and watches."""
        if self._sending or not self._complete():
            return
        self._sending = True  # one press, one job

        async def run() -> None:
            self.lt.tell(_("Checking and recording …"))
            try:
                begun = await self.lt.ask(self.submit)
            except LtError as error:
                refused(self, error)
            else:
                self.lt.tell(begun.told)
                self.lt.go(begun.place, fresh=True)
            finally:
                self._sending = False

        self.run_worker(run(), group="submit", exit_on_error=False)

    def _complete(self) -> bool:
        wrong = self.wrong()
        if wrong:
            self.lt.tell(wrong, severity="warning")
        return not wrong


class _Wrong(ValueError):
    """What is wrong with the value of a line."""

    def __init__(self, key: str, told: str) -> None:
        super().__init__(told)
        self.key = key


def parsed(option: Option, text: str) -> Any:
    """The value as the client takes it. Raises ValueError in words."""
    try:
        return option.parse(text)
    except LtError as error:
        raise _Wrong(option.key, said(error).message) from None
    except ValueError as error:
        raise _Wrong(option.key, str(error)) from None


def host_choices(hosts: Sequence[HostInfo]) -> list[tuple[str, str]]:
    """The best of all, the best of those with a label, or a certain one."""
    labels = sorted({f"{ANY}:{key}={value}" for info in hosts for key, value in info.host.labels.items()})
    width = max([len(ANY), *map(len, labels), *(len(info.name) for info in hosts)])
    found = [(ANY, f"{ANY:{width}}  {_('the one that suits best; says why')}")] if len(hosts) > 1 else []
    found += [(label, f"{label:{width}}  {_('the best of those with this label')}") for label in labels]
    for info in hosts:
        told = _("this machine") if info.host.kind == "local" else state_word(info.state)
        found.append((info.name, f"{info.name:{width}}  {told}"))
    return found
