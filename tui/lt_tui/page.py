"""What all screens share: where they are, reading in the background, filtering, and the keys that work everywhere."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.screen import Screen

from lt_controller.client.words import LtError

from .filters import parse
from .glyphs import glyphs
from .i18n import _
from .messages import Changed, Read
from .places import Place
from .text import Span, said
from .widgets.bars import KeyBar, TopBar
from .widgets.table import Table

if TYPE_CHECKING:
    from textual.widget import Widget

    from lt_controller.client import Client

    from .app import LtApp
    from .widgets.prompt import Prompt


class Page(Screen[None]):
    """A screen. Subclasses say what they read (`read`, in a thread) and how they show it (`show`)."""

    #: What of the store this screen shows; it reads again when one of these changes.
    TOPICS: ClassVar[frozenset[str]] = frozenset()
    #: Never read again sooner than after so many seconds: a person can't see more, a laptop's battery can.
    PAUSE: ClassVar[float] = 0.5
    #: Show again after so many seconds even without news, so that ages are right. 0: never.
    EVERY: ClassVar[float] = 10.0
    #: Read again after so many seconds, for what no news tells of. 0: never.
    AGAIN: ClassVar[float] = 0.0
    #: Keys, by the names of their bindings, that stand first in the line at the bottom.
    FIRST: ClassVar[tuple[str, ...]] = ()
    AUTO_FOCUS = "Table, Input, LogView"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", show=False, id="go.back"),
        Binding("slash", "filter", "Filter", key_display="/", id="page.filter", priority=True),
        Binding("y", "copy", "Copy", show=False, id="page.copy"),
        Binding("ctrl+s", "export", "Export", show=False, id="page.export"),
        Binding("ctrl+r", "reread", "Read again", show=False, id="page.reread"),
    ]

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.data: Any = None
        self._last_read = 0.0
        self._due = False
        self._reading = False
        self._back_to: Widget | None = None  # had the keys before the line at the bottom

    @property
    def lt(self) -> LtApp:
        """The app, by its own type."""
        app: Any = self.app
        return app  # type: ignore[no-any-return]

    @property
    def crumb(self) -> str:
        """What stands for this screen in the first line."""
        return self.place.name or _(self.place.kind)

    def read(self, client: Client) -> Any:
        """Everything that is shown, from the store. Runs in the reading thread and must touch no widget."""
        return None

    def show(self, data: Any) -> None:
        """Puts what was read on the screen."""

    # Reading

    def on_mount(self) -> None:
        """Reads for the first time."""
        self.reread()
        if self.EVERY:
            self.set_interval(self.EVERY, self._tick)
        if self.AGAIN:
            self.set_interval(self.AGAIN, self._again)

    def on_screen_resume(self) -> None:
        """What changed while another screen was on top is read now."""
        if self._due:
            self.reread()
        self.query(TopBar).refresh()

    def on_changed(self, message: Changed) -> None:
        """News from the store."""
        if message.concerns(self.TOPICS):
            self.reread()

    def reread(self) -> None:
        """Reads soon; not while a reading runs, and not too often."""
        self._due = True
        if self._reading or (not self.is_current and self._last_read):
            return
        wait = self.PAUSE - (time.monotonic() - self._last_read)
        self._reading = True
        if wait > 0:
            self.set_timer(wait, self._read)
        else:
            self._read()

    def do(self, deed: Callable[[Client], Any], told: str) -> None:
        """Asks for something and says that it was asked for."""

        async def run() -> None:
            try:
                await self.lt.ask(deed)
            except LtError as error:
                self.lt.refuse(error)
            else:
                self.lt.tell(told)
            self.reread()

        self.run_worker(run(), group="acts", exit_on_error=False)

    def action_reread(self) -> None:
        """Reads now."""
        self.reread()

    @work(exclusive=False)
    async def _read(self) -> None:
        self._due = False
        try:
            data = await self.lt.feed.read(self.read)
        except LtError as error:
            self.failed(error)
        else:
            self.post_message(Read(data))
        finally:
            self._last_read = time.monotonic()
            self._reading = False
        if self._due and self.is_current:
            self.reread()

    def on_read(self, message: Read) -> None:
        """Shows what was read, unless the screen has gone meanwhile."""
        if self.is_mounted and self.is_attached:
            self.data = message.data
            self.show(message.data)

    def retranslate(self) -> None:
        """Words, signs or colours have changed: everything is drawn anew."""
        for table in self.query(Table):
            table.redraw()
        for widget in self.walk_children():
            widget.refresh()
        if self.data is not None:
            self.show(self.data)

    def failed(self, error: LtError) -> None:
        """The store could not be read."""
        told = said(error)
        self.lt.tell(told.message, told.next, severity="error")

    def _again(self) -> None:
        if self.is_current:
            self.reread()

    def aged(self, data: Any) -> Any:
        """The same data a little later: ages grow though nothing has changed."""
        return data

    def _tick(self) -> None:
        # What changes in the store is told; only the clock goes on by itself, and that needs no reading.
        if self.is_current and self.data is not None:
            self.data = self.aged(self.data)
            self.show(self.data)

    # Filtering and copying

    @property
    def table(self) -> Table[Any] | None:
        """The table that has the keys, or the only one."""
        focused = self.focused
        if isinstance(focused, Table):
            return focused
        if focused is not None and isinstance(self._back_to, Table) and self._back_to.is_attached:
            return self._back_to  # the line in which its filter is typed has the keys for the moment
        found = [table for table in self.query(Table) if table.display and table.parent and table.parent.display]
        return found[-1] if found else None

    async def action_back(self) -> None:
        """One step out."""
        table = self.table
        if table is not None and table.filter.terms:
            self.filter_by("")
        else:
            await self.lt.action_back()

    @property
    def typing(self) -> bool:
        """A text is being typed."""
        return self.focused is not None and type(self.focused).__name__ == "Input"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In a line that is typed, `/` is a letter; without a table there is nothing to filter."""
        return action != "filter" or not (self.typing or self.table is None)

    async def action_filter(self) -> None:
        """Opens the filter's line."""
        if (table := self.table) is not None:
            await self.prompt("/", table.filter.text)

    def filter_by(self, text: str, *, aloud: bool = True) -> None:
        """Filters the table that has the keys; `aloud` says what is wrong with a regular expression."""
        if (table := self.table) is None:
            return
        try:
            table.set_filter(parse(text, table.names()))
        except re.error as error:
            self.no_pattern(error, aloud)

    def no_pattern(self, error: re.error, aloud: bool) -> None:
        """What was typed is no regular expression."""
        if aloud:
            self.lt.tell(_("That is no regular expression: {why}", why=error), severity="warning")

    async def prompt(self, sign: str, text: str = "") -> None:
        """Opens the line at the bottom. The next key waits for it: one who types fast loses no letter."""
        from textual.widgets import Input

        from .widgets.prompt import Prompt

        for old in self.query(Prompt):
            await old.remove()
        if not self.typing:
            self._back_to = self.focused
        prompt = Prompt(sign, self.lt.completions, text)
        await self.mount(prompt)
        self.set_focus(prompt.query_one(Input))

    async def on_prompt_typed(self, message: Prompt.Typed) -> None:
        """`/` filters while one types; `:` goes when one is done."""
        if message.sign == "/":
            self.filter_by(message.text, aloud=message.done)  # half a regular expression is none yet
        if message.done:
            await self._close_prompt()
            if message.sign == ":":
                self.lt.jump(message.text)

    async def on_prompt_left(self, message: Prompt.Left) -> None:
        """Nothing was meant; a filter goes."""
        if message.sign == "/":
            self.filter_by("")
        await self._close_prompt()

    async def _close_prompt(self) -> None:
        for prompt in self.query("Prompt"):
            await prompt.remove()
        back, self._back_to = self._back_to, None
        if back is not None and back.is_attached:
            self.set_focus(back)

    def narrowed(self) -> tuple[Span, ...]:
        """How the table one stands in is narrowed: its filter with what passes it, and its marks."""
        table = self.table
        found: list[Span] = []
        if table is not None and table.filter.terms:
            passed = _("{shown} of {total}", shown=len(table.items), total=table.total)
            found += [(f"/{table.filter.text}", "warn"), (f"  {passed}   ", "dim")]
        if table is not None and table.marks:
            found.append((f"{glyphs().mark} {_('{count} marked', count=len(table.marks))}   ", "warn"))
        return tuple(found)

    def on_table_narrowed(self) -> None:
        """The first line says so."""
        self.query(TopBar).refresh()

    def on_descendant_focus(self) -> None:
        """Another table may be narrowed in another way."""
        self.query(TopBar).refresh()

    def action_copy(self) -> None:
        """Copies what the cursor stands on, by OSC 52: it works over SSH, too."""
        text = self.copied()
        if text:
            self.lt.copy_to_clipboard(text)
            self.lt.tell(_("Copied: {what}", what=text if len(text) < 60 else text[:57] + "…"))

    def copied(self) -> str:
        """What `y` copies."""
        table = self.table
        if table is None:
            return ""
        if table.marks:
            return "\n".join(sorted(table.marks))
        return table.cursor_key or ""

    def action_export(self) -> None:
        """Writes what the table shows into a file."""
        from .export import export_table

        if (table := self.table) is not None:
            export_table(self, table)

    def compose_bars(self) -> tuple[TopBar, KeyBar]:
        """The first and the last line."""
        return TopBar(), KeyBar()
