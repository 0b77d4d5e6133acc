"""What hands expect: filters that are told, a second column to sort by, the mouse, keys of one's own, ASCII alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from benchmarks.sample_fleet import SampleFleet
from benchmarks.sample_groups import add_groups
from textual.widgets import Input

from lt_controller.client import Client
from lt_controller.client.words import LtError
from lt_tui.app import LtApp
from lt_tui.places import SCREENS, Place
from lt_tui.screens.settings.screen import named_keys, shown_keys
from lt_tui.widgets.asking import Ask
from lt_tui.widgets.columns import Column, chosen, lying_over, ordered, shared_out
from lt_tui.widgets.dialogs import Answers, Choose, Confirm
from lt_tui.widgets.reading import Scroll
from lt_tui.widgets.table import Table
from support.screen import notices, settled, shown


@dataclass(frozen=True)
class Item:
    name: str
    size: int | None


COLUMNS = [
    Column[Item]("name", "NAME", 10, lambda item, _w: item.name),
    Column[Item]("size", "SIZE", 10, lambda item, _w: str(item.size), sort=lambda item: item.size),
    Column[Item]("why", "WHY", 10, lambda item, _w: "", weight=1, over=("size", lambda item: item.size is None)),
]


async def fleet_of(app: LtApp, pilot: Any) -> Table[Any]:
    await settled(pilot, lambda: app.fleet is not None and app.pages[0].query_one("#jobs", Table).items)
    return app.pages[0].query_one("#jobs", Table)


async def answered(app: LtApp, pilot: Any, text: str) -> None:
    await settled(pilot, lambda: isinstance(app.screen, Ask) and app.screen.query(Input))
    app.screen.query_one(Input).value = text
    await pilot.press("enter")


def test_the_column_chosen_before_parts_what_is_equal_and_the_unknown_stands_last() -> None:
    items = [Item("b", 1), Item("a", None), Item("c", 2), Item("a", 1)]
    order = chosen(chosen((), 0), 1)
    assert order == ((1, False), (0, False))
    assert [(i.name, i.size) for i in ordered(items, COLUMNS, order)] == [("a", 1), ("b", 1), ("c", 2), ("a", None)]
    order = chosen(order, 1)
    assert [(i.name, i.size) for i in ordered(items, COLUMNS, order)] == [("c", 2), ("a", 1), ("b", 1), ("a", None)]
    assert chosen(order, 1) == ((0, False),)


def test_a_column_without_room_lies_over_others_of_the_lines_that_need_it() -> None:
    assert lying_over(COLUMNS, shared_out(COLUMNS, 80)) is None
    narrow = shared_out(COLUMNS, 24)
    assert [n for n, _room in narrow] == [0, 1]
    assert lying_over(COLUMNS, narrow) == (COLUMNS[2], 1)


async def test_at_80_columns_a_job_says_what_it_waits_for(app: LtApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await fleet_of(app, pilot)
        await settled(pilot, lambda: "0 of 8 free" in shown(app) and "? Help" in shown(app))
        assert any("vast-7731" in line and "unreachable" in line for line in shown(app).splitlines()[11:])


async def test_a_filter_tells_what_it_leaves_and_escape_takes_it_away(app: LtApp) -> None:
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        table = await fleet_of(app, pilot)
        await pilot.press("slash", *"state:running", "enter")
        await settled(pilot, lambda: "4 of 14" in shown(app).splitlines()[0])
        await pilot.press("slash", "ctrl+u", *"zzz", "enter")
        await settled(pilot, lambda: "Nothing here matches zzz" in shown(app))
        await pilot.press("slash", "ctrl+u", *"(a", "enter")
        await settled(pilot, lambda: any("no regular expression" in text for text in notices(app)))
        await pilot.press("escape")
        await settled(pilot, lambda: len(table.items) == 14 and " of 14" not in shown(app).splitlines()[0])
        await pilot.press("space")
        await settled(pilot, lambda: "1 marked" in shown(app).splitlines()[0])


async def test_the_ascii_set_is_ascii_on_every_screen(app: LtApp, fleet: SampleFleet) -> None:
    add_groups(fleet)
    fleet.home.config_file.write_text('[tui]\nglyphs = "ascii"\n')
    names = {"host": "a100", "job": "qwen-sft-00", "pipeline": "sft-eval", "sweep": "lr-search"}
    app = LtApp(fleet.home.path, keep_controller=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await fleet_of(app, pilot)
        for kind in set(SCREENS) - {"recipes"}:  # a recipe's own text is shown as it was written
            app.go(Place(kind, names.get(kind, "")), fresh=True)
            page = await settled(
                pilot, lambda kind=kind: app.page if app.page and app.page.place.kind == kind else None
            )
            if kind not in ("help", "welcome"):
                await settled(pilot, lambda page=page: page.data is not None)
            await settled(pilot, lambda: shown(app).isascii())
        await pilot.press("colon", *"fleet", "enter", "x")
        await settled(pilot, lambda: isinstance(app.screen, Confirm) and shown(app).isascii())


async def test_answers_and_keys_are_clicked(app: LtApp, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(Client, "stop", lambda _self, ref, **_more: asked.append(ref))
    async with app.run_test(size=(100, 30)) as pilot:
        table = await fleet_of(app, pilot)
        hosts = app.screen.query_one("#hosts", Table)
        await settled(pilot, lambda: table.region.y > hosts.region.bottom > hosts.region.y + 7)  # all have their place
        await pilot.click("#jobs", offset=(0, 2))
        await settled(pilot, lambda: len(table.marks) == 1)
        await pilot.click("#jobs", offset=(2, 0))
        await settled(pilot, lambda: table.order == ((0, False),))
        at = next(line for line in shown(app).splitlines() if "x Stop" in line).index("x Stop")
        await pilot.click("KeyBar", offset=(at, 0))
        await settled(pilot, lambda: isinstance(app.screen, Confirm) and app.screen.query(Answers))
        await pilot.click("Answers", offset=(1, 0))
        await settled(pilot, lambda: len(asked) == 1)


async def test_a_long_recipe_is_read_by_keys(app: LtApp, fleet: SampleFleet) -> None:
    recipe = {"method": "sft", "train": {f"key_{n}": n for n in range(60)}}
    fleet.db.execute("UPDATE jobs SET spec=? WHERE id=?", (json.dumps({"recipe": recipe}), fleet.jobs[0]))
    async with app.run_test(size=(80, 24)) as pilot:
        await fleet_of(app, pilot)
        app.jump("job qwen-sft-00")
        await settled(pilot, lambda: app.page is not None and app.page.place.kind == "job" and app.page.data)
        await pilot.press("5")
        await settled(pilot, lambda: isinstance(app.focused, Scroll) and "key_1:" in shown(app))
        await pilot.press("G")
        await settled(pilot, lambda: "key_59: 59" in shown(app))


def test_keys_are_written_by_their_signs() -> None:
    assert shown_keys("question_mark,f1") == "?,f1"
    assert named_keys("?, f1") == "question_mark,f1"
    assert named_keys(",") == "comma" and shown_keys("comma") == ","


async def test_a_key_of_ones_own_is_taken_back(app: LtApp, fleet: SampleFleet) -> None:
    fleet.home.config_file.write_text('[tui.keys]\n"act.submit" = "f5"\n')
    app = LtApp(fleet.home.path, keep_controller=False)
    async with app.run_test(size=(100, 30)) as pilot:
        await fleet_of(app, pilot)
        app.jump("settings")
        await settled(pilot, lambda: app.page and app.page.place.kind == "settings" and app.page.data is not None)
        table = app.screen.query_one(Table)
        assert table.select("keys.act.submit") and table.current.value == "f5"
        await pilot.press("enter")
        await answered(app, pilot, "")
        await settled(pilot, lambda: "f5" not in fleet.home.config_file.read_text())
        await settled(pilot, lambda: table.current.value == "n")
        await pilot.press("n")
        await settled(pilot, lambda: app.crumbs[-1] == "submit")


async def test_a_job_that_waits_for_its_secrets_is_given_them(app: LtApp, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    def give(_self: Client, ref: str, values: Any = None) -> list[str]:
        if values is None:
            raise LtError("secret_missing", names=["HF_TOKEN"])
        given.append((ref, values))
        return sorted(values)

    monkeypatch.setattr(Client, "give_secrets", give)
    monkeypatch.setattr(Client, "secrets_of", lambda _self, _ref: ["HF_TOKEN"])
    async with app.run_test(size=(100, 30)) as pilot:
        table = await fleet_of(app, pilot)
        await pilot.press("V")
        await settled(pilot, lambda: isinstance(app.screen, Ask) and "HF_TOKEN" in shown(app))
        await pilot.press(*"s3cret")
        assert "s3cret" not in shown(app)
        await pilot.press("enter")
        await settled(pilot, lambda: given == [(table.current.id, {"HF_TOKEN": "s3cret"})])


async def test_settings_of_a_host_are_checked_as_they_are_typed(app: LtApp, fleet: SampleFleet) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await fleet_of(app, pilot)
        app.jump("host a100")
        await settled(pilot, lambda: app.page is not None and app.page.place.kind == "host" and app.page.data)
        await pilot.press("e")
        await settled(pilot, lambda: isinstance(app.screen, Choose) and "save_before_end" in shown(app))
        await pilot.press(*["down"] * 8)
        await settled(pilot, lambda: "How long before that end" in shown(app))
        await pilot.press("enter")
        await settled(pilot, lambda: isinstance(app.screen, Ask))
        await pilot.press(*"soon")
        await settled(pilot, lambda: "no length of time" in shown(app))
        await answered(app, pilot, "20m")
        with Client(fleet.home.path) as client:
            await settled(pilot, lambda: client.host("a100").host.save_before_end == 1200)
        await settled(pilot, lambda: isinstance(app.screen, Choose) and "20m" in shown(app))
