"""The line at the bottom in which one types: `:` to jump, `/` to filter."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Static

from ..i18n import _


class _Completing(Suggester):
    def __init__(self, complete: Callable[[str], list[str]]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._complete = complete

    async def get_suggestion(self, value: str) -> str | None:
        """The likeliest completion."""
        found = self._complete(value) if value else []
        return found[0] if found and found[0].startswith(value) else None


class Prompt(Horizontal):
    """Enter submits, escape leaves, tab completes; each change of a filter counts at once."""

    DEFAULT_CSS = """
    Prompt { height: 1; dock: bottom; background: $panel; padding: 0 1;
        Static { width: auto; color: $primary; text-style: bold; }
        Input { border: none; height: 1; padding: 0; background: $panel; }
        Input:focus { border: none; }
        #hint { dock: right; color: $text-muted; text-style: none; }
    }
    """

    class Typed(Message):
        """The text has changed, or (`done`) was entered."""

        def __init__(self, sign: str, text: str, done: bool) -> None:
            super().__init__()
            self.sign = sign
            self.text = text
            self.done = done

    class Left(Message):
        """Escape: nothing was meant."""

        def __init__(self, sign: str) -> None:
            super().__init__()
            self.sign = sign

    def __init__(self, sign: str, complete: Callable[[str], list[str]], text: str = "") -> None:
        super().__init__()
        self.sign = sign
        self._complete = complete
        self._text = text

    def compose(self) -> ComposeResult:
        """A sign, the text, a hint."""
        yield Static(self.sign, markup=False)
        yield Input(
            self._text, suggester=_Completing(self._complete) if self.sign == ":" else None, select_on_focus=False
        )
        hints = {":": _("tab completes, enter goes"), "/": _("regex, !not, state:failed, host:a*")}
        yield Static(hints.get(self.sign, ""), id="hint", markup=False)

    def on_key(self, event: events.Key) -> None:
        """Escape and tab."""
        field = self.query_one(Input)
        if event.key == "escape":
            event.stop()
            self.post_message(self.Left(self.sign))
        elif event.key == "tab":
            event.stop()
            event.prevent_default()
            if self.sign == ":" and (found := self._complete(field.value)):
                field.value = found[0]
                field.action_end()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filters act while one types."""
        event.stop()
        self.post_message(self.Typed(self.sign, event.value, False))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Done."""
        event.stop()
        self.post_message(self.Typed(self.sign, event.value, True))
