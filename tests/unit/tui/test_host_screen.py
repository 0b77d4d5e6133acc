"""A host in depth, by keys: processes, disk, checks, events, its settings, its key, and what it asks at login."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.sample_fleet import SampleFleet
from textual.widgets import Input

from lt_controller.client import Client
from lt_controller.client.details import OfferedKey
from lt_controller.client.prompts import LoginPrompt, LoginQuestion, LoginResult
from lt_controller.client.words import LtError
from lt_tui.app import LtApp
from lt_tui.screens.host.screen import HostScreen
from lt_tui.widgets.asking import Ask
from lt_tui.widgets.dialogs import Choose, Confirm
from lt_tui.widgets.table import Table
from support.screen import notices, settled, shown


async def host(app: LtApp, pilot: Any) -> HostScreen:
    await settled(pilot, lambda: app.fleet is not None)
    app.jump("host a100")
    await settled(pilot, lambda: isinstance(app.screen, HostScreen) and app.screen.data)
    page: Any = app.screen
    return page  # type: ignore[no-any-return]


async def test_tabs_show_what_a_host_holds(app: LtApp, fleet: SampleFleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client, "probe", lambda _self, _name: {})
    monkeypatch.setattr(Client, "holdings", lambda _self, _name, disk=True: fleet.holdings())
    async with app.run_test(size=(140, 40)) as pilot:
        page = await host(app, pilot)
        assert page.held is None  # nobody is asked for a look at the screen, where no controller is to run
        await pilot.press("P", "2")
        await settled(pilot, lambda: "eval.py" in shown(app))
        processes = page.query_one("#host-processes", Table)
        assert [item.ours for item in processes.items] == [True, True, False, False]
        await pilot.press("3")
        await settled(pilot, lambda: "7.0 GiB" in shown(app) and "train-0.jsonl" in shown(app))
        await pilot.press("4")
        await settled(pilot, lambda: "a few checkpoints fill it" in shown(app))
        await pilot.press("5")
        await settled(pilot, lambda: "checkpoint-200" in shown(app))
        await pilot.press("2", "enter")
        await settled(pilot, lambda: app.crumbs == ["fleet", "a100", "qwen-sft-00"])


async def test_what_a_host_cost_is_told(app: LtApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await host(app, pilot)
        await settled(pilot, lambda: "busy with your jobs" in shown(app) and "lease ends in" in shown(app))


async def test_a_setting_is_changed_and_the_rest_stays(app: LtApp, fleet: SampleFleet) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await host(app, pilot)
        await pilot.press("e")
        await settled(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press(*["down"] * 6, "enter")
        await settled(pilot, lambda: isinstance(app.screen, Ask))
        app.screen.query_one(Input).value = "2.5/h"
        await pilot.press("enter")
        with Client(fleet.home.path) as client:
            await settled(pilot, lambda: client.host("a100").host.price == 2.5)
            assert client.host("a100").host.address == "192.0.2.1"


async def test_a_new_key_is_shown_beside_the_old_one(app: LtApp, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    key = OfferedKey("SHA256:new", "ssh-ed25519", "a100 ssh-ed25519 AAAA")
    monkeypatch.setattr(Client, "scan_key", lambda _self, _host, _answer=None: key)
    monkeypatch.setattr(Client, "trusted_keys", lambda _self, _host: ["SHA256:old"])
    monkeypatch.setattr(Client, "trust", lambda _self, name, _key: taken.append(name))
    async with app.run_test(size=(140, 40)) as pilot:
        await host(app, pilot)
        await pilot.press("t")
        await settled(pilot, lambda: isinstance(app.screen, Confirm))
        await settled(pilot, lambda: "SHA256:new" in shown(app) and "SHA256:old" in shown(app))
        await pilot.press("y")
        await settled(pilot, lambda: taken == ["a100"])


async def test_a_login_asks_on_the_screen_and_hides_what_is_secret(app: LtApp, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Any] = []

    def login(_self: Client, name: str, answer: Any, **_more: Any) -> LoginResult:
        prompts = (LoginPrompt("Verification code:", True), LoginPrompt("Password:"))
        heard.append(answer(LoginQuestion(name, "root@a100", "interactive", prompts, title="Second factor")))
        return LoginResult(True, True, "")

    monkeypatch.setattr(Client, "login", login)
    async with app.run_test(size=(140, 40), notifications=True) as pilot:
        await host(app, pilot)
        await pilot.press("l")
        await settled(pilot, lambda: isinstance(app.screen, Ask) and "Verification code" in shown(app))
        await pilot.press(*"4711", "enter")
        await settled(pilot, lambda: "Password:" in shown(app))
        await pilot.press(*"s3cret", "enter")
        await settled(pilot, lambda: heard == [["4711", "s3cret"]])
        assert "s3cret" not in shown(app)
        await settled(pilot, lambda: any("logged in" in text for text in notices(app)))


async def test_escape_breaks_a_login_off(app: LtApp, monkeypatch: pytest.MonkeyPatch) -> None:
    def login(_self: Client, name: str, answer: Any, **_more: Any) -> LoginResult:
        if answer(LoginQuestion(name, "root@a100", "password", (LoginPrompt(""),))) is None:
            raise LtError("login_cancelled", host=name)
        raise AssertionError("nobody answered")

    monkeypatch.setattr(Client, "login", login)
    async with app.run_test(size=(140, 40), notifications=True) as pilot:
        await host(app, pilot)
        await pilot.press("l")
        await settled(pilot, lambda: isinstance(app.screen, Ask))
        await pilot.press("escape")
        await settled(pilot, lambda: any("broken off" in text for text in notices(app)))
