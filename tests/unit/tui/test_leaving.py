"""Hosts that one is done with, by keys; the record of acts; secrets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from benchmarks.sample_fleet import SampleFleet
from textual.widgets import Input

from lt_controller.cli.root import COMMANDS
from lt_controller.client import Client
from lt_controller.client.details import Clearable, Leaving, Secret
from lt_tui import leaving as leaving_module
from lt_tui.app import LtApp
from lt_tui.screens.host.screen import HostScreen
from lt_tui.widgets.asking import Ask
from lt_tui.widgets.dialogs import Choose, Confirm, Tell
from support.screen import notices, settled, shown

DOCS = Path(__file__).parents[3] / "docs" / "tui.md"


async def host(app: LtApp, pilot: Any) -> HostScreen:
    await settled(pilot, lambda: app.fleet is not None)
    app.jump("host a100")
    await settled(pilot, lambda: isinstance(app.screen, HostScreen) and app.screen.data)
    page: Any = app.screen
    return page  # type: ignore[no-any-return]


async def answered(app: LtApp, pilot: Any, text: str) -> None:
    await settled(pilot, lambda: isinstance(app.screen, Ask) and app.screen.query(Input))
    app.screen.query_one(Input).value = text
    await pilot.press("enter")


async def test_a_host_is_drained_after_a_question_that_names_its_jobs(
    app: LtApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    with Client(app.home) as client:
        alive = [job for job in client.jobs() if job.host == "a100" and not job.resting]
    left = Leaving("a100", tuple(alive))
    monkeypatch.setattr(Client, "leaving", lambda _self, _name: left)

    def drain(_self: Client, name: str, *, save: bool = False) -> Leaving:
        asked.append((name, save))
        return left

    monkeypatch.setattr(Client, "drain_host", drain)
    async with app.run_test(size=(140, 40)) as pilot:
        page = await host(app, pilot)
        await pilot.press("v")
        await settled(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("home", "j", "enter")
        await settled(pilot, lambda: isinstance(app.screen, Confirm) and "qwen-sft-00" in shown(app))
        await pilot.press("enter")
        assert asked == []  # only y is a yes
        await pilot.press("y")
        await settled(pilot, lambda: isinstance(app.screen, Tell) and asked == [("a100", True)])
        await pilot.press("escape")
        await settled(pilot, lambda: app.screen is page)


async def test_a_host_is_given_up_and_its_jobs_go_on_elsewhere(app: LtApp, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    with Client(app.home) as client:
        job = next(job for job in client.jobs() if job.host == "a100" and not job.resting)
    monkeypatch.setattr(Client, "leaving", lambda _self, _name: Leaving("a100", (job,)))
    monkeypatch.setattr(Client, "retire_host", lambda _self, name, *, force=False: asked.append((name, force)))
    monkeypatch.setattr(Client, "wait", lambda _self, _ref, timeout=None: job)
    monkeypatch.setattr(Client, "settle", lambda _self, request, _seconds: request)

    def move(_self: Client, ref: str, to: str) -> Any:
        asked.append((ref, to))
        return None, to

    monkeypatch.setattr(Client, "move_on", move)
    async with app.run_test(size=(140, 40), notifications=True) as pilot:
        await host(app, pilot)
        leaving_module.leave_host(app, "a100")
        await settled(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("home", "j", "j", "j", "enter")
        await settled(pilot, lambda: isinstance(app.screen, Choose) and "go on" in shown(app))
        await pilot.press("home", "j", "enter")
        await settled(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await settled(pilot, lambda: asked == [("a100", False), (job.id, "any")])
        await settled(pilot, lambda: any("a100" in text for text in notices(app)))


async def test_room_is_made_only_of_what_is_safe(app: LtApp, monkeypatch: pytest.MonkeyPatch) -> None:
    cleared: list[Any] = []
    found = [
        Clearable("env", "3f00", "", 7 << 30, True, "unused"),
        Clearable("job", "qwen-sft-00", "", 1 << 30, False, "alive"),
    ]
    monkeypatch.setattr(Client, "clearable", lambda _self, _name: found)
    monkeypatch.setattr(Client, "clear", lambda _self, name, items: cleared.append((name, list(items))) or [])
    async with app.run_test(size=(140, 40)) as pilot:
        await host(app, pilot)
        await pilot.press("C")
        await settled(pilot, lambda: isinstance(app.screen, Confirm) and "7.0 GiB" in shown(app))
        await pilot.press("y")
        await settled(pilot, lambda: cleared == [("a100", found[:1])])


async def test_a_port_is_asked_for_and_forwarded_in_this_terminal(app: LtApp, monkeypatch: pytest.MonkeyPatch) -> None:
    run: list[Any] = []
    monkeypatch.setattr(leaving_module, "run_lt", lambda _app, words: run.append(list(words)))
    async with app.run_test(size=(120, 30)) as pilot:
        await host(app, pilot)
        await pilot.press("f")
        await answered(app, pilot, "6006:16006")
        await settled(pilot, lambda: run == [["forward", "a100", "6006:16006"]])


async def test_the_record_of_acts_is_shown_and_verified(app: LtApp, fleet: SampleFleet) -> None:
    with Client(fleet.home) as client:
        client.edit_host("a100", {"note": "mine"})
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(pilot, lambda: app.fleet is not None)
        app.jump("audit")
        await settled(pilot, lambda: "host edit" in shown(app))
        await pilot.press("v")
        await settled(pilot, lambda: "none of them changed" in shown(app))


async def test_a_secret_is_kept_without_being_shown(app: LtApp, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, str] = {}
    monkeypatch.setattr(Client, "set_secret", lambda _self, name, value: kept.update({name: value}))
    monkeypatch.setattr(Client, "remove_secret", lambda _self, name: kept.pop(name))
    monkeypatch.setattr(Client, "secrets", lambda _self: [Secret(name, True, False) for name in kept])
    async with app.run_test(size=(120, 30)) as pilot:
        await settled(pilot, lambda: app.fleet is not None)
        app.jump("secrets")
        await settled(
            pilot, lambda: app.page is not None and app.page.place.kind == "secrets" and "a keeps" in shown(app)
        )
        await pilot.press("a")
        await answered(app, pilot, "HF_TOKEN")
        await settled(pilot, lambda: isinstance(app.screen, Ask) and "not shown" in shown(app))
        app.screen.query_one(Input).value = "hf_sesame"
        await settled(pilot, lambda: "•••" in shown(app))
        assert "sesame" not in shown(app)
        await pilot.press("enter")
        await settled(pilot, lambda: kept == {"HF_TOKEN": "hf_sesame"} and app.page and "HF_TOKEN" in shown(app))
        await pilot.press("X")
        await settled(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await settled(pilot, lambda: kept == {})


def test_every_command_has_its_place_on_the_screen() -> None:
    """The table of `docs/tui.md` names each of them."""
    table = "\n".join(line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| `lt"))
    missing = [name for name in COMMANDS if not re.search(rf"`(lt )?{name}\b", table)]
    assert not missing, f"say in docs/tui.md where the screen has these: {missing}"
