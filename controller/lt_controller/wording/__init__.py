"""Sentences for codes: errors, events, states and reasons are stored as codes with parameters and worded at display.

`LT_LANG=en|zh` sets the language; without it the locale does, and English is the rest.
"""

from .exits import exit_code
from .language import language
from .ranking import placed, ranking
from .say import Said, check, event, phrase, say, state, waits, why

__all__ = [
    "Said",
    "check",
    "event",
    "exit_code",
    "language",
    "phrase",
    "placed",
    "ranking",
    "say",
    "state",
    "waits",
    "why",
]
