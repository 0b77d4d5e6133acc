"""From a code with parameters to a sentence that is safe to print."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from string import Formatter
from typing import Any

from lt_agent.protocol.errors import LtError, error_from_dict

from ..display import safe
from .catalogue import Catalogue
from .language import language
from .ranking import placed, ranking

_LONGEST = 1e15  # seconds
_LARGEST = 1e18  # bytes: file systems of many hosts have more than 1e15
_FOLDERS = {"en": "english", "zh": "chinese"}
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_TWO_STOPS = re.compile(r"(?<![.])([.。])[.。]$")  # a value that is a sentence already
_SHELL = re.compile(r"[$`;|&<>()\\\"']")
_FIELD = re.compile(r"\{(\w+)")


@dataclass(frozen=True)
class Said:
    """An error in words: what happened, details a line each, and the next command to type."""

    message: str
    next: str = ""
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [self.message, *("  " + line for line in self.details)]
        return "\n".join(lines + ([f"→ {self.next}"] if self.next else []))


def say(error: LtError | Mapping[str, Any], lang: str | None = None) -> Said:
    """The error in words. One without a wording (a newer host's) is shown as it is, readably."""
    if not isinstance(error, LtError):
        error = error_from_dict(dict(error))
    lang = lang or language()
    found = _catalogue(lang).ERRORS.get(error.code)
    if found is None:
        rest = ", ".join(f"{key}: {_shown(value)}" for key, value in error.params.items())
        return Said(safe(error.code.replace("_", " ")) + (f" ({rest})" if rest else ""))
    params = {**error.params}
    for key in ("why", "where"):
        if isinstance(params.get(key), str):
            params[key] = reason(params[key], lang)
    details, hint = _details(params, lang), found[1]
    if params.get("adding"):  # the host is not in the inventory, so no command may name it as if it were
        details.append(phrase("not_added", lang, host=params.get("host")))
        hint = _catalogue(lang).ADDING.get(error.code, _catalogue(lang).ADDING[""])
    return Said(fill(found[0], params), _Hint().vformat(_chosen(hint, params), (), params), tuple(details))


def state(word: str, lang: str | None = None) -> str:
    """A job's, pull's or host's state."""
    return str(_catalogue(lang).WORDS.get(word, safe(word)))


def reason(code: str, lang: str | None = None) -> str:
    """The words for a code that says why; anything else is shown as it is."""
    return str(_catalogue(lang).WHYS.get(code, safe(code)))


def why(reason: str | None, message: str | None = None, exit_code: int | None = None, lang: str | None = None) -> str:
    """Why a job ended: its typed reason, with the worker's own word. An error that ended it is told as such."""
    if message and message.startswith("{"):
        try:
            stored = json.loads(message)
        except (ValueError, RecursionError):
            stored = None
        if isinstance(stored, dict) and "code" in stored:
            return say(stored, lang).message
    told = _catalogue(lang).REASONS.get(reason or "", safe((reason or "").replace("_", " ")))
    word = safe(message)
    if reason == "exit_code" and exit_code is not None:
        told += f" {exit_code}"
    return f"{told}: {word}" if told and word else told or word


def waits(value: Mapping[str, Any] | None, place: int | None = None, lang: str | None = None) -> str:
    """Why a job waits (`Job.waits`), and its place in line where it has one; "" for a job that does not wait."""
    if not isinstance(value, Mapping) or not isinstance(value.get("code"), str):
        return ""
    params = value.get("params")
    params = dict(params) if isinstance(params, Mapping) else {}
    if isinstance(params.get("at"), (int, float)):
        params["left"] = max(0.0, params["at"] - time.time())
    if isinstance(params.get("reason"), str):
        params["reason"] = why(params["reason"], lang=lang)
    told = _catalogue(lang).WAITS.get(value["code"])
    words = fill(told, params) if told is not None else safe(value["code"].replace("_", " "))
    return f"#{place} {words}" if place is not None else words


def event(code: str, params: Mapping[str, Any], lang: str | None = None) -> str:
    """Something that happened to a job."""
    lang = lang or language()
    catalogue = _catalogue(lang)
    if code == "state":
        told = state(str(params.get("state", "?")), lang)
        reason = why(str(params["reason"]), None, params.get("exit_code"), lang) if params.get("reason") else ""
        return f"{told} ({reason})" if reason and reason != told else told
    if code in ("error", "note", "ended_before_start") and "code" in params:
        return say(dict(params), lang).message
    if code == "env":
        code = f"env_{params.get('state')}"
    if code == "placed" and isinstance(params.get("ranking"), list):
        return placed(params["ranking"], lang)
    if code in catalogue.EVENTS:
        return fill(catalogue.EVENTS[code], params)
    if code in catalogue.ERRORS:
        return say(LtError(code, **{k: v for k, v in params.items() if k != "code"}), lang).message
    rest = ", ".join(f"{key}: {_shown(value)}" for key, value in params.items())
    return safe(code.replace("_", " ")) + (f" ({rest})" if rest else "")


def check(code: str, params: Mapping[str, Any], finding: str, remedy: str, lang: str | None = None) -> tuple[str, str]:
    """A finding of `lt host check` and what to do; `finding` and `remedy` are the check's own (English) words."""
    found = _catalogue(lang).CHECKS.get(code)
    if found is None:
        return safe(finding), safe(remedy)
    fields = {**params, "finding": finding, "remedy": remedy}
    return fill(found[0], fields), fill(found[1], fields) if remedy else ""


def phrase(key: str, lang: str | None = None, **params: Any) -> str:
    """A line of lt's own. Raises KeyError for an unknown key."""
    return fill(_catalogue(lang).PHRASES[key], params)


def fill(template: str, params: Mapping[str, Any]) -> str:
    """`template` with its `{fields}`. A part in `[brackets]` falls away if one of its fields is missing or empty."""

    text = _Filler().vformat(_chosen(template, params), (), params)
    return _TWO_STOPS.sub(r"\1", text)


def _chosen(template: str, params: Mapping[str, Any]) -> str:
    """`template` without the optional parts whose fields are not there."""

    def part(match: re.Match[str]) -> str:
        names = _FIELD.findall(match.group(1))
        if not names:  # brackets of a command or of a recipe: labtrain[train], secrets: [NAME]
            return match.group(0)
        return match.group(1) if all(params.get(name) not in (None, "", [], ()) for name in names) else ""

    return _OPTIONAL.sub(part, template)


def _catalogue(lang: str | None) -> Catalogue:
    """The sentences of a language; the other one is not even loaded."""
    found: Catalogue = import_module(f".{_FOLDERS[lang or language()]}", __package__).CATALOGUE
    return found


class _Filler(Formatter):
    """Fields made safe to print. A missing one is a question mark: a half-known error is better told than not."""

    def get_value(self, key: int | str, args: Any, kwargs: Mapping[str, Any]) -> Any:
        return kwargs.get(str(key), "?")

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec == "size":
            return size(value)
        if format_spec == "time":
            return duration(value)
        if format_spec == "files":
            return f"{_shown(value)} file" + ("" if value == 1 else "s")
        if format_spec and isinstance(value, (int, float)):
            return format(value, format_spec) if _sane(value, _LARGEST) else "?"
        return _shown(value)


class _Hint(_Filler):
    """As above for a command to type: a missing field is a placeholder, as in `lt logs JOB`.

    What a shell would act on is quoted: hosts name jobs and files, and people copy what stands here.
    """

    def get_value(self, key: int | str, args: Any, kwargs: Mapping[str, Any]) -> Any:
        return kwargs.get(str(key)) or str(key).upper()

    def format_field(self, value: Any, format_spec: str) -> str:
        text = super().format_field(value, format_spec)
        return shlex.quote(text) if _SHELL.search(text) else text


def size(value: Any) -> str:
    """Bytes for people: `1.4 GiB`; `?` for what can be none."""
    if not _sane(value, _LARGEST):
        return "?"
    number = float(value)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(number) < 1024 or unit == "TiB":
            break
        number /= 1024
    return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"


def duration(seconds: Any) -> str:
    """Seconds for people: `45s`, `3m 20s`, `2h 05m`, `3d 4h`; `?` for what can be none."""
    if not _sane(seconds, _LONGEST):
        return "?"
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d {whole % 86400 // 3600}h"


def _sane(value: Any, most: float) -> bool:
    """Whether it is a number up to `most`: hosts also say NaN, and integers that no float holds."""
    return isinstance(value, (int, float)) and -most <= value <= most


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(_shown(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{safe(str(key))} {_shown(item)}" for key, item in value.items())
    if isinstance(value, float):
        return f"{value:g}"
    return safe(str(value)).strip()


def _details(params: Mapping[str, Any], lang: str) -> list[str]:
    """The lists that some errors carry, a line for each entry."""
    lines = [_problem(problem, lang) for problem in _listed(params, "problems")]
    for entry in _listed(params, "biggest"):
        if isinstance(entry, Mapping):
            lines.append(fill(_catalogue(lang).PHRASES["big_entry"], entry))
    lines += ranking([entry for entry in _listed(params, "ranking") if isinstance(entry, Mapping)], lang)
    return lines


def _listed(params: Mapping[str, Any], key: str) -> list[Any]:
    """A list among the parameters; hosts may have put anything in its place."""
    value = params.get(key)
    return list(value) if isinstance(value, (list, tuple)) else []


def _problem(problem: Any, lang: str) -> str:
    from .problems import problem_text, told

    return safe(problem_text(problem, lang) if isinstance(problem, Mapping) else told(str(problem), lang))
