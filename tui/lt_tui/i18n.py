"""The language of the screen: gettext catalogues (`locale/<language>/LC_MESSAGES/lt_tui.po`), read as they are.

English is what stands in the code. `_` marks a text and translates it at the moment it is shown, so that the language
can be switched while the app runs.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from lt_controller.client.words import LANGUAGES, language

_LOCALE = Path(__file__).with_name("locale")


class _Current:
    """The language that is shown now."""

    code = language()


def current() -> str:
    """`en` or `zh`."""
    return _Current.code


def switch(code: str) -> None:
    """Shows another language from now on. Raises ValueError for one that is not there."""
    if code not in LANGUAGES:
        raise ValueError(code)
    _Current.code = code


def _(text: str, **values: object) -> str:
    """`text` in the current language, with its `{fields}` filled in."""
    told = text if _Current.code == "en" else catalogue(_Current.code).get(text, text)
    return told.format(**values) if values else told


def N_(text: str) -> str:
    """Marks a text that is translated later, where it is shown."""
    return text


@cache
def catalogue(code: str) -> dict[str, str]:
    """English → `code`. A text without a translation is absent."""
    path = _LOCALE / code / "LC_MESSAGES" / "lt_tui.po"
    return parse_po(path.read_text(encoding="utf-8")) if path.is_file() else {}


def parse_po(source: str) -> dict[str, str]:
    """The messages of a catalogue. Of the format: comments, `msgid`, `msgstr` and continued lines; no plural forms."""
    found: dict[str, str] = {}
    parts: dict[str, str] = {}
    keyword = ""
    for line in [*source.splitlines(), 'msgid ""']:
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith(("msgid ", "msgstr ")):
            keyword, _, line = line.partition(" ")
            if keyword == "msgid":
                if parts.get("msgid") and parts.get("msgstr"):
                    found[parts["msgid"]] = parts["msgstr"]
                parts = {}
            parts[keyword] = ""
        parts[keyword] = parts.get(keyword, "") + str(ast.literal_eval(line))
    return found
