"""What was spent, how jobs went, who was told: the screens that add up the past."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.sample_fleet import SampleFleet

from lt_controller.client import Client
from lt_tui.app import LtApp
from lt_tui.widgets.table import Table
from support.screen import notices, settled, shown


async def opened(app: LtApp, pilot: Any, where: str) -> Any:
    await settled(pilot, lambda: app.fleet is not None)
    app.jump(where)
    await settled(pilot, lambda: app.page is not None and app.page.place.kind == where.split()[0] and app.page.data)
    return app.page


async def test_costs_are_told_by_host_job_and_week_and_lead_to_the_job(app: LtApp) -> None:
    async with app.run_test(size=(120, 30)) as pilot:
        page = await opened(app, pilot, "cost")
        table = page.query_one(Table)
        await settled(pilot, lambda: "a100" in [line.name for line in table.items])
        await settled(pilot, lambda: "total" in shown(app) and "By day" in shown(app))
        with Client(app.home) as client:
            assert {line.name for line in table.items} == {line.name for line in client.costs("host").lines}
        await pilot.press("4")
        await settled(pilot, lambda: table.items and "-W" in table.items[0].name)
        await pilot.press("2")
        await settled(pilot, lambda: "qwen-sft-00" in [line.name for line in table.items])
        table.select("qwen-sft-00")
        await pilot.press("b")
        await settled(pilot, lambda: "the last 30 days" in shown(app))
        await pilot.press("enter")
        await settled(pilot, lambda: app.crumbs == ["fleet", "cost", "qwen-sft-00"])


async def test_statistics_are_told_by_host_and_recipe(app: LtApp) -> None:
    async with app.run_test(size=(140, 30)) as pilot:
        page = await opened(app, pilot, "stats")
        table = page.query_one(Table)
        await settled(pilot, lambda: {stat.host for stat in table.items} >= {"a100", "autodl-3"})
        await settled(pilot, lambda: "100%" in shown(app))
        await pilot.press("2")
        await settled(pilot, lambda: [stat.recipe for stat in table.items] == ["sft-lora"])
        await pilot.press("3")
        await settled(pilot, lambda: table.items and all(stat.host and stat.recipe for stat in table.items))


async def test_a_channel_is_tried_by_a_key(app: LtApp, fleet: SampleFleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.home.config_file.write_text('[notify.me]\nto = "desktop"\n')
    tried: list[Any] = []
    monkeypatch.setattr(Client, "notify_test", lambda _self, name: tried.append(name) or {name: None})
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await opened(app, pilot, "notify")
        await settled(pilot, lambda: "desktop" in shown(app))
        await pilot.press("t")
        await settled(pilot, lambda: tried == ["me"] and any("has taken it" in text for text in notices(app)))


async def test_a_fault_among_the_channels_is_told_where_they_would_stand(app: LtApp, fleet: SampleFleet) -> None:
    fleet.home.config_file.write_text('[notify.me]\nto = "pigeon"\n')
    async with app.run_test(size=(120, 30)) as pilot:
        await settled(pilot, lambda: app.fleet is not None)
        app.jump("notify")
        await settled(pilot, lambda: "pigeon" in shown(app))


async def test_a_host_has_its_past(app: LtApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot, "host a100")
        await pilot.press("6")
        await settled(pilot, lambda: "GPU memory" in shown(app) and "the last day" in shown(app))
        await settled(pilot, lambda: "changed driver price" in shown(app) and "lambda" in shown(app))
        await pilot.press("b")
        await settled(pilot, lambda: "the last 7 days" in shown(app) and "By day" in shown(app))
