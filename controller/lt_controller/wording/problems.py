"""What is wrong with a recipe or its data, and what its keys are for, in the person's language.

`lt_recipes` writes whole English sentences, since it stands alone. Another language has a table of their patterns; a
sentence that is not in it stays English. Nothing is decided by it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from string import Formatter
from typing import Any

from .language import language

_TOLD = re.compile(r"(.+?(?::\d+)?): (.+?)(?: \((.+)\))?", re.DOTALL)


def problem_text(problem: Mapping[str, Any], lang: str | None = None) -> str:
    """`file:line: key: what is wrong (what to do)` of a problem with these fields, or its own `text`."""
    lang = lang or language()
    message = problem.get("message")
    if "text" in problem and (lang == "en" or not isinstance(message, str)):
        return str(problem["text"])
    file, line, key, hint = (problem.get(name) for name in ("file", "line", "key", "hint"))
    place = ":".join(str(part) for part in (file, line) if part)
    what = sentence(str(message), lang)
    parts = [part for part in (place, str(key or ""), what) if part]
    return ": ".join(parts) + (f" ({sentence(str(hint), lang)})" if hint else "")


def told(text: str, lang: str | None = None) -> str:
    """A problem that is one text already: `file:line: what is wrong (what to do)`."""
    lang = lang or language()
    found = _TOLD.fullmatch(text) if lang != "en" else None
    if found is None:
        return text
    place, what, hint = found.groups()
    return f"{place}: {sentence(what, lang)}" + (f" ({sentence(hint, lang)})" if hint else "")


def sentence(text: str, lang: str) -> str:
    """`text` in `lang`; what is between its fixed words stays, but for words that have a translation of their own."""
    table = _table(lang)
    if text in table:
        return table[text]
    for pattern, target in _patterns(lang):
        found = pattern.fullmatch(text)
        if found is not None:
            values = [table.get(value, sentence(value, lang) if ": " in target else value) for value in found.groups()]
            return _filled(target, values)
    return text


def field_doc(text: str, lang: str | None = None) -> str:
    """What a recipe's key is for: the schema's own English sentence, or its counterpart."""
    return text if (lang or language()) == "en" else _field_docs().get(text, text)


@lru_cache
def _field_docs() -> Mapping[str, str]:
    from .chinese import method_fields, recipe_fields

    return {**recipe_fields.FIELDS, **method_fields.FIELDS}


@lru_cache
def _table(lang: str) -> Mapping[str, str]:
    if lang != "zh":
        return {}
    found: dict[str, str] = {}
    for topic in ("recipe_problems", "recipe_refused", "pipeline_problems", "sweep_problems"):
        found |= import_module(f".chinese.{topic}", __package__).SENTENCES
    return found


@lru_cache
def _patterns(lang: str) -> list[tuple[re.Pattern[str], str]]:
    """The sentences with values in them, those with the most fixed words first."""
    found = sorted((key for key in _table(lang) if "{}" in key), key=lambda key: -len(key.replace("{}", "")))
    return [
        (re.compile("(.+?)".join(re.escape(part) for part in key.split("{}")), re.DOTALL), _table(lang)[key])
        for key in found
    ]


def _filled(target: str, values: list[str]) -> str:
    parts, number = [], 0
    for literal, name, _, _ in Formatter().parse(target):
        parts.append(literal)
        if name is not None:
            parts.append(values[int(name) if name else number])
            number += 1
    return "".join(parts)
