"""`/`: words that a line must match, all of them.

`loss` is a regular expression, `!x` its inverse, `state:failed` a column, `host:a*` a column by pattern.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

#: What a filter asks of a line: a column's text by its name, None where there is no such column.
Field = Callable[[str], str | None]


@dataclass(frozen=True)
class Filter:
    """A filter as it was typed, taken apart once."""

    text: str
    terms: tuple[tuple[bool, str, str | re.Pattern[str]], ...] = ()  # (inverse, column, pattern)

    def matches(self, whole: Callable[[], str], field: Field) -> bool:
        """Whether a line passes; `whole` is its text, asked for only if it is needed."""
        for inverse, column, pattern in self.terms:
            if isinstance(pattern, str):
                value = field(column)
                hit = value is not None and fnmatchcase(value.casefold(), pattern)
            else:
                hit = pattern.search(whole()) is not None
            if hit == inverse:
                return False
        return True


def parse(text: str, columns: tuple[str, ...] = ()) -> Filter:
    """The filter that `text` means. A word before `:` counts as a column only if it is one of `columns`.

    Raises re.error for a wrong regular expression.
    """
    terms: list[tuple[bool, str, str | re.Pattern[str]]] = []
    for word in text.split():
        inverse = word.startswith("!") and len(word) > 1
        word = word[1:] if inverse else word
        column, colon, rest = word.partition(":")
        if colon and column.casefold() in columns and rest:
            pattern = rest.casefold()
            # `state:fail` finds `failed`: a bare word means how it begins.
            terms.append((inverse, column.casefold(), pattern if any(c in pattern for c in "*?[") else pattern + "*"))
        else:
            flags = re.IGNORECASE if word == word.lower() else 0
            terms.append((inverse, "", re.compile(word, flags)))
    return Filter(text, tuple(terms))
