"""`python -m lt_tui.screenshots HOME FOLDER`: the screens of an LT_HOME as SVG, with no font linked from outside."""

from __future__ import annotations

import argparse
import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import glyphs, i18n
from .app import LtApp
from .places import Place

_FONT_FACE = re.compile(r"@font-face\s*\{[^}]*\}\s*")
_NAMES = re.compile(r"terminal-\d+")
_WAIT_SECONDS = 60.0
_STILL_SECONDS = 1.0  # without a change: then the picture is taken
#: name → (place, keys pressed there)
SHOTS: dict[str, tuple[Place, tuple[str, ...]]] = {
    "fleet": (Place("fleet"), ()),
    "host": (Place("host", "a100"), ()),
    "processes": (Place("host", "a100"), ("2",)),
    "history": (Place("host", "a100"), ("6", "b")),
    "cost": (Place("cost"), ()),
    "job": (Place("job", "qwen-sft-00"), ("S", "S")),
    "log": (Place("job", "qwen-sft-00"), ("2", "T")),
    "checkpoints": (Place("job", "qwen-sft-00"), ("4",)),
    "submit": (Place("submit"), ()),
    "run": (Place("run"), ()),
    "queue": (Place("queue"), ()),
    "pipeline": (Place("pipeline", "sft-eval"), ()),
    "sweep": (Place("sweep", "lr-search"), ()),
    "welcome": (Place("welcome"), ()),
}
CHINESE = ("fleet", "job")  # these in Chinese, too
Prepare = Callable[[Any], None]


def main() -> None:
    """Reads the arguments and takes every picture."""
    parser = argparse.ArgumentParser(prog="python -m lt_tui.screenshots", description=__doc__)
    parser.add_argument("home", type=Path, help="an LT_HOME; python -m benchmarks.sample_fleet makes one to show")
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--size", default="120x34", help="columns x rows")
    options = parser.parse_args()
    width, _x, height = options.size.partition("x")
    take_all(options.home, options.folder, (int(width), int(height)))


def take_all(home: Path, folder: Path, size: tuple[int, int], prepare: Prepare = lambda _page: None) -> None:
    """Writes `FOLDER/NAME.svg` and `NAME-zh.svg`; `prepare` may give a screen what no controller is there to tell."""
    folder.mkdir(parents=True, exist_ok=True)
    for language in ("en", "zh"):
        i18n.switch(language)
        for name, (place, keys) in SHOTS.items():
            if language == "en" or name in CHINESE:
                suffix = "" if language == "en" else f"-{language}"
                picture = asyncio.run(take(home, place, keys, size, prepare))
                (folder / f"{name}{suffix}.svg").write_text(picture, encoding="utf-8")


async def take(home: Path, place: Place, keys: tuple[str, ...], size: tuple[int, int], prepare: Prepare) -> str:
    """One screen as SVG, once it has come to rest."""
    glyphs.use("unicode")
    language = i18n.current()
    app = LtApp(home, keep_controller=False)
    i18n.switch(language)
    async with app.run_test(size=size) as pilot:
        await _until(pilot, lambda: app.pages[0].data is not None)
        app.go(place, fresh=True)
        page: Any = app.page
        if place.kind != "welcome":
            await _until(pilot, lambda: page.data is not None)
        prepare(page)
        await _rest(pilot)
        for key in keys:
            await pilot.press(key)
        await _rest(pilot)
        return plain(app.export_screenshot(title="lt"))


def plain(svg: str) -> str:
    """The picture with the reader's own monospaced font, and with names that are the same each time."""
    svg = _NAMES.sub("terminal", _FONT_FACE.sub("", svg))
    return svg.replace("Fira Code", "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas")


async def _rest(pilot: Any) -> None:
    seen, since = "", time.monotonic()
    deadline = since + _WAIT_SECONDS
    while time.monotonic() - since < _STILL_SECONDS and time.monotonic() < deadline:
        await pilot.pause(0.05)
        if (now := pilot.app.export_screenshot()) != seen:
            seen, since = now, time.monotonic()


async def _until(pilot: Any, check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while not check():
        if time.monotonic() > deadline:
            raise TimeoutError("the screen was not read")
        await pilot.pause(0.05)


if __name__ == "__main__":
    main()
