"""Every screen as it was when somebody last looked at it, in both languages and two sizes.

The pictures are text and lie in `pictures/`, so that a review shows what a change does to a screen. They hold no
colour: nothing may be told by colour alone. `make pictures` writes them anew.
"""

from __future__ import annotations

import difflib
import os
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from benchmarks.sample_fleet import SampleFleet
from benchmarks.sample_groups import add_groups
from textual.screen import ModalScreen

from lt_controller.client import Client, clock
from lt_controller.client.recipes import RecipeField, RecipeInfo, RecipeProblem
from lt_tui import i18n
from lt_tui.app import LtApp
from lt_tui.places import Place
from lt_tui.screens.host.screen import HostScreen
from support.screen import picture, settled

PICTURES = Path(__file__).with_name("pictures")
RENEW = bool(os.environ.get("LT_RENEW_PICTURES"))
NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=timezone.utc)
SIZES = [(80, 24), (140, 40)]
PATIENT, QUICK = 120.0, 5.0  # seconds for a screen to come to rest
STILL = 1.5  # seconds without a change, after which a new picture is taken
#: name → (place, keys pressed there)
SHOTS: dict[str, tuple[Place, tuple[str, ...]]] = {
    "fleet": (Place("fleet"), ()),
    "host": (Place("host", "a100"), ()),
    "host-processes": (Place("host", "a100"), ("2",)),
    "host-disk": (Place("host", "a100"), ("3",)),
    "host-checks": (Place("host", "a100"), ("4",)),
    "host-events": (Place("host", "a100"), ("5",)),
    "host-history": (Place("host", "a100"), ("6", "b")),
    "host-settings": (Place("host", "a100"), ("e",)),
    "job": (Place("job", "qwen-sft-00"), ()),
    "job-log": (Place("job", "qwen-sft-00"), ("2", "T")),
    "job-metrics": (Place("job", "qwen-sft-00"), ("3",)),
    "job-checkpoints": (Place("job", "qwen-sft-00"), ("4",)),
    "job-recipe": (Place("job", "qwen-sft-00"), ("5",)),
    "job-samples": (Place("job", "qwen-sft-00"), ("6",)),
    "job-events": (Place("job", "qwen-sft-00"), ("7",)),
    "job-stop": (Place("job", "qwen-sft-00"), ("x",)),
    "job-compare": (Place("job", "qwen-sft-00"), ("c",)),
    "submit": (Place("submit"), ()),
    "submit-path": (Place("submit"), ("j", "j", "enter")),
    "submit-host": (Place("submit"), ("H",)),
    "run": (Place("run"), ()),
    "queue": (Place("queue"), ()),
    "pipelines": (Place("pipelines"), ()),
    "pipeline": (Place("pipeline", "sft-eval"), ()),
    "sweeps": (Place("sweeps"), ()),
    "sweep": (Place("sweep", "lr-search"), ()),
    "recipes": (Place("recipes"), ()),
    "data": (Place("data"), ()),
    "events": (Place("events"), ()),
    "audit": (Place("audit"), ()),
    "cost": (Place("cost"), ()),
    "stats": (Place("stats"), ()),
    "notify": (Place("notify"), ()),
    "secrets": (Place("secrets"), ()),
    "host-leave": (Place("host", "a100"), ("v",)),
    "settings": (Place("settings"), ()),
    "help": (Place("help"), ()),
    "welcome": (Place("welcome"), ()),
}


@pytest.fixture
def still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SampleFleet]:
    """A fleet at a fixed moment, in a home that is always called the same, with recipes that never change."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("LT_LANG", raising=False)
    monkeypatch.delenv("LT_HOME", raising=False)
    (tmp_path / "work" / "data").mkdir(parents=True)
    (tmp_path / "work" / "train.jsonl").touch()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(clock, "now", lambda: NOW)
    time.tzset()
    gallery = [
        RecipeInfo("sft-lora", "fine-tune a chat model with LoRA", Path("sft-lora.yaml")),
        RecipeInfo("tiny-sft", "a tiny model from nothing, to try lt", Path("tiny-sft.yaml")),
        RecipeInfo("mine.yaml", "our own", tmp_path / "mine.yaml", True),
    ]
    fields = [
        RecipeField("datasets.0.path", "A file of the laptop, host:/path, or a hub id.", "text", "train.jsonl", True),
        RecipeField("train.learning_rate", "The highest learning rate.", "number", "2e-4", True),
        RecipeField("method", "How it trains.", "choice", "sft", True, ("sft", "dpo")),
        RecipeField("train.seed", "Where chance begins.", "integer", 42),
        RecipeField("train.bf16", "Compute in bfloat16.", "switch", True),
    ]
    problems = [RecipeProblem("datasets.0.path", "there is no such file")]
    text = "# fine-tune a chat model\nversion: 1\nmethod: sft\ntrain:\n  learning_rate: 2e-4  # high\n"
    monkeypatch.setattr(Client, "recipes", lambda _self, _folder=None: gallery)
    monkeypatch.setattr(Client, "recipe_text", lambda _self, _name: text)
    monkeypatch.setattr(Client, "recipe_fields", lambda _self, _name, _overrides=(): (fields, problems))
    fleet = SampleFleet(tmp_path / "home", now=NOW)
    add_groups(fleet)
    yield fleet
    fleet.close()
    monkeypatch.undo()
    time.tzset()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("language", ["en", "zh"])
async def test_every_screen_looks_as_it_did(still: SampleFleet, language: str, size: tuple[int, int]) -> None:
    i18n.switch(language)
    app = LtApp(still.home.path, keep_controller=False)
    changes: list[str] = []
    async with app.run_test(size=size) as pilot:
        await settled(pilot, lambda: app.pages[0].data)
        for name, (place, keys) in SHOTS.items():
            app.go(place, fresh=True)
            await settled(pilot, lambda kind=place.kind: app.page is not None and app.page.place.kind == kind)
            page = app.page
            assert page is not None
            if place.kind not in ("help", "welcome"):
                await settled(pilot, lambda page=page: page.data is not None)
            if isinstance(page, HostScreen):
                page.held = still.holdings()
            for key in keys:
                await pilot.press(key)
            patience = QUICK if changes else PATIENT  # a second difference is no accident of a busy machine
            changes += await compared(pilot, PICTURES / f"{name}-{language}-{size[0]}x{size[1]}.txt", patience)
            while isinstance(app.screen, ModalScreen):
                await pilot.press("escape")
    assert not changes, "\n".join([*changes, "", "`make pictures` takes them anew, if this is how it should look."])


def test_no_picture_is_left_of_a_screen_that_has_gone() -> None:
    names = {f"{name}-{language}-{w}x{h}.txt" for name in SHOTS for language in ("en", "zh") for w, h in SIZES}
    assert {path.name for path in PICTURES.iterdir()} == names


async def compared(pilot: Any, path: Path, patience: float) -> list[str]:
    """What differs from the picture at `path`, once the screen has come to rest; renewing, nothing does."""
    wanted = path.read_text(encoding="utf-8").splitlines() if path.exists() and not RENEW else None
    seen, since = picture(pilot.app), time.monotonic()
    deadline = since + patience
    while time.monotonic() < deadline:
        await pilot.pause(0.02)
        now = picture(pilot.app)
        if now == wanted:
            return []
        if now != seen:
            seen, since = now, time.monotonic()
        elif wanted is None and time.monotonic() - since > STILL:
            break
    if RENEW:
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(seen) + "\n", encoding="utf-8")
        return []
    return ["", *difflib.unified_diff(wanted or [], seen, f"pictures/{path.name}", "now", lineterm="", n=1)]
