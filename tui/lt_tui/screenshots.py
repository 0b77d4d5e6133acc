"""`python -m lt_tui.screenshots HOME FOLDER`: the screens of an LT_HOME as SVG, with no font linked from outside."""

from __future__ import annotations

import argparse
import asyncio
import re
from pathlib import Path
from typing import Any

from . import glyphs, i18n
from .app import LtApp
from .places import Place

_FONT_FACE = re.compile(r"@font-face\s*\{[^}]*\}\s*")
_WAIT_SECONDS = 10.0
#: name → (place, keys pressed there)
SHOTS: dict[str, tuple[Place, tuple[str, ...]]] = {
    "fleet": (Place("fleet"), ()),
    "host": (Place("host", "a100"), ()),
    "job": (Place("job", "qwen-sft-00"), ("S", "S")),
    "log": (Place("job", "qwen-sft-00"), ("2",)),
    "checkpoints": (Place("job", "qwen-sft-00"), ("4",)),
    "submit": (Place("submit"), ()),
    "queue": (Place("queue"), ()),
    "welcome": (Place("welcome"), ()),
}


def main() -> None:
    """Reads the arguments and takes every picture, the fleet's in Chinese, too."""
    parser = argparse.ArgumentParser(prog="python -m lt_tui.screenshots", description=__doc__)
    parser.add_argument("home", type=Path, help="an LT_HOME; python -m benchmarks.sample_fleet makes one to show")
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--size", default="120x34", help="columns x rows")
    options = parser.parse_args()
    width, _x, height = options.size.partition("x")
    options.folder.mkdir(parents=True, exist_ok=True)
    for language in ("en", "zh"):
        i18n.switch(language)
        for name, (place, keys) in SHOTS.items():
            if language == "en" or name in ("fleet", "job"):
                suffix = "" if language == "en" else f"-{language}"
                picture = asyncio.run(take(options.home, place, keys, (int(width), int(height))))
                (options.folder / f"{name}{suffix}.svg").write_text(picture, encoding="utf-8")


async def take(home: Path, place: Place, keys: tuple[str, ...], size: tuple[int, int]) -> str:
    """One screen as SVG."""
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
        await pilot.pause(0.3)
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.3)
        return without_fonts(app.export_screenshot(title="lt"))


def without_fonts(svg: str) -> str:
    """The picture with the reader's own monospaced font."""
    return _FONT_FACE.sub("", svg).replace("Fira Code", "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas")


async def _until(pilot: Any, check: Any) -> None:
    for _beat in range(int(_WAIT_SECONDS / 0.05)):
        if check():
            return
        await pilot.pause(0.05)
    raise TimeoutError("the screen was not read")


if __name__ == "__main__":
    main()
