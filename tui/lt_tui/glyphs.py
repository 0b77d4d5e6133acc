"""Signs: one set for terminals that have them, one of ASCII for those that lack them or draw them two cells wide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Glyphs:
    """Each state has a sign of its own, so that colour is never the only difference."""

    states: dict[str, str]
    bars: str  # from empty to full, for sparklines and GPU bars
    full: str
    empty: str
    mark: str
    cut: str
    sep: str
    up: str
    down: str
    dot: str
    arrow: str
    braille: bool
    rule: str
    corner: str
    axis: str


UNICODE = Glyphs(
    states={
        "queued": "◌",
        "staging": "⇡",
        "waiting": "◔",
        "preparing": "◑",
        "running": "●",
        "stopping": "◗",
        "paused": "‖",
        "succeeded": "✓",
        "failed": "✗",
        "cancelled": "⊘",
        "timed_out": "⊗",
        "lost": "?",
        "reachable": "●",
        "unreachable": "✗",
        "refused": "⊘",
        "connecting": "◌",
        "unknown": "·",
        "none": "·",
        "pending": "◌",
        "pulling": "⇣",
        "pulled": "✓",
        "skipped": "–",
        "present": "●",
        "rotated": "–",
        "ok": "✓",
        "warn": "!",
        "bad": "✗",
    },
    bars=" ▁▂▃▄▅▆▇█",
    full="━",
    empty="─",
    mark="▌",
    cut="…",
    sep="›",
    up="▲",
    down="▼",
    dot="·",
    arrow="→",
    braille=True,
    rule="─",
    corner="└",
    axis="┤",
)
ASCII = Glyphs(
    states={
        "queued": "o",
        "staging": "^",
        "waiting": "w",
        "preparing": "p",
        "running": "*",
        "stopping": "s",
        "paused": "=",
        "succeeded": "+",
        "failed": "x",
        "cancelled": "/",
        "timed_out": "t",
        "lost": "?",
        "reachable": "*",
        "unreachable": "x",
        "refused": "/",
        "connecting": "o",
        "unknown": ".",
        "none": ".",
        "pending": "o",
        "pulling": "v",
        "pulled": "+",
        "skipped": "-",
        "present": "*",
        "rotated": "-",
        "ok": "+",
        "warn": "!",
        "bad": "x",
    },
    bars=" .:-=+*#@",
    full="=",
    empty="-",
    mark=">",
    cut="~",
    sep=">",
    up="^",
    down="v",
    dot=".",
    arrow="->",
    braille=False,
    rule="-",
    corner="+",
    axis="|",
)


#: What else terminals lack or draw two cells wide, and what stands for it: a cell each, so that lines keep their width.
_PLAIN = str.maketrans(
    "…·•→←↑↓–—−×÷±°‘’“”≤≥≈≠│─├┤┬┴┼╰╯╭╮└┘┌┐━┃█▌λμ§",
    "~..><^v---x/+ ''\"\"<>~!|-+++++++++++++=|#>lu#",
)


_KEYS = {"⏎": "enter", "↑": "up", "↓": "down", "←": "left", "→": "right", "⌫": "backspace", "⇥": "tab", "␣": "space"}


class _Current:
    """The set in use."""

    glyphs = UNICODE


def glyphs() -> Glyphs:
    """The set in use."""
    return _Current.glyphs


def use(name: str) -> None:
    """`unicode` or `ascii`. Raises KeyError for another."""
    _Current.glyphs = {"unicode": UNICODE, "ascii": ASCII}[name]


def key_name(shown: str) -> str:
    """A key's sign as a word, where the terminal lacks the sign."""
    return _KEYS.get(shown, plainly(shown))


def plainly(text: str) -> str:
    """`text` without signs that such a terminal draws otherwise than others do."""
    return text if text.isascii() else text.translate(_PLAIN)


def levels(values: Sequence[float | None]) -> str:
    """A sign for each value between 0 and 100; a blank where there is none."""
    bars = glyphs().bars[1:]
    last = len(bars) - 1
    return "".join(" " if v is None else bars[min(last, int(max(0.0, v) / 100 * len(bars)))] for v in values)


def sparkline(values: Sequence[float], width: int, low: float | None = None, high: float | None = None) -> str:
    """The latest values, one sign each; between their own lowest and highest unless those are given."""
    shown = list(values)[-width:]
    if not shown:
        return ""
    bars = glyphs().bars[1:]
    least = min(shown) if low is None else low
    most = max(shown) if high is None else high
    span = (most - least) or 1.0
    return "".join(bars[round(min(1.0, max(0.0, (v - least) / span)) * (len(bars) - 1))] for v in shown)


def bar(share: float, width: int) -> tuple[str, str]:
    """A horizontal bar as its full and its empty part."""
    full = round(min(1.0, max(0.0, share)) * width)
    return glyphs().full * full, glyphs().empty * (width - full)
