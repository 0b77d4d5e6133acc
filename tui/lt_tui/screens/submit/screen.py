"""A new job: recipe, host, and a form made from the recipe's schema, checked while one types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from lt_controller.client import Client
from lt_controller.client.estimating import estimate_recipe
from lt_controller.client.recipes import RecipeField, RecipeInfo, RecipeProblem
from lt_controller.client.words import LtError

from ...glyphs import glyphs
from ...i18n import _
from ...page import Page
from ...places import Place
from ...text import Span, said, wrapped
from ...widgets.asking import Ask, AskPath, Check
from ...widgets.bars import Heading, KeyBar, Lines, TopBar
from ...widgets.dialogs import Choose, Tell
from ...widgets.table import Column, Table
from .about import (
    doc_lines,
    estimate_head,
    estimate_lines,
    header_lines,
    is_path,
    plan_lines,
    problem_text,
    refused,
    shown,
)

DEFAULT = "tiny-sft"


@dataclass(frozen=True)
class Form:
    """What the form stands on."""

    hosts: Sequence[str]
    recipes: Sequence[RecipeInfo]
    fields: Sequence[RecipeField]
    problems: Sequence[RecipeProblem]
    error: LtError | None = None


class SubmitScreen(Page):
    """Fields that the recipe gives stand first; enter changes one, its documentation is beside it."""

    CSS_PATH = "submit.tcss"
    EVERY = 0
    PAUSE = 0.1
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - as the framework declares it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("R", "recipe", "Recipe", id="submit.recipe"),
        Binding("H", "host", "Host", id="submit.host"),
        Binding("N", "name", "Name", id="submit.name"),
        Binding("e", "estimate", "Memory", id="submit.estimate"),
        Binding("d", "dry_run", "Dry run", id="submit.dry-run"),
        Binding("S", "send", "Submit", id="submit.send"),
        Binding("u", "undo", "Undo field", show=False, id="submit.undo"),
        Binding("n", "nothing", show=False),
    ]

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.recipe = place.name.removeprefix("recipe:") if place.name.startswith("recipe:") else ""
        self.host = "" if self.recipe else place.name
        self.job_name = ""
        self.overrides: dict[str, str] = {}
        self._sending = False

    @property
    def crumb(self) -> str:
        """Always the same."""
        return _("submit")

    def compose(self) -> ComposeResult:
        """What, where, and the fields."""
        yield TopBar()
        yield Lines(id="submit-header")
        columns = [
            Column[RecipeField]("field", "FIELD", 20, self._name_cell, grow=2),
            Column[RecipeField]("value", "VALUE", 12, self._value_cell, grow=3),
        ]
        with Horizontal():
            yield Table[RecipeField](columns, lambda field: field.key, id="fields")
            with Vertical(id="submit-side"):
                yield Heading("About")
                yield Lines(id="doc", wraps=True)
                yield Heading("Memory", id="memory-head")
                yield Lines(id="memory", wraps=True)
                yield Heading("Check", id="check-head")
                yield Lines(id="problems", wraps=True)
        yield KeyBar()

    def read(self, client: Client) -> Form:
        """The recipe's fields with what was changed, and what is wrong with them."""
        hosts = [info.name for info in client.hosts()]
        recipes = client.recipes()
        self.host = self.host if self.host in hosts else next((h for h in hosts if h != "local"), "local")
        self.recipe = self.recipe or DEFAULT
        try:
            fields, problems = client.recipe_fields(self.recipe, self._overrides())
        except LtError as error:
            return Form(hosts, recipes, (), (), error)
        return Form(hosts, recipes, sorted(fields, key=lambda field: not field.given), problems)

    def _overrides(self) -> list[str]:
        return [f"{key}={value}" for key, value in self.overrides.items()]

    def show(self, data: Form) -> None:
        """Fills the form."""
        title = next((r.title for r in data.recipes if self.recipe in (r.name, str(r.path))), "")
        self.query_one("#submit-header", Lines).say(*header_lines(self.recipe, title, self.host, self.job_name))
        self.query_one("#fields", Table).set_items(data.fields)
        head = self.query_one("#check-head", Heading)
        if not self.query_one("#memory", Lines).lines:
            self.query_one("#memory-head", Heading).say((_("e estimates it"), "dim"))
        if data.error is not None:
            head.say((_("this can't be used"), "bad"))
            told = said(data.error)
            self.query_one("#problems", Lines).say(((told.message, "bad"),), *(((d, ""),) for d in told.details))
        elif data.problems:
            head.say((_("{count} to mend", count=len(data.problems)), "bad"))
            lines: list[tuple[Span, ...]] = []
            for problem in data.problems:
                lines.append(((problem.key, "bold"),))
                lines.append(((f"  {problem_text(problem)}", "bad"),))
            self.query_one("#problems", Lines).say(*lines)
        else:
            head.say((_("all is well: S submits"), "ok"))
            self.query_one("#problems", Lines).say()
        self._document()

    def _name_cell(self, field: RecipeField, _width: int) -> Any:
        changed = field.key in self.overrides
        wrong = self.data is not None and any(p.key == field.key for p in self.data.problems)
        return ((field.key, "bad" if wrong else "warn" if changed else "bold" if field.given else "dim"),)

    def _value_cell(self, field: RecipeField, _width: int) -> Any:
        return ((shown(field.value), "warn" if field.key in self.overrides else "" if field.given else "faint"),)

    def _document(self) -> None:
        table = self.query_one("#fields", Table)
        if table.current is not None:
            self.query_one("#doc", Lines).say(*doc_lines(table.current))

    def on_table_highlighted(self) -> None:
        """Another field: its documentation."""
        self._document()

    def on_table_opened(self, event: Table.Opened) -> None:
        """Enter: another value."""
        field: RecipeField | None = event.table.current
        if field is None:
            return

        def given(value: str | None) -> None:
            if value is not None and value != shown(field.value):
                self.overrides[field.key] = value
                self.reread()

        choices = field.choices or (("true", "false") if field.kind == "switch" else ())
        if choices:
            self.app.push_screen(Choose(field.key, [(c, c) for c in choices], shown(field.value)), given)
        else:
            dialog = AskPath if is_path(field) else Ask
            self.app.push_screen(dialog(field.key, shown(field.value), field.doc, check=self._checker(field)), given)

    def _checker(self, field: RecipeField) -> Check:
        """What is wrong with another value of a field, by the recipe's own rules."""

        async def check(text: str) -> list[tuple[Span, ...]]:
            overrides = [f"{key}={value}" for key, value in {**self.overrides, field.key: text}.items()]
            _fields, problems = await self.lt.feed.read(lambda client: client.recipe_fields(self.recipe, overrides))
            told = [
                part for problem in problems if problem.key == field.key for part in wrapped(problem_text(problem), 68)
            ]
            return [((part, "bad"),) for part in told] or [((glyphs().states["ok"], "ok"),)]

        return check

    # Keys

    def action_recipe(self) -> None:
        """Another recipe; what was changed is laid over it."""
        if self.data is None:
            return
        width = max((len(r.name) for r in self.data.recipes), default=0)
        options = [(str(r.path) if r.own else r.name, f"{r.name:{width}}  {r.title}") for r in self.data.recipes]

        def chosen(name: str | None) -> None:
            if name is not None:
                self.recipe = name
                self.reread()

        self.app.push_screen(Choose(_("Which recipe?"), options, self.recipe), chosen)

    def action_host(self) -> None:
        """Another host."""
        if self.data is None:
            return

        def chosen(name: str | None) -> None:
            if name is not None:
                self.host = name
                self.reread()

        self.app.push_screen(Choose(_("On which host?"), [(h, h) for h in self.data.hosts], self.host), chosen)

    def action_name(self) -> None:
        """The job's name; without one it is made from the recipe's."""

        def typed(name: str | None) -> None:
            if name is not None:
                self.job_name = name.strip()
                self.show(self.data)

        self.app.push_screen(Ask(_("The job's name"), self.job_name, _("Empty: one is made from the recipe's.")), typed)

    def action_undo(self) -> None:
        """The field under the cursor as the recipe has it."""
        key = self.query_one("#fields", Table).cursor_key
        if key in self.overrides:
            del self.overrides[key]
            self.reread()

    def action_nothing(self) -> None:
        """One is here already."""

    def action_estimate(self) -> None:
        """The memory that it takes on each GPU, and whether the host's have it. May ask the hub about the model."""
        self.query_one("#memory-head", Heading).say((_("asking …"), "dim"))

        async def run() -> None:
            try:
                found = await self.lt.ask(lambda c: estimate_recipe(c, self.recipe, self._overrides(), self.host))
            except LtError as error:
                told = said(error)
                head = (_("not known"), "warn")
                lines: list[tuple[Span, ...]] = [((told.message, "warn"),)]
            else:
                head, lines = estimate_head(found), estimate_lines(found)
            self.query_one("#memory-head", Heading).say(head)
            self.query_one("#memory", Lines).say(*lines)

        self.run_worker(run(), group="estimate", exclusive=True, exit_on_error=False)

    def action_dry_run(self) -> None:
        """Every check that a submit makes, and what would be sent."""

        def plan(client: Client) -> Any:
            return client.plan(self.host, self.recipe, self._overrides(), name=self.job_name or None)

        async def run() -> None:
            self.lt.tell(_("Checking …"))
            try:
                made = await self.lt.ask(plan)
            except LtError as error:
                refused(self, error)
            else:
                self.app.push_screen(Tell(_("What a submit would do"), plan_lines(made)))

        self.run_worker(run(), group="plan", exclusive=True, exit_on_error=False)

    def action_send(self) -> None:
        """Submits, and watches."""
        if self._sending:
            return  # one press, one job
        self._sending = True

        def submit(client: Client) -> Any:
            return client.submit(self.host, self.recipe, self._overrides(), name=self.job_name or None)

        async def run() -> None:
            self.lt.tell(_("Checking and recording …"))
            try:
                job = await self.lt.ask(submit)
            except LtError as error:
                refused(self, error)
            else:
                self.lt.tell(_("Submitted {job} to {host}.", job=job.name, host=job.host))
                self.lt.go(Place("job", job.name), fresh=True)
            finally:
                self._sending = False

        self.run_worker(run(), group="submit", exit_on_error=False)
