"""Forms and questions: a script of yours, several of many, a field that is checked, a path that is picked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from benchmarks.sample_fleet import SampleFleet
from benchmarks.sample_groups import add_groups
from textual.widgets import Input

from lt_controller.client import Client
from lt_controller.client.details import Plan
from lt_controller.client.estimating import Estimated
from lt_controller.client.models import Job
from lt_controller.client.trials import Sweep
from lt_controller.client.wishing import Wishes
from lt_controller.client.words import LtError
from lt_inventory.placement import Rank
from lt_tui import terminal
from lt_tui.app import LtApp
from lt_tui.places import Place
from lt_tui.screens.job.screen import JobScreen
from lt_tui.screens.run.screen import RunScreen
from lt_tui.screens.submit import screen as submit
from lt_tui.widgets.asking import Ask, AskPath, completed
from lt_tui.widgets.dialogs import Choose, ChooseSeveral, Tell
from lt_tui.widgets.log_view import LogView
from lt_tui.widgets.table import Table
from support.screen import settled, shown


async def job_page(app: LtApp, pilot: Any) -> JobScreen:
    await settled(pilot, lambda: app.fleet is not None)
    app.jump("job qwen-sft-00")
    await settled(pilot, lambda: isinstance(app.screen, JobScreen) and app.screen.data)
    page: Any = app.screen
    return page  # type: ignore[no-any-return]


async def typed(app: LtApp, pilot: Any, text: str) -> None:
    """Answers the question that is asked with `text`."""
    await settled(pilot, lambda: isinstance(app.screen, Ask) and app.screen.query(Input))
    app.screen.query_one(Input).value = text
    await pilot.press("enter")
    await settled(pilot, lambda: not isinstance(app.screen, Ask))


async def test_a_script_is_run_from_a_form(app: LtApp, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def run(_self: Client, host: str, argv: list[str], **options: Any) -> Job:
        asked.append((host, argv, options))
        return Job("01", "qwen-sft-00", host, "command", "queued", "me")

    monkeypatch.setattr(Client, "run", run)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: app.fleet is not None)
        await pilot.press("exclamation_mark")
        await settled(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.data)
        await pilot.press("S")
        await settled(pilot, lambda: "a command is needed" in shown(app))
        assert asked == []
        table = app.screen.query_one(Table)
        for key, text in (("command", "python 'my train.py' --lr 1e-4"), ("pull", "out/** *.png"), ("timeout", "90m")):
            table.select(key)
            await pilot.press("enter")
            await typed(app, pilot, text)
        await settled(pilot, lambda: "all is well" in shown(app))
        await pilot.press("S")
        await settled(pilot, lambda: isinstance(app.screen, JobScreen))
    host, argv, options = asked[0]
    assert (host, argv) == ("a100", ["python", "my train.py", "--lr", "1e-4"])
    assert (options["pull"], options["timeout"], options["gpus"]) == (["out/**", "*.png"], 5400.0, None)


async def test_a_run_that_is_refused_says_why(app: LtApp, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: Client, *_args: Any, **_more: Any) -> None:
        raise LtError("not_enough_gpus", host="a100", asked=9, there=8)

    monkeypatch.setattr(Client, "plan_run", refuse)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: app.fleet is not None)
        app.jump("run a100")
        await settled(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.data)
        app.screen.values["command"] = "true"  # type: ignore[attr-defined]
        await pilot.press("d")
        await settled(pilot, lambda: isinstance(app.screen, Tell) and "9" in shown(app))


async def test_any_shows_the_ranking_with_its_reasons(app: LtApp, monkeypatch: pytest.MonkeyPatch) -> None:
    ranks = (
        Rank("h100-lab", free=2, slots=4),
        Rank("a100", passed_over="unreachable"),
    )
    asked: list[Any] = []

    def plan(_self: Client, host: str, _recipe: str, _overrides: Any = (), **options: Any) -> Plan:
        asked.append((host, options))
        return Plan("h100-lab", "recipe", "x", 2, {"kind": "locked"}, (), "best", ranking=ranks)

    monkeypatch.setattr(Client, "plan", plan)
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(pilot, lambda: app.fleet is not None)
        await pilot.press("n")
        await settled(pilot, lambda: "all is well" in shown(app))
        page: Any = app.screen
        for key, text in (("name", "mine"), ("priority", "7")):
            page.query_one("#fields", Table).select(key)
            await pilot.press("enter")
            await typed(app, pilot, text)
        await pilot.press("H")
        await settled(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("home", "enter")
        await settled(pilot, lambda: app.screen is page and "it goes to h100-lab" in shown(app))
        await settled(pilot, lambda: "– a100: unreachable" in shown(app))
    assert asked[0] == ("any", {"name": "mine", "wishes": Wishes(priority=7)})


async def test_a_recipe_with_a_sweep_starts_the_sweep(
    app: LtApp, fleet: SampleFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tmp_path / "rates.yaml"
    recipe.write_text("extends: tiny-sft\nsweep: {train.learning_rate: [1e-3, 1e-4]}\n")
    add_groups(fleet)
    with Client(fleet.home) as client:
        (sample,) = client.sweeps()
    asked: list[Any] = []

    def start(_self: Client, host: str, recipe: str, _overrides: Any = (), **options: Any) -> Sweep:
        asked.append((host, recipe, options["wishes"]))
        return sample

    monkeypatch.setattr(Client, "start_sweep", start)
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(pilot, lambda: app.fleet is not None)
        app.jump(f"submit recipe:{recipe}")
        await settled(pilot, lambda: "all is well: S starts the sweep" in shown(app))
        page: Any = app.screen
        page.host = "h100-lab"
        await pilot.press("S")
        await settled(pilot, lambda: app.screen.place == Place("sweep", sample.name))  # type: ignore[attr-defined]
    assert asked == [("h100-lab", str(recipe), Wishes())]


async def test_an_option_is_checked_while_it_is_typed(app: LtApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(pilot, lambda: app.fleet is not None)
        await pilot.press("exclamation_mark")
        await settled(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.data)
        page: Any = app.screen
        page.query_one("#fields", Table).select("gpu-memory")
        await pilot.press("enter")
        await settled(pilot, lambda: isinstance(app.screen, Ask) and app.screen.query(Input))
        app.screen.query_one(Input).value = "much"
        await settled(pilot, lambda: "much" in str(app.screen.query_one("#wrong").lines))  # type: ignore[attr-defined]
        await pilot.press("enter")
        await settled(pilot, lambda: app.screen is page and page.wrong())
        page.values = {"command": "python 'my train.py'", "gpu-memory": "24GiB", "retries": "2", "timeout": "90m"}
        assert page.wrong() == ""
        given = page.given()
        assert (given["gpu-memory"], given["retries"], given["timeout"]) == (24 << 30, 2, 5400.0)
        page.values["command"] = "python 'left open"
        assert "quotation" in page.wrong()


async def test_several_metrics_are_drawn_together(app: LtApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        page = await job_page(app, pilot)
        await pilot.press("3", "m")
        await settled(pilot, lambda: isinstance(app.screen, ChooseSeveral))
        await pilot.press("home", "space", "enter")  # loss is marked already
        await settled(pilot, lambda: app.screen is page and page.curves.names == ["eval_loss", "loss"])
        await settled(pilot, lambda: all(f" {name} " in shown(app) for name in page.curves.names))


async def test_another_job_is_compared_from_the_job_itself(app: LtApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        page = await job_page(app, pilot)
        await pilot.press("c")
        await settled(pilot, lambda: isinstance(app.screen, ChooseSeveral))
        await pilot.press("end", "space", "enter")
        await settled(pilot, lambda: len(app.compare) == 1 and page.data.others)
        await pilot.press("5")
        await settled(pilot, lambda: "seed" in shown(app) and "against" in shown(app))


async def test_lines_of_a_log_have_times_where_somebody_measured(app: LtApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        page = await job_page(app, pilot)
        await pilot.press("2", "G")
        view = page.query_one("#log-long", LogView)
        await settled(pilot, lambda: view.lines)
        before = shown(app)
        await pilot.press("T")
        await settled(pilot, lambda: shown(app).count(":") > before.count(":") + 4)
        await pilot.press("T")
        await settled(pilot, lambda: "  step  360" not in shown(app))


async def test_a_field_is_checked_while_it_is_typed(app: LtApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: app.fleet is not None)
        await pilot.press("n")
        await settled(pilot, lambda: "all is well" in shown(app))
        app.screen.query_one("#fields", Table).select("train.learning_rate")
        await pilot.press("enter")
        await settled(pilot, lambda: isinstance(app.screen, Ask) and app.screen.query(Input))
        app.screen.query_one(Input).value = "fast"
        await settled(pilot, lambda: "number" in str(app.screen.query_one("#wrong").lines).lower())  # type: ignore[attr-defined]
        app.screen.query_one(Input).value = "1e-4"
        await settled(pilot, lambda: "✓" in str(app.screen.query_one("#wrong").lines))  # type: ignore[attr-defined]


async def test_memory_is_estimated_on_request(app: LtApp, monkeypatch: pytest.MonkeyPatch) -> None:
    gib = 1 << 30
    found = Estimated({"weights": 14.0 * gib}, 30.0 * gib, 7, 7, 1, 24 * gib, False, ("adapter.r=8",))
    monkeypatch.setattr(submit, "estimate_recipe", lambda *_args: found)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: app.fleet is not None)
        await pilot.press("n")
        await settled(pilot, lambda: "all is well" in shown(app))
        await pilot.press("e")
        await settled(pilot, lambda: "30.0 GiB" in shown(app) and "adapter.r=8" in shown(app))


async def test_a_path_is_completed_and_picked(app: LtApp, tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "train.jsonl").touch()
    answers: list[Any] = []
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: app.fleet is not None)
        app.push_screen(AskPath("Which?"), answers.append)
        await settled(pilot, lambda: app.screen.query(Input) and "corpus" in shown(app))
        field = app.screen.query_one(Input)
        field.value = "cor"
        await pilot.press("tab")
        await settled(pilot, lambda: field.value == "corpus/")
        await pilot.press("tab")
        await settled(pilot, lambda: field.value == "corpus/train.jsonl")
        await pilot.press("enter")
        await settled(pilot, lambda: answers == ["corpus/train.jsonl"])


def test_a_path_is_completed_as_far_as_it_is_clear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("train-a.jsonl", "train-b.jsonl", ".hidden"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert completed("tr") == "train-"
    assert completed("train-a") == "train-a.jsonl"
    assert completed("nothing") is None
    assert completed(f"{tmp_path}/train-b") == f"{tmp_path}/train-b.jsonl"


async def test_priorities_are_changed_in_the_queue(
    app: LtApp, fleet: SampleFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(Client, "set_priority", lambda _self, ref, priority: asked.append((ref, priority)))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: app.fleet is not None)
        app.jump("queue")
        await settled(pilot, lambda: "for 2 GPU: 0 of 8 free" in shown(app))
        first = app.screen.query_one(Table).current
        await pilot.press("K")
        await settled(pilot, lambda: asked == [(first.id, first.priority + 1)])
        await pilot.press("J")
        await settled(pilot, lambda: asked[1:] == [(first.id, first.priority - 1)])
        await pilot.press("P")
        await typed(app, pilot, "40")
        await settled(pilot, lambda: asked[2:] == [(first.id, 40)])


async def test_any_command_of_lt_can_be_typed(app: LtApp, monkeypatch: pytest.MonkeyPatch) -> None:
    run: list[Any] = []
    monkeypatch.setattr(terminal, "run_lt", lambda _app, words: run.append(list(words)))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: app.fleet is not None)
        await pilot.press("colon", *"lt recipe check 'my file.yaml'", "enter")
        await settled(pilot, lambda: run == [["recipe", "check", "my file.yaml"]])
