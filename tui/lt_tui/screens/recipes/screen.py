"""The gallery and the recipe files where one stands, with what each is for and its text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from lt_controller.client import Client
from lt_controller.client.recipes import RecipeInfo
from lt_controller.client.words import LtError

from ...i18n import _, current
from ...page import Page
from ...places import Place
from ...terminal import run_lt
from ...text import Span
from ...widgets.asking import Ask
from ...widgets.bars import Heading, KeyBar, Lines, TopBar
from ...widgets.reading import Scroll
from ...widgets.table import Column, Table


class RecipesScreen(Page):
    """What one can train by. Enter makes a job of it."""

    CSS_PATH = "recipes.tcss"
    EVERY = 0
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "new", "New from this", id="recipe.new"),
        Binding("v", "check", "Check", id="recipe.check"),
        Binding("t", "test", "Try it", id="recipe.test"),
        Binding("tab", "other", "List/text", id="recipe.other"),
    ]

    def compose(self) -> ComposeResult:
        """A list, and the text of the one under the cursor."""
        yield TopBar()
        yield Heading("Recipes")
        columns = [
            Column[RecipeInfo]("recipe", "RECIPE", 16, lambda r, _w: ((r.name, "bold"),), grow=1),
            Column[RecipeInfo]("whose", "", 7, lambda r, _w: ((_("yours") if r.own else _("shipped"), "dim"),)),
            Column[RecipeInfo]("what", "WHAT FOR", 24, lambda r, _w: r.told(current()), grow=4),
        ]
        with Horizontal():
            yield Table[RecipeInfo](columns, lambda recipe: recipe.name, id="recipes-list")
            with Vertical(id="recipe-side"):
                yield Lines(id="recipe-title", wraps=True)
                with Scroll(id="recipe-text"):
                    yield Lines()
        yield KeyBar()

    def read(self, client: Client) -> Sequence[RecipeInfo]:
        """Gallery and files."""
        return client.recipes()

    def show(self, data: Sequence[RecipeInfo]) -> None:
        """Fills the list."""
        self.query_one(Table).set_items(data)
        self._text()

    def on_table_highlighted(self) -> None:
        """Another one: its text."""
        self._text()

    def action_new(self) -> None:
        """A file of one's own that begins as this one; it is edited in an editor."""
        recipe: RecipeInfo | None = self.query_one(Table).current
        if recipe is None:
            return
        base = str(recipe.path) if recipe.own else recipe.name

        def named(file: str | None) -> None:
            if file and file.strip():
                run_lt(self.lt, ["recipe", "new", file.strip(), "--from", base])
                self.reread()

        note = _("It is written where you stand; change it in an editor, then submit it by its name.")
        self.app.push_screen(
            Ask(_("A new recipe from {name}", name=recipe.name), f"my-{recipe.name}.yaml", note), named
        )

    def action_check(self) -> None:
        """Every problem of this recipe and its data, with file and line."""
        recipe: RecipeInfo | None = self.query_one(Table).current
        if recipe is not None:
            run_lt(self.lt, ["recipe", "check", str(recipe.path) if recipe.own else recipe.name])

    def action_test(self) -> None:
        """A few steps of it with a tiny model, on this machine."""
        recipe: RecipeInfo | None = self.query_one(Table).current
        if recipe is not None:
            run_lt(self.lt, ["recipe", "test", str(recipe.path) if recipe.own else recipe.name])

    def action_other(self) -> None:
        """The keys go to the text, or back to the list."""
        table, text = self.query_one(Table), self.query_one(Scroll)
        (text if table.has_focus else table).focus()

    @work(exclusive=True, exit_on_error=False)
    async def _text(self) -> None:
        recipe: RecipeInfo | None = self.query_one(Table).current
        if recipe is None:
            return
        self.query_one("#recipe-title", Lines).say(((recipe.told(current()), "bold"),))
        name = str(recipe.path) if recipe.own else recipe.name
        try:
            text = await self.lt.feed.read(lambda client: client.recipe_text(name))
        except LtError as error:
            self.lt.refuse(error)
            return
        self.query_one(Scroll).scroll_home(animate=False)
        self.query_one("#recipe-text Lines", Lines).say(*(coloured(line) for line in text.splitlines()))

    def on_table_opened(self, event: Table.Opened) -> None:
        """Enter: a job of it."""
        recipe: RecipeInfo | None = event.table.current
        if recipe is not None:
            self.lt.go(Place("submit", f"recipe:{recipe.path if recipe.own else recipe.name}"))


def coloured(line: str) -> tuple[Span, ...]:
    """A line of YAML."""
    body, mark, comment = line.partition("#")
    key, colon, value = body.partition(":")
    found: list[Span] = [(key + colon, "key"), (value, "")] if colon else [(body, "")]
    return (*found, (mark + comment, "dim"))
