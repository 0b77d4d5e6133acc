"""What is said: notices in words, in one language, safe to show. Pure."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..display import safe
from ..store.notices import Notice
from ..store.times import epoch
from ..wording import event, phrase, why
from ..wording.say import duration
from ..wording.say import state as state_word

LONGEST_TITLE = 200  # characters
LONGEST_TEXT = 2000
OLD_NEWS = 300.0  # seconds after which it is said how long ago something was
NAMED = 10  # things that a summary names
LISTED = 50  # things that a summary lists for programs
_WORST_FIRST = ("lost", "failed", "stall", "unreachable", "lease", "retry", "sign", "stopped", "succeeded")


@dataclass(frozen=True)
class Message:
    """A title and lines, and for programs the same as data. No line has a line break in it."""

    kind: str  # of the worst thing it tells, or `test`
    title: str
    lines: tuple[str, ...] = ()
    data: dict[str, Any] | None = None

    @property
    def text(self) -> str:
        """All of it."""
        return _short("\n".join((self.title, *self.lines)), LONGEST_TEXT)


def compose(notices: Sequence[Notice], laptop: str, lang: str | None = None, at: float | None = None) -> Message:
    """One message that tells of one thing, or sums several up. `at`: seconds since the epoch, else now."""
    moment = time.time() if at is None else at
    ordered = sorted(notices, key=lambda notice: (_rank(notice.kind), notice.id))
    titles = [_title(notice, lang, moment) for notice in ordered]
    if len(notices) == 1:
        title, lines = titles[0], _lines(ordered[0], lang)
    else:
        counts = Counter(notice.kind for notice in ordered)
        told = [f"{number} {phrase(f'notify_kind_{kind}', lang)}" for kind, number in counts.items()]
        title, lines = phrase("notify_many", lang, count=len(notices), told=told), tuple(titles[:NAMED])
        if len(titles) > NAMED:
            lines += (phrase("notify_more", lang, count=len(titles) - NAMED),)
    events = [_data(notice, said, moment) for notice, said in zip(ordered, titles, strict=True)]
    data = _envelope(ordered[0].kind, title, lines, laptop) | {"count": len(events), "events": events[:LISTED]}
    return Message(ordered[0].kind, _short(title, LONGEST_TITLE), lines, data)


def test_message(channel: str, laptop: str, lang: str | None = None) -> Message:
    """What `lt notify test` sends."""
    title, lines = (
        phrase("notify_test_title", lang),
        (phrase("notify_test_text", lang, channel=channel, laptop=laptop),),
    )
    return Message("test", title, lines, _envelope("test", title, lines, laptop) | {"count": 0, "events": []})


def _title(notice: Notice, lang: str | None, moment: float) -> str:
    try:
        return _short(_said(notice, lang, moment), LONGEST_TITLE)
    except Exception:  # hosts say what they like: what can't be put into words hurts no other notice
        words = [safe(word) for word in (notice.code.replace("_", " "), notice.job, notice.host) if word]
        return _short(f"lt: {' · '.join(words)}", LONGEST_TITLE)


def _said(notice: Notice, lang: str | None, moment: float) -> str:
    params = {**notice.params, "job": notice.job, "host": notice.host}
    if notice.kind in ("succeeded", "failed", "stopped", "lost", "retry"):
        params["why"] = why(_text(params.get("reason")), _text(params.get("message")), params.get("exit_code"), lang)
        if notice.kind in ("succeeded", "stopped"):
            params["why"] = ""
        params["state"] = state_word(notice.code, lang)
    elif notice.code not in (notice.kind, "lease"):  # an event of a job
        params["what"] = event(notice.code, notice.params, lang)
    elif notice.kind == "unreachable":
        params["state"] = state_word(str(params.get("state")), lang)
    said = phrase("notify_event" if "what" in params else f"notify_{notice.kind}", lang, **params)
    age = moment - epoch(notice.time)
    # Of a lease and of a host that is away the sentence itself has the time.
    if age > OLD_NEWS and notice.kind not in ("lease", "unreachable"):
        said += phrase("notify_ago", lang, age=age)
    return said


def _lines(notice: Notice, lang: str | None) -> tuple[str, ...]:
    try:
        return _details(notice, lang)
    except Exception:  # as above
        return ()


def _details(notice: Notice, lang: str | None) -> tuple[str, ...]:
    lines = []
    if notice.job:
        params = notice.params
        took = duration(params["seconds"]) if isinstance(params.get("seconds"), (int, float)) else None
        lines.append(
            phrase(
                "notify_details",
                lang,
                recipe=safe(_recipe(notice))[:80],
                took=took,
                step=params.get("step"),
                total=params.get("total"),
                attempt=notice.attempt if notice.attempt > 1 else None,
            )
        )
        lines.append(phrase("notify_look", lang, job=notice.job))
    elif notice.kind == "lease":
        lines.append(phrase("notify_look_lease", lang, host=notice.host))
    elif notice.kind == "unreachable":
        lines.append(phrase("notify_look_host", lang, host=notice.host))
    return tuple(line for line in lines if line)


def _data(notice: Notice, said: str, moment: float) -> dict[str, Any]:
    return {
        "kind": notice.kind,
        "code": notice.code,
        "text": said,
        "time": notice.time,
        "age_seconds": round(max(0.0, moment - epoch(notice.time))),
        "job": notice.job or None,
        "id": notice.job_id or None,
        "attempt": notice.attempt or None,
        "host": notice.host or None,
        "recipe": _recipe(notice) or None,
        "params": _as_json(notice.params),
    }


def _as_json(value: Any) -> Any:
    """JSON knows no NaN and no infinity, and a service may refuse all of a message with one in it."""
    if isinstance(value, dict):
        return {key: _as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _recipe(notice: Notice) -> str:
    """A recipe's name, or a command with what looks like a secret masked: a group of people reads it."""
    from ..client.acts import command_line

    return command_line(notice.recipe.split(" ")) if " " in notice.recipe else notice.recipe


def _envelope(kind: str, title: str, lines: Sequence[str], laptop: str) -> dict[str, Any]:
    return {"version": 1, "from": laptop, "kind": kind, "title": title, "text": "\n".join((title, *lines))}


def _rank(kind: str) -> int:
    return _WORST_FIRST.index(kind) if kind in _WORST_FIRST else len(_WORST_FIRST)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
