"""Colours by what they mean, from the theme in use. Widgets that draw lines by themselves take them from here."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rich.style import Style
from textual.color import Color
from textual.theme import Theme

from lt_controller.client.drawing import SERIES

if TYPE_CHECKING:
    from textual.app import App

__all__ = ["SERIES", "THEMES", "TONES", "style_of", "tone"]

#: Which meaning a state has.
TONES = {
    **dict.fromkeys(("running", "pulling", "staging", "preparing", "connecting"), "run"),
    **dict.fromkeys(("succeeded", "reachable", "pulled", "ok", "present"), "ok"),
    **dict.fromkeys(("failed", "lost", "refused", "bad"), "bad"),
    **dict.fromkeys(("unreachable", "paused", "stopping", "warn", "timed_out"), "warn"),
    **dict.fromkeys(("cancelled", "none", "unknown", "skipped", "rotated"), "dim"),
}

NIGHT = Theme(
    name="lab-night",
    primary="#7aa2f7",
    secondary="#6f7bb6",
    accent="#7dcfff",
    success="#9ece6a",
    warning="#e0af68",
    error="#f7768e",
    foreground="#c8d3f5",
    background="#11131c",
    surface="#171a26",
    panel="#1f2335",
)
DAY = Theme(
    name="lab-day",
    primary="#2e5aac",
    secondary="#5a6b8c",
    accent="#0b7285",
    success="#2b7a3d",
    warning="#9a5b00",
    error="#b3261e",
    foreground="#1d2430",
    background="#fbfbf8",
    surface="#f1f1ec",
    panel="#e6e6df",
    dark=False,
)
#: Red and green never stand against each other; blue and orange do.
COLOUR_BLIND = Theme(
    name="colour-blind",
    primary="#56b4e9",
    secondary="#8899aa",
    accent="#f0e442",
    success="#56b4e9",
    warning="#e69f00",
    error="#d55e00",
    foreground="#e8e8e8",
    background="#101214",
    surface="#17191c",
    panel="#212428",
)
THEMES = (NIGHT, DAY, COLOUR_BLIND)


def tone(state: str) -> str:
    """The meaning of a state: `ok`, `run`, `warn`, `bad`, `dim`, or nothing."""
    return TONES.get(state, "")


def style_of(app: App[Any], name: str) -> Style:
    """The style of a meaning; `a b` combines two."""
    variables = app.theme_variables
    key = (variables["foreground"], variables["background"])
    return _style(name, *key, *(variables[n] for n in ("success", "warning", "error", "accent", "primary", "panel")))


@lru_cache(maxsize=512)
def _style(
    name: str, fore: str, back: str, success: str, warning: str, error: str, accent: str, primary: str, panel: str
) -> Style:
    first, _, rest = name.partition(" ")
    if rest:
        names = (fore, back, success, warning, error, accent, primary, panel)
        return _style(first, *names) + _style(rest, *names)
    if first == "bold":
        return Style(bold=True)
    if first == "reverse":
        return Style(reverse=True)
    if first == "under":
        return Style(underline=True)
    if first.startswith("#"):
        return Style(color=first)
    base, paper = Color.parse(fore), Color.parse(back)
    if first == "dim":
        return Style(color=paper.blend(base, 0.55).hex6)
    if first == "faint":
        return Style(color=paper.blend(base, 0.28).hex6)
    if first in ("cursor", "cursor-idle"):
        share = 0.30 if first == "cursor" else 0.12
        return Style(bgcolor=paper.blend(Color.parse(primary), share).hex6)
    colours = {"ok": success, "warn": warning, "bad": error, "run": accent, "key": primary, "head": primary}
    return Style(color=Color.parse(colours[first]).hex6) if first in colours else Style()
