"""Questions that lie over a screen: yes or no, one of several, several of many; and something to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from ..glyphs import glyphs
from ..i18n import _
from ..text import Span, safe
from .bars import Lines
from .lines import overflow
from .reading import Scroll

_SHOWN = 12  # lines of what a question is about


class Answers(Static):
    """The answers a question has, as keys; a click on one presses it."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "Answers { margin-top: 1; color: $text-muted; height: auto; }"

    def __init__(self, *answers: tuple[str, str]) -> None:
        """(the key as it is named, what it does)"""
        self._answers = answers
        super().__init__("     ".join(f"{key}  {what}" for key, what in answers), markup=False)

    async def on_click(self, event: events.Click) -> None:
        """Presses what was clicked."""
        end = 0
        for key, what in self._answers:
            end += cell_len(f"{key}  {what}     ")
            if event.x < end:
                await self.app.action_simulate_key(key)
                return


class Confirm(ModalScreen[bool]):
    """Names the target and asks. Only `y` is a yes: enter, pressed by habit, is not."""

    CSS = """
    Confirm { align: center middle; background: $background 60%;
        Vertical { width: 68; max-width: 90%; height: auto; max-height: 80%; border: round $error; padding: 1 2;
                   background: $surface; }
        .title { text-style: bold; color: $error; margin-bottom: 1; height: auto; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape", "answer(False)", "No"),
    ]

    def __init__(self, question: str, lines: Sequence[str] = ()) -> None:
        super().__init__()
        self._question = question
        self._lines = lines

    def compose(self) -> ComposeResult:
        """The question, what it is about, the keys."""
        more = len(self._lines) - _SHOWN
        lines = self._lines if more <= 0 else [*self._lines[:_SHOWN], _("and {count} more", count=more)]
        with Vertical(classes="box -grave"):
            yield Static(safe(self._question), classes="title", markup=False)
            for line in lines:
                yield Static(safe(line), markup=False)
            yield Answers(("y", _("yes")), ("n", _("no, leave it")))

    def action_answer(self, yes: bool) -> None:
        """Closes with the answer."""
        self.dismiss(yes)


class Choose(ModalScreen[str | None]):
    """One of several; escape gives None."""

    CSS = """
    Choose { align: center middle; background: $background 60%;
        Vertical { width: 76; max-width: 95%; height: auto; max-height: 85%; border: round $primary; padding: 1 2;
                   background: $surface; }
        .title { text-style: bold; margin-bottom: 1; height: auto; }
        OptionList { height: auto; max-height: 50vh; border: none; background: $surface; }
        .note { color: $text-muted; margin-top: 1; height: 2; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave"),
        Binding("j", "down", show=False),
        Binding("k", "up", show=False),
    ]

    def __init__(
        self,
        question: str,
        options: Sequence[tuple[str, str]],
        current: str | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> None:
        """`options` are (key, what is shown); `notes`, by key, say more of the one under the cursor."""
        super().__init__()
        self._question = question
        self._options = list(options)
        self._current = current
        self._notes = notes

    def compose(self) -> ComposeResult:
        """The question and the list."""
        with Vertical(classes="box"):
            yield Static(safe(self._question), classes="title", markup=False)
            options = (Option(Text(safe(text), no_wrap=True, overflow=overflow())) for _key, text in self._options)
            yield OptionList(*options)
            if self._notes is not None:
                yield Static("", classes="note", markup=False)

    def on_mount(self) -> None:
        """The present choice is under the cursor."""
        keys = [key for key, _text in self._options]
        self.query_one(OptionList).highlighted = keys.index(self._current) if self._current in keys else 0

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """What the one under the cursor is for."""
        if self._notes is not None:
            key = self._options[event.option_index][0]
            self.query_one(".note", Static).update(safe(self._notes.get(key, "")))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter or a click."""
        self.dismiss(self._options[event.option_index][0])

    def action_down(self) -> None:
        """As the arrow key."""
        self.query_one(OptionList).action_cursor_down()

    def action_up(self) -> None:
        """As the arrow key."""
        self.query_one(OptionList).action_cursor_up()

    def action_leave(self) -> None:
        """Escape: nothing."""
        self.dismiss(None)


class ChooseSeveral(ModalScreen[list[str] | None]):
    """Any number of several: space marks, enter takes; escape gives None."""

    CSS = """
    ChooseSeveral { align: center middle; background: $background 60%;
        Vertical { width: 76; max-width: 95%; height: auto; max-height: 85%; border: round $primary; padding: 1 2;
                   background: $surface; }
        .title { text-style: bold; margin-bottom: 1; height: auto; }
        OptionList { height: auto; max-height: 16; border: none; background: $surface; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave"),
        Binding("enter", "take", "Take", priority=True),
        Binding("space", "mark", "Mark", priority=True),
        Binding("j", "down", show=False),
        Binding("k", "up", show=False),
    ]

    def __init__(self, question: str, options: Sequence[tuple[str, str]], current: Sequence[str] = ()) -> None:
        super().__init__()
        self._question = question
        self._options = list(options)
        self._marked = {n for n, (key, _text) in enumerate(self._options) if key in current}

    def compose(self) -> ComposeResult:
        """The question, the list, the keys."""
        with Vertical(classes="box"):
            yield Static(safe(self._question), classes="title", markup=False)
            yield OptionList(*(Option(self._prompt(n), id=str(n)) for n in range(len(self._options))))
            yield Answers(("space", _("marks")), ("enter", _("takes")), ("escape", _("leaves it")))

    def on_mount(self) -> None:
        """The first one that is marked is under the cursor."""
        self.query_one(OptionList).highlighted = min(self._marked, default=0)

    def _prompt(self, n: int) -> Text:
        # A sign, not a colour alone: the framework's own list of boxes has the same box for both.
        sign = glyphs().mark if n in self._marked else " "
        return Text(f"{sign} {safe(self._options[n][1])}", no_wrap=True)

    def action_mark(self) -> None:
        """Marks what the cursor stands on, or takes its mark away."""
        options = self.query_one(OptionList)
        if (n := options.highlighted) is not None:
            self._marked ^= {n}
            options.replace_option_prompt_at_index(n, self._prompt(n))

    def on_option_list_option_selected(self) -> None:
        """A click marks."""
        self.action_mark()

    def action_take(self) -> None:
        """Closes with what is marked, in the list's order."""
        self.dismiss([self._options[n][0] for n in sorted(self._marked)])

    def action_down(self) -> None:
        """As the arrow key."""
        self.query_one(OptionList).action_cursor_down()

    def action_up(self) -> None:
        """As the arrow key."""
        self.query_one(OptionList).action_cursor_up()

    def action_leave(self) -> None:
        """Escape: nothing."""
        self.dismiss(None)


class Tell(ModalScreen[None]):
    """Something to read; any of escape, enter and q closes it."""

    CSS = """
    Tell { align: center middle; background: $background 60%;
        .box { width: 100; max-width: 95%; height: auto; max-height: 85%; border: round $primary; padding: 1 2;
               background: $surface; }
        .title { text-style: bold; margin-bottom: 1; height: auto; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q", "leave", "Close")]

    def __init__(self, title: str, lines: Sequence[tuple[Span, ...]]) -> None:
        super().__init__()
        self._title = title
        self._lines = lines

    def compose(self) -> ComposeResult:
        """A title and the lines."""
        with Scroll(classes="box"):
            yield Static(safe(self._title), classes="title", markup=False)
            lines = Lines()
            lines.say(*self._lines)
            yield lines
            yield Answers(("escape", _("closes this")))

    def action_leave(self) -> None:
        """Closes it."""
        self.dismiss(None)
