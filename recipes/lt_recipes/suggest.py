"""The nearest known word, for people who mistype."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be, or None."""
    by_lower = {name.lower(): name for name in known}
    plain = word.lower().replace("-", "_")
    for candidate in (word.lower(), plain):
        if candidate in by_lower:
            return by_lower[candidate]
    matches = get_close_matches(plain, by_lower, n=1, cutoff=0.65)
    return by_lower[matches[0]] if matches else None
