"""A Textual app's screen as text, and waiting for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console


def picture(app: Any) -> list[str]:
    """What the screen shows, as lines of text.

    The app's own picture is an SVG, drawn in twelve times as long as its text: the console is asked for that instead.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Console, "export_svg", lambda console, **_: console.export_text())
        return [line.rstrip() for line in app.export_screenshot().splitlines()]


def shown(app: Any) -> str:
    """All of it as one text."""
    return "\n".join(picture(app))


def notices(app: Any) -> list[str]:
    """What the toasts on the screen say, not broken into their narrow lines."""
    return [str(toast.render()) for toast in app.screen.query("Toast") if toast.region.height]


async def settled(pilot: Any, check: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Waits until `check` holds, while the app goes on. Raises AssertionError with the picture."""
    deadline = time.monotonic() + seconds
    while not (value := check()):
        if time.monotonic() > deadline:
            raise AssertionError(f"never came: {check}\n{shown(pilot.app)}")
        await pilot.pause(0.02)
    return value
