"""What `--help` says, in the person's language: the English of the code, or the Chinese that stands for it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from .language import language


def help_text(text: str, lang: str | None = None) -> str:
    """A paragraph, an option's or a command's line of `--help`; one that has no translation stays as it is."""
    if (lang or language()) != "zh":
        return text
    return _chinese().get(" ".join(text.split()), text)


@lru_cache
def _chinese() -> Mapping[str, str]:
    from .chinese.help_commands import COMMANDS
    from .chinese.help_options import OPTIONS
    from .chinese.help_pages import PAGES

    return {**COMMANDS, **PAGES, **OPTIONS}
