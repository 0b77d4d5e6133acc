"""Jobs that belong together, pipelines and sweeps: their words and signs, and what their screens share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from .page import Page
from .text import Span, phrase, sign, state_word
from .widgets.dialogs import Confirm

if TYPE_CHECKING:
    from lt_controller.client import Client

#: Words that no job's state has: which phrase says them, and which state's sign they bear.
_OWN = {
    "ready": ("stage_is_ready", "waiting"),
    "pending": ("stage_is_pending", "queued"),
    "blocked": ("stage_is_blocked", "queued"),
    "refused": ("stage_is_refused", "failed"),
    "stopped": ("stage_is_stopped", "cancelled"),
    "done": ("sweep_done", "succeeded"),
    "pruned": ("sweep_pruned", "cancelled"),
    "pruning": ("sweep_pruning", "stopping"),
    "resuming": ("sweep_resuming", "queued"),
    "planned": ("sweep_planned", "queued"),
}


def sign_of(code: str) -> Span:
    """The sign of a stage's, a trial's or a group's state, in its colour."""
    return sign(_OWN[code][1] if code in _OWN else code)


def word(code: str) -> tuple[Span, ...]:
    """The same with its word."""
    mark, colour = sign_of(code)
    return ((f"{mark} {phrase(_OWN[code][0]) if code in _OWN else state_word(code)}", colour),)


class GroupPage(Page):
    """A screen of groups: read again every few seconds, since not each of their tables tells of news."""

    TOPICS: ClassVar[frozenset[str]] = frozenset({"jobs", "metrics"})
    PAUSE = 1.0
    EVERY = 0
    AGAIN = 3.0

    def sure(self, question: Confirm, deed: Callable[[Client], Any], told: str) -> None:
        """As `do`, after a yes."""

        def answered(yes: bool | None) -> None:
            if yes:
                self.do(deed, told)

        self.app.push_screen(question, answered)
