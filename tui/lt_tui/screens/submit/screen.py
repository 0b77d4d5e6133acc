"""A new job by a recipe: a form made from the recipe's schema, checked while one types."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from lt_controller.client import Client
from lt_controller.client.details import HostInfo, Plan
from lt_controller.client.estimating import estimate_recipe
from lt_controller.client.recipes import RecipeField, RecipeInfo, RecipeProblem
from lt_controller.client.submitting import is_choice
from lt_controller.client.wishing import Wishes
from lt_controller.client.words import LtError

from ...forms import JobForm, Option, Sent, sent
from ...glyphs import glyphs
from ...i18n import _, current
from ...options import name, priority
from ...places import Place
from ...planned import recipe_choices
from ...text import Span, padded, said, wrapped
from ...widgets.asking import Check
from ...widgets.bars import Heading, Lines
from ...widgets.dialogs import Choose
from .about import doc_lines, estimate_head, estimate_lines, is_path, problem_text

DEFAULT = "tiny-sft"
OF_THE_JOB = ("retries", "timeout")  # keys of the recipe that are asked for most often: they stand with the options


@dataclass(frozen=True)
class Form:
    """What the form stands on."""

    hosts: Sequence[HostInfo]
    recipes: Sequence[RecipeInfo]
    fields: Sequence[RecipeField]
    problems: Sequence[RecipeProblem]
    error: LtError | None = None
    sweep: bool = False  # the recipe has a `sweep:`


class SubmitScreen(JobForm):
    """Fields that the recipe gives stand first; enter changes one, its documentation is beside it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("R", "recipe", "Recipe", id="submit.recipe"),
        Binding("N", "name", "Name", show=False, id="submit.name"),
        Binding("e", "estimate", "Memory", id="submit.estimate"),
    ]

    def __init__(self, place: Place) -> None:
        recipe = place.name.removeprefix("recipe:") if place.name.startswith("recipe:") else ""
        super().__init__(place, "" if recipe else place.name)
        self.recipe = recipe

    @property
    def crumb(self) -> str:
        """Always the same."""
        return _("submit")

    def compose_side(self) -> Iterable[Widget]:
        """The memory it takes."""
        yield Heading("Memory", id="memory-head")
        yield Lines(id="memory", wraps=True)

    def options(self) -> Sequence[Option]:
        """What is the job's and not the recipe's."""
        return (name(), priority())

    def hosts(self) -> Sequence[HostInfo]:
        """As they were read last."""
        data: Form | None = self.data
        return data.hosts if data is not None else ()

    def read(self, client: Client) -> Form:
        """The recipe's fields with what was changed, and what is wrong with them."""
        hosts = client.hosts()
        recipes = client.recipes()
        self.recipe = self.recipe or DEFAULT
        try:
            fields, problems = client.recipe_fields(self.recipe, self._overrides())
        except LtError as error:
            return Form(hosts, recipes, (), (), error)
        given = sorted((f for f in fields if f.key not in OF_THE_JOB), key=lambda field: not field.given)
        sweep = client.has_sweep(self.recipe, self._overrides())
        return Form(hosts, recipes, [*(f for f in fields if f.key in OF_THE_JOB), *given], problems, sweep=sweep)

    def _overrides(self, **more: str) -> list[str]:
        mine = {option.key for option in self.options()}
        return [f"{key}={value}" for key, value in {**self.values, **more}.items() if key not in mine]

    def changed(self, key: str, value: str) -> None:
        """An empty value of a recipe's field is a value; of an option it is none."""
        if key in {option.key for option in self.options()}:
            super().changed(key, value)
        else:
            self.values[key] = value

    def show(self, data: Form) -> None:
        """Fills the form."""
        options = [option.field(self.values.get(option.key)) for option in self.options()]
        self.show_form([*options, *data.fields] if data.error is None else [])
        title = next((r.told(current()) for r in data.recipes if self.recipe in (r.name, str(r.path))), "")
        self.query_one("#form-header", Lines).say(
            ((padded(_("recipe"), 8), "dim"), (self.recipe, "bold"), (f"   {title}", "dim")),
            ((padded(_("host"), 8), "dim"), (self.host, "bold")),
        )
        if not self.query_one("#memory", Lines).lines:
            self.query_one("#memory-head", Heading).say((_("e estimates it"), "dim"))
        head, lines = self._problems(data)
        self.query_one("#check-head", Heading).say(head)
        self.query_one("#problems", Lines).say(*lines)

    def _problems(self, data: Form) -> tuple[Span, list[tuple[Span, ...]]]:
        if data.error is not None:
            told = said(data.error)
            return (_("this can't be used"), "bad"), [((told.message, "bad"),), *(((d, ""),) for d in told.details)]
        try:
            self.given()
        except ValueError as error:
            return (_("{count} to mend", count=1), "bad"), [((str(error), "bad"),)]
        lines: list[tuple[Span, ...]] = []
        for problem in data.problems:
            lines += [((problem.key, "bold"),), ((f"  {problem_text(problem)}", "bad"),)]
        if lines:
            return (_("{count} to mend", count=len(data.problems)), "bad"), lines
        return (_("all is well: S starts the sweep") if data.sweep else _("all is well: S submits"), "ok"), []

    def wrong(self) -> str:
        """What is wrong with the options; problems of the recipe are told in full by whoever is asked to use it."""
        try:
            self.given()
        except ValueError as error:
            return str(error)
        return ""

    def is_wrong(self, field: RecipeField) -> bool:
        """By the recipe's own rules."""
        data: Form | None = self.data
        return super().is_wrong(field) or (data is not None and any(p.key == field.key for p in data.problems))

    def is_path(self, field: RecipeField) -> bool:
        """A file, a folder, or a model of one's own."""
        return is_path(field)

    def about(self, field: RecipeField) -> list[tuple[Span, ...]]:
        """The schema's documentation."""
        mine = any(option.key == field.key for option in self.options())
        return super().about(field) if mine else doc_lines(field)

    def checker(self, field: RecipeField) -> Check | None:
        """What is wrong with another value of a field, by the recipe's own rules."""
        if any(option.key == field.key for option in self.options()):
            return super().checker(field)

        async def check(text: str) -> list[tuple[Span, ...]]:
            overrides = self._overrides(**{field.key: text})
            _fields, problems = await self.lt.feed.read(lambda client: client.recipe_fields(self.recipe, overrides))
            found = [problem for problem in problems if problem.key == field.key]
            told = [part for problem in found for part in wrapped(problem_text(problem), 68)]
            return [((part, "bad"),) for part in told] or [((glyphs().states["ok"], "ok"),)]

        return check

    def plan(self, client: Client) -> Plan:
        """A dry run; of a sweep, its first trial's."""
        asked = self._asked()
        if not client.has_sweep(self.recipe, self._overrides()):
            return client.plan(self.host, self.recipe, self._overrides(), **asked)
        _trials, total, first = client.plan_sweep(self.host, self.recipe, self._overrides(), wishes=asked["wishes"])
        return replace(first, notes=(_("the first of {count} trials", count=total), *first.notes))

    def submit(self, client: Client) -> Sent:
        """The real one: a job, or a sweep's first trials."""
        if not client.has_sweep(self.recipe, self._overrides()):
            return sent(client.submit(self.host, self.recipe, self._overrides(), **self._asked()))
        sweep = client.start_sweep(self.host, self.recipe, self._overrides(), **self._asked())
        return Sent(_("Started sweep {sweep}.", sweep=sweep.name), Place("sweep", sweep.name))

    def _asked(self) -> dict[str, Any]:
        given = self.given()
        return {"name": given["name"], "wishes": Wishes(priority=given["priority"] or 0)}

    # Keys

    def action_recipe(self) -> None:
        """Another recipe; what was changed is laid over it."""
        if self.data is None:
            return
        options = recipe_choices(self.data.recipes)

        def chosen(name: str | None) -> None:
            if name is not None:
                self.recipe = name
                self.reread()

        self.app.push_screen(Choose(_("Which recipe?"), options, self.recipe), chosen)

    def action_name(self) -> None:
        """The job's name."""
        table = self.query_one("#fields")
        if getattr(table, "select", lambda _key: False)("name"):
            getattr(table, "action_open", lambda: None)()

    def action_estimate(self) -> None:
        """The memory that it takes on each GPU, and whether the host's have it. May ask the hub about the model."""
        self.query_one("#memory-head", Heading).say((_("asking …"), "dim"))
        host = None if is_choice(self.host) else self.host

        async def run() -> None:
            try:
                found = await self.lt.ask(lambda c: estimate_recipe(c, self.recipe, self._overrides(), host))
            except LtError as error:
                told = said(error)
                head = (_("not known"), "warn")
                lines: list[tuple[Span, ...]] = [((told.message, "warn"),)]
            else:
                head, lines = estimate_head(found), estimate_lines(found)
            self.query_one("#memory-head", Heading).say(head)
            self.query_one("#memory", Lines).say(*lines)

        self.run_worker(run(), group="estimate", exclusive=True, exit_on_error=False)
