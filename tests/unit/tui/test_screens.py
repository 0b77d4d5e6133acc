"""The screens by keys alone: the messages, then the state, then the picture."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from benchmarks.sample_fleet import SampleFleet
from benchmarks.sample_groups import add_groups
from textual.message import Message
from textual.pilot import Pilot

from lt_controller.client import Client
from lt_controller.client.words import LtError
from lt_tui import glyphs, i18n
from lt_tui.app import LtApp
from lt_tui.messages import Acted, Changed, Read
from lt_tui.places import SCREENS, Place
from lt_tui.screens.fleet.screen import FleetScreen
from lt_tui.screens.job.screen import JobScreen
from lt_tui.widgets.dialogs import Confirm, Tell
from lt_tui.widgets.log_view import LogView
from lt_tui.widgets.table import Table
from support.screen import notices, picture, settled

SIZES = [(80, 24), (140, 40)]


@contextmanager
def listening() -> Iterator[tuple[list[Message], Callable[[Message], None]]]:
    """Every message of the app."""
    heard: list[Message] = []
    yield heard, heard.append


async def fleet_read(pilot: Pilot[Any]) -> FleetScreen:
    app: Any = pilot.app
    page: FleetScreen = app.pages[0]
    await settled(pilot, lambda: page.data is not None and page.query_one("#jobs", Table).items)
    return page


async def test_the_fleet_is_read_and_shown(app: LtApp, fleet: SampleFleet) -> None:
    with listening() as (heard, hook):
        async with app.run_test(size=(140, 40), message_hook=hook) as pilot:
            page = await fleet_read(pilot)
            assert any(isinstance(message, Read) for message in heard)
            assert len(page.query_one("#hosts", Table).items) == 7
            assert len(page.query_one("#jobs", Table).items) == 14
            shown = "\n".join(picture(app))
            for word in ("a100", "qwen-sft-00", "running", "unreachable", "out of memory"):
                assert word in shown


async def test_news_change_the_cells(app: LtApp, fleet: SampleFleet) -> None:
    with listening() as (heard, hook):
        async with app.run_test(size=(140, 40), message_hook=hook) as pilot:
            page = await fleet_read(pilot)
            fleet.db.execute("UPDATE jobs SET state='failed', reason='nan' WHERE id=?", (fleet.jobs[0],))
            await settled(pilot, lambda: any(isinstance(message, Changed) for message in heard))
            await settled(pilot, lambda: "the loss became NaN" in "\n".join(picture(app)))
            assert next(job for job in page.data.jobs if job.id == fleet.jobs[0]).state == "failed"


async def test_filter_sort_and_marks(app: LtApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        page = await fleet_read(pilot)
        table = page.query_one("#jobs", Table)
        await pilot.press("slash", *"state:running", "enter")
        await settled(pilot, lambda: {job.state for job in table.items} == {"running"})
        await pilot.press("escape")
        await settled(pilot, lambda: len(table.items) == 14)
        await pilot.press("o", "1")
        names = [job.name for job in table.items]
        assert names == sorted(names)
        await pilot.press("o", "1")
        assert [job.name for job in table.items] == sorted(names, reverse=True)
        await pilot.press("g", "space", "space")
        assert {job.name for job in table.chosen} == set(sorted(names, reverse=True)[:2])
        await pilot.press("y")
        assert app.clipboard == "\n".join(sorted(names, reverse=True)[:2])


async def test_colon_jumps_with_completion_and_history_leads_back(app: LtApp) -> None:
    async with app.run_test(size=(120, 30)) as pilot:
        await fleet_read(pilot)
        await pilot.press("colon", *"job qwen-sft-00", "enter")
        await settled(pilot, lambda: isinstance(app.screen, JobScreen))
        assert app.crumbs == ["fleet", "qwen-sft-00"]
        await pilot.press("colon", *"que", "tab", "enter")
        await settled(pilot, lambda: app.crumbs == ["fleet", "queue"])
        await pilot.press("left_square_bracket")
        await settled(pilot, lambda: app.crumbs == ["fleet", "qwen-sft-00"])
        await pilot.press("right_square_bracket")
        await settled(pilot, lambda: app.crumbs == ["fleet", "queue"])
        await pilot.press("minus")
        await settled(pilot, lambda: app.crumbs == ["fleet", "qwen-sft-00"])
        await pilot.press("escape")
        await settled(pilot, lambda: app.crumbs == ["fleet"])


async def test_stop_asks_by_name_and_enter_is_no_yes(
    app: LtApp, fleet: SampleFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(Client, "stop", lambda self, ref, **more: asked.append(ref))
    with listening() as (heard, hook):
        async with app.run_test(size=(120, 30), message_hook=hook) as pilot:
            page = await fleet_read(pilot)
            page.query_one("#jobs", Table).select(fleet.jobs[0])
            await pilot.press("x")
            await settled(pilot, lambda: isinstance(app.screen, Confirm))
            await settled(pilot, lambda: "Stop qwen-sft-00?" in "\n".join(picture(app)))
            await pilot.press("enter")
            assert isinstance(app.screen, Confirm)
            await pilot.press("n")
            await settled(pilot, lambda: isinstance(app.screen, FleetScreen))
            assert asked == []
            await pilot.press("x", "y")
            await settled(pilot, lambda: asked == [fleet.jobs[0]])
            await settled(pilot, lambda: any(isinstance(m, Acted) and m.error is None for m in heard))


async def test_a_refusal_is_told_with_the_next_command(app: LtApp, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Client, ref: str, *_more: Any) -> None:
        raise LtError("job_not_resting", job="qwen-sft-00", state="running")

    monkeypatch.setattr(Client, "resume", refuse)
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await fleet_read(pilot)
        await pilot.press("r")
        await settled(pilot, lambda: "→" in "\n".join(picture(app)))


async def test_job_screen_follows_the_log_and_reads_what_comes(app: LtApp, fleet: SampleFleet) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await fleet_read(pilot)
        app.jump("job qwen-sft-00")
        await settled(pilot, lambda: "step  360" in "\n".join(picture(app)))
        fleet.add_log(fleet.jobs[0], b"and one line more\n")
        await settled(pilot, lambda: "and one line more" in "\n".join(picture(app)))
        await pilot.press("2", "g")
        await settled(pilot, lambda: "loading Qwen" in "\n".join(picture(app)))
        view = app.screen.query_one("#log-long", LogView)
        assert not view.follow
        await pilot.press("slash", *"warning", "enter")
        await settled(pilot, lambda: [line.data[:7] for line in view.lines] == [b"WARNING"])
        await pilot.press("escape", "G")
        await settled(pilot, lambda: view.follow and b"one line more" in view.lines[-1].data)


async def test_job_tabs_metrics_and_recipe_difference(app: LtApp, fleet: SampleFleet) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        page = await fleet_read(pilot)
        table = page.query_one("#jobs", Table)
        table.select(fleet.jobs[0])
        table.marks = {fleet.jobs[0], fleet.jobs[1]}
        await pilot.press("c")
        await settled(pilot, lambda: isinstance(app.screen, JobScreen) and app.screen.data)
        await pilot.press("3")
        await settled(pilot, lambda: "dpo-math-01" in "\n".join(picture(app)))
        await pilot.press("S", "L")
        await settled(pilot, lambda: "log scale" in "\n".join(picture(app)))
        await pilot.press("5")
        await settled(pilot, lambda: "seed: 1" in "\n".join(picture(app)))
        for key, word in (("4", "checkpoint-200"), ("6", "402 W"), ("7", "steps planned")):
            await pilot.press(key)
            await settled(pilot, lambda word=word: word in "\n".join(picture(app)))


async def test_submit_form_checks_while_one_types(app: LtApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await fleet_read(pilot)
        await pilot.press("n")
        await settled(pilot, lambda: "all is well" in "\n".join(picture(app)))
        app.screen.query_one("#fields", Table).select("train.learning_rate")
        await settled(pilot, lambda: "highest learning rate" in "\n".join(picture(app)))
        await pilot.press("enter", "ctrl+u", *"fast", "enter")
        await settled(pilot, lambda: "1 to mend" in "\n".join(picture(app)))
        await pilot.press("u")
        await settled(pilot, lambda: "all is well" in "\n".join(picture(app)))


async def test_dry_run_tells_why_a_host_can_not_take_it(app: LtApp, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Client, *_args: Any, **_more: Any) -> None:
        raise LtError("not_enough_gpus", host="a100", asked=9, there=8)

    monkeypatch.setattr(Client, "plan", refuse)
    async with app.run_test(size=(120, 40)) as pilot:
        await fleet_read(pilot)
        await pilot.press("n")
        await settled(pilot, lambda: "all is well" in "\n".join(picture(app)))
        await pilot.press("d")
        await settled(pilot, lambda: isinstance(app.screen, Tell))
        assert "9" in "\n".join(picture(app))


async def test_language_and_signs_switch_live(app: LtApp, fleet: SampleFleet) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await fleet_read(pilot)
        app.save_setting("language", "zh")
        await settled(pilot, lambda: "运行中" in "\n".join(picture(app)))
        assert "提交" in "\n".join(picture(app))
        app.save_setting("glyphs", "ascii")
        await settled(pilot, lambda: "* 运行中" in "\n".join(picture(app)))
        config = fleet.home.config_file
        await settled(pilot, lambda: config.exists() and 'language = "zh"' in config.read_text())
        app.save_setting("language", "en")
        await settled(pilot, lambda: "running" in "\n".join(picture(app)))


async def test_keys_are_remapped_by_the_configuration(fleet: SampleFleet, open_app: Callable[..., LtApp]) -> None:
    fleet.home.config_file.write_text('[tui]\ntheme = "colour-blind"\n[tui.keys]\n"act.submit" = "f5"\n')
    app = open_app(fleet.home.path)
    async with app.run_test(size=(120, 30)) as pilot:
        await fleet_read(pilot)
        assert app.theme == "colour-blind"
        await pilot.press("n")
        assert app.crumbs == ["fleet"]
        await pilot.press("f5")
        await settled(pilot, lambda: app.crumbs == ["fleet", "submit"])
        await pilot.press("escape", "question_mark")
        await settled(pilot, lambda: "f5" in "\n".join(picture(app)))


async def test_a_fault_in_the_configuration_is_told_by_line(fleet: SampleFleet, open_app: Callable[..., LtApp]) -> None:
    fleet.home.config_file.write_text("[tui\n")
    app = open_app(fleet.home.path)
    async with app.run_test(size=(140, 30), notifications=True) as pilot:
        told = await settled(pilot, lambda: [text for text in notices(app) if "config.toml" in text])
        assert "line 1" in told[0]


async def test_the_first_run_has_three_ways_to_begin(tmp_path: Path, open_app: Callable[..., LtApp]) -> None:
    app = open_app(tmp_path / "fresh")
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot, lambda: "Press one key" in "\n".join(picture(app)))
        await pilot.press("a")
        await settled(pilot, lambda: "Add a host" in "\n".join(picture(app)))
        await pilot.press("escape", "enter")
        await settled(pilot, lambda: app.crumbs == ["fleet"])


async def test_import_takes_hosts_from_the_ssh_configuration(
    tmp_path: Path, open_app: Callable[..., LtApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host lab\n  HostName 192.0.2.9\n  User me\n")
    app = open_app(tmp_path / "fresh")
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot, lambda: "Press one key" in "\n".join(picture(app)))
        await pilot.press("i")
        await settled(pilot, lambda: app.fleet and {"lab", "local"} == {info.name for info in app.fleet.hosts})


async def test_export_writes_what_is_shown(app: LtApp, tmp_path: Path) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await fleet_read(pilot)
        await pilot.press("ctrl+s", "enter")
        await settled(pilot, (tmp_path / "jobs.csv").exists)
        lines = (tmp_path / "jobs.csv").read_text().splitlines()
        assert lines[0].startswith("job,host,state")
        assert len(lines) == 15
        app.jump("job qwen-sft-00")
        await settled(pilot, lambda: isinstance(app.screen, JobScreen) and app.screen.data)
        await pilot.press("ctrl+s", "enter")
        await settled(pilot, (tmp_path / "qwen-sft-00-loss.svg").exists)
        assert "<polyline" in (tmp_path / "qwen-sft-00-loss.svg").read_text()


async def test_the_palette_finds_jobs_and_acts(app: LtApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await fleet_read(pilot)
        await pilot.press("ctrl+p", *"job qwen-sft-00")
        await settled(pilot, lambda: "Resume qwen" in "\n".join(picture(app)) or "job qwen" in "\n".join(picture(app)))
        await pilot.press("enter")
        await settled(pilot, lambda: app.page is not None and app.page.place.name.startswith("qwen-sft"))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("lang", ["en", "zh"])
async def test_every_screen_fits(app: LtApp, fleet: SampleFleet, lang: str, size: tuple[int, int]) -> None:
    i18n.switch(lang)
    add_groups(fleet)
    names = {"host": "a100", "job": "qwen-sft-00", "pipeline": "sft-eval", "sweep": "lr-search"}
    async with app.run_test(size=size) as pilot:
        await fleet_read(pilot)
        for kind in SCREENS:
            app.go(Place(kind, names.get(kind, "")), fresh=True)
            await settled(pilot, lambda kind=kind: app.page is not None and app.page.place.kind == kind)
            page = app.page
            assert page is not None
            if kind not in ("help", "welcome"):
                await settled(pilot, lambda page=page: page.data is not None)
            await pilot.pause(0.1)
            lines = picture(app)
            assert lines[0].strip().startswith("lt ›"), (kind, lines[0])
            if lang == "zh":
                assert re.search(r"[\u4e00-\u9fff]", "".join(lines)), kind
            assert glyphs.glyphs() is glyphs.UNICODE
