"""Words and safe text for whoever shows things: the terminal UI takes them from here, with all else it knows of lt."""

from __future__ import annotations

from lt_agent.protocol import states
from lt_agent.protocol.errors import LtError

from ..display import Cleaner, safe
from ..wording import Said, check, event, language, phrase, ranking, say, state, waits, why
from ..wording.language import LANGUAGES
from ..wording.machine import machine
from ..wording.problems import field_doc, problem_text
from ..wording.say import duration, size

#: Job states in the order of a job's life.
STATES: tuple[str, ...] = tuple(states.STATES)


def problem(message: str, hint: str, lang: str) -> str:
    """What is wrong with a recipe, and what to do about it, in a person's language."""
    return problem_text({"message": message, "hint": hint}, lang)


__all__ = [
    "LANGUAGES",
    "STATES",
    "Cleaner",
    "LtError",
    "Said",
    "check",
    "duration",
    "event",
    "field_doc",
    "language",
    "machine",
    "phrase",
    "problem",
    "ranking",
    "safe",
    "say",
    "size",
    "state",
    "waits",
    "why",
]
