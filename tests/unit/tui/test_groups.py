"""Pipelines and sweeps on the screen."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.sample_fleet import SampleFleet
from benchmarks.sample_groups import add_groups

from lt_controller.client import Client
from lt_controller.client.stages import StagePlan
from lt_tui import glyphs
from lt_tui.app import LtApp
from lt_tui.places import Place, understood
from lt_tui.screens.pipelines.screen import PipelineScreen
from lt_tui.screens.sweeps.screen import SweepScreen
from lt_tui.widgets.asking import AskPath
from lt_tui.widgets.dialogs import Confirm
from lt_tui.widgets.table import Table
from support.screen import settled, shown


@pytest.fixture
def groups(fleet: SampleFleet) -> SampleFleet:
    add_groups(fleet)
    return fleet


async def opened(app: LtApp, pilot: Any, where: str, kind: type[Any]) -> Any:
    await settled(pilot, lambda: app.fleet is not None)
    app.jump(where)
    await settled(pilot, lambda: app.page is not None and app.page.data)
    await pilot.press("enter")
    return await settled(
        pilot, lambda: app.screen if isinstance(app.screen, kind) and app.page and app.page.data else None
    )


async def test_a_pipeline_is_a_graph_with_the_state_of_each_stage(app: LtApp, groups: SampleFleet) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        page = await opened(app, pilot, "pipelines", PipelineScreen)
        await settled(pilot, lambda: "evaluate" in shown(app))
        assert app.crumbs == ["fleet", "pipelines", "sft-eval"]
        stages = page.query_one(Table)
        states = {row.stage.name: row.stage.state for row in stages.items}
        assert states == {
            "clean": "succeeded",
            "train": "running",
            "evaluate": "pending",
            "quantise": "pending",
            "report": "pending",
        }
        assert "├" in shown(app)
        glyphs.use("ascii")
        app.redraw()
        await settled(pilot, lambda: "├" not in shown(app))
        stages.select("train")
        await pilot.press("enter")
        await settled(pilot, lambda: app.crumbs[-1] == "qwen-sft-00")


async def test_a_pipeline_is_stopped_after_a_question(
    app: LtApp, groups: SampleFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(Client, "stop_pipeline", lambda _self, ref: asked.append(ref))
    async with app.run_test(size=(120, 30)) as pilot:
        page = await opened(app, pilot, "pipelines", PipelineScreen)
        await pilot.press("x")
        await settled(pilot, lambda: isinstance(app.screen, Confirm) and "sft-eval" in shown(app))
        await pilot.press("y")
        await settled(pilot, lambda: asked == [page.data.id])


async def test_a_file_of_stages_is_run_after_its_plan_was_shown(app: LtApp, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    plans = [
        StagePlan("train", "anew", "any", (), "sft-lora"),
        StagePlan("evaluate", "anew", "any", ("train",), "eval.py"),
    ]
    monkeypatch.setattr(Client, "plan_pipeline", lambda _self, _file: plans)
    monkeypatch.setattr(Client, "run_pipeline", lambda _self, file: asked.append(file))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: app.fleet is not None)
        app.jump("pipelines")
        await settled(pilot, lambda: "a runs a file" in shown(app))
        await pilot.press("a")
        await settled(pilot, lambda: isinstance(app.screen, AskPath) and app.screen.query("Input"))
        app.screen.query_one("Input").value = "stages.yaml"  # type: ignore[attr-defined]
        await pilot.press("enter")
        await settled(pilot, lambda: isinstance(app.screen, Confirm) and "eval.py" in shown(app))
        await pilot.press("y")
        await settled(pilot, lambda: asked == ["stages.yaml"])


async def test_a_sweep_is_a_table_and_a_plot_with_its_best_marked(
    app: LtApp, groups: SampleFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(Client, "resume_sweep", lambda _self, ref: asked.append(ref))
    async with app.run_test(size=(140, 40)) as pilot:
        page = await opened(app, pilot, "sweeps", SweepScreen)
        await settled(pilot, lambda: "best lr-search-8" in shown(app))
        assert "eval_loss by trial" in shown(app)
        assert "0.69 *" in shown(app)
        table = page.query_one(Table)
        table.sort_by(table.names().index("value"))
        assert [trial.number for trial in table.items][:3] == [8, 4, 3]
        await pilot.press("r")
        await settled(pilot, lambda: asked == [page.data.id])


def test_what_colon_makes_of_pipelines_and_sweeps() -> None:
    assert understood(":pipelines", (), ()) == Place("pipelines")
    assert understood(":pipe", (), ()) == Place("pipelines")
    assert understood(":pipeline sft-eval", (), ()) == Place("pipeline", "sft-eval")
    assert understood(":sweep lr", (), ()) == Place("sweep", "lr")
    assert understood(":sweep", (), ()) == Place("sweeps")
