"""Values as a person reads them, in the language that is shown. Everything from a host leaves here safe."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, chop_cells

from lt_controller.client import clock as laptop
from lt_controller.client import words

from .glyphs import bar, glyphs, plainly
from .i18n import current
from .palette import tone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lt_controller.client import Job

#: A text with the name of its style (`palette.style_of`).
Span = tuple[str, str]
#: What stands in one cell of a table or one place of a line.
Cell = str | tuple[Span, ...]

STALE_SECONDS = 60.0  # samples come every ten seconds, facts when somebody looked

size = words.size
duration = words.duration


def safe(text: str | bytes | None, *, multiline: bool = False) -> str:
    """`text` as no terminal acts on it, in the signs that this one can draw."""
    clean = words.safe(text, multiline=multiline)
    return clean if glyphs().braille else plainly(clean)


def state_cell(code: str) -> Cell:
    """A state's sign and word in its colour."""
    return ((f"{glyphs().states.get(code, '·')} {words.state(code, current())}", tone(code)),)


def state_word(code: str) -> str:
    """A state's word."""
    return words.state(code, current())


def sign(code: str) -> Span:
    """A state's sign alone, in its colour."""
    return glyphs().states.get(code, " "), tone(code)


def why(job: Job) -> str:
    """Why a job rests, or what its host says of it."""
    if job.resting:
        return words.why(job.reason, job.message, job.exit_code, current())
    return words.waits(job.waits, job.place, current()) or safe(job.message)


def needs_secrets(job: Job) -> bool:
    """It waits until somebody gives it its secrets again."""
    return "needs_secret" in (job.reason, (job.waits or {}).get("code"))


def said(error: words.LtError | Mapping[str, Any]) -> words.Said:
    """An error in words."""
    return words.say(error, current())


def phrase(key: str, **params: Any) -> str:
    """One of the client's own phrases."""
    return words.phrase(key, current(), **params)


def event_text(code: str, params: Mapping[str, Any]) -> str:
    """An event in words."""
    return words.event(code, params, current())


def age(moment: datetime | None, now: datetime | None = None) -> float | None:
    """Seconds since a moment."""
    return ((now or laptop.now()) - moment).total_seconds() if moment else None


def ago(moment: datetime | None, now: datetime | None = None) -> str:
    """How long ago, in the two largest units."""
    past = age(moment, now)
    return duration(past) if past is not None else ""


def short_ago(moment: datetime | None, now: datetime | None = None) -> str:
    """How long ago, in one unit: for narrow columns."""
    past = age(moment, now)
    if past is None:
        return ""
    for unit, name in ((86400, "d"), (3600, "h"), (60, "m")):
        if past >= unit:
            return f"{int(past // unit)}{name}"
    return f"{max(0, int(past))}s"


def clock(moment: datetime | None) -> str:
    """Local date and time, to the second; today only the time."""
    if moment is None:
        return ""
    local = moment.astimezone()
    return local.strftime("%H:%M:%S" if local.date() == laptop.now().astimezone().date() else "%m-%d %H:%M:%S")


def number(value: float | None) -> str:
    """A metric in four digits."""
    return "" if value is None else f"{value:.4g}"


def progress_cell(job: Job, width: int) -> Cell:
    """`step/total` behind a bar; without a total the step alone."""
    if job.total_steps:
        share = (job.step or 0) / job.total_steps
        full, empty = bar(share, max(3, width - 6))
        colour = tone(job.state) or "run"
        return ((full, colour), (empty, "faint"), (f" {share:4.0%}", "" if job.state == "running" else "dim"))
    return str(job.step) if job.step is not None else ""


def steps(job: Job) -> str:
    """`step/total`."""
    if job.total_steps:
        return f"{job.step or 0}/{job.total_steps}"
    return "" if job.step is None else str(job.step)


def padded(text: str, width: int) -> str:
    """`text` with spaces up to `width` cells: a Chinese word of two letters has four."""
    return text + " " * max(0, width - cell_len(text))


def path_text(path: str | Path | None) -> str:
    """A path of the laptop, what lies in the person's own folder from `~` on."""
    if path is None:
        return ""
    text, own = str(path), str(Path.home())
    return "~" + text[len(own) :] if text == own or text.startswith(own + os.sep) else text


def plain(cell: Cell) -> str:
    """A cell's text alone."""
    return cell if isinstance(cell, str) else "".join(text for text, _style in cell)


def wrapped(text: str, width: int) -> list[str]:
    """Words in lines of at most `width` cells; what is longer without a space, as Chinese is, is cut."""
    lines, line = [], ""
    for word in text.split():
        for part in chop_cells(word, max(2, width)) if cell_len(word) > width else [word]:
            if line and cell_len(line) + 1 + cell_len(part) > width:
                lines.append(line)
                line = part
            else:
                line = f"{line} {part}" if line else part
    return [*lines, line] if line else lines
