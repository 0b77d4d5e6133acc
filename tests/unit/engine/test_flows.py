"""The thread that carries pipelines on: it wakes when something happens, and may be killed between any two steps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import ExitRecord
from lt_agent.protocol.ulid import new_ulid
from lt_controller.client import Client, database
from lt_controller.client.stages import Pipeline
from lt_controller.engine import flows
from lt_controller.engine.flows import Flows, Inside
from lt_controller.engine.pipelining import PipelineDriver
from lt_controller.store import jobs, pipelines
from lt_controller.store.writer import Writer
from lt_inventory.hosts_file import HostsFile
from support.desk import STAGES, Desk
from support.wait import until


class Killed(BaseException):
    """The controller's end, where no code can catch it."""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.close()


def work_to_the_end(desk: Desk, run: str, advance: Callable[[], None]) -> Pipeline:
    """Ends whatever runs, until the pipeline has come to rest."""
    for _ in range(200):
        advance()
        desk.take_submits()
        found = desk.pipeline(run) if desk.rows("SELECT 1 FROM pipelines") else None
        if found is not None and not found.alive:
            return found
        for stage in found.stages if found else ():
            if stage.state == "queued":
                desk.end(stage.job)
    raise AssertionError(f"never at rest: {desk.pipeline(run)}")


def test_stages_are_submitted_when_what_they_need_has_succeeded(desk: Desk) -> None:
    run = desk.run()
    driver = PipelineDriver(desk.client, desk.writer)
    assert driver.busy()
    driver.advance()
    desk.take_submits()
    assert [stage.state for stage in desk.pipeline(run).stages] == ["queued", "pending", "pending", "pending"]
    found = work_to_the_end(desk, run, lambda: driver.advance() and None)
    assert found.state == "succeeded" and not driver.busy()
    first = found.stage("a").job
    assert desk.rows("SELECT json_extract(spec, '$.inputs.made') FROM jobs WHERE name LIKE 'p-c-%'") == [
        (f"/r/jobs/{first}/1/out/files",)
    ]


@pytest.mark.parametrize("kill_before", [True, False])
def test_killed_at_every_write_no_stage_is_submitted_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, kill_before: bool
) -> None:
    """Whatever is written is written by the writer or as an intent: the end comes before or after each of these."""
    run = desk.run()
    deaths = 0
    left = 0

    def mortal(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0 and kill_before:
                raise Killed
            value = function(*args, **named)
            if left == 0:
                raise Killed
            return value

        return call

    monkeypatch.setattr(database, "write_intent", mortal(database.write_intent))
    monkeypatch.setattr("lt_controller.client.base.write_intent", database.write_intent)

    class Mortal(Writer):
        """The same writer, whose user may die at any call of it."""

        def __init__(self) -> None:
            self.run = mortal(desk.writer.run)  # type: ignore[method-assign]
            self.read = mortal(desk.writer.read)  # type: ignore[method-assign]

    def advance() -> None:
        nonlocal deaths, left
        lives = 0
        while True:  # each life gets one call further than the one before
            lives += 1
            left = lives
            try:
                PipelineDriver(desk.client, Mortal()).advance()
            except Killed:
                deaths += 1
                continue
            left = 0
            return

    assert work_to_the_end(desk, run, advance).state == "succeeded"
    assert deaths > 10
    submitted = desk.rows("SELECT job_id FROM intents WHERE kind='submit'")
    assert len(submitted) == len(set(submitted)) == 4
    assert sorted(submitted) == sorted((stage.job,) for stage in desk.pipeline(run).stages)


def test_a_failure_stops_only_what_needs_it(desk: Desk) -> None:
    text = STAGES.replace("needs: [b, c]", "needs: [b]")
    run = desk.run(text)
    driver = PipelineDriver(desk.client, desk.writer)
    driver.advance()
    desk.take_submits()
    desk.end(desk.pipeline(run).stage("a").job)
    driver.advance()
    desk.take_submits()
    desk.end(desk.pipeline(run).stage("b").job, "failed")
    driver.advance()
    assert desk.pipeline(run).state == "running"  # c is still at it
    desk.end(desk.pipeline(run).stage("c").job)
    driver.advance()
    found = desk.pipeline(run)
    assert found.state == "failed" and found.finished_at is not None
    assert {stage.name: stage.state for stage in found.stages} == {
        "a": "succeeded",
        "b": "failed",
        "c": "succeeded",
        "d": "blocked",
    }


def test_what_a_stage_needs_from_another_host_is_asked_home_once_and_waited_for(desk: Desk, tmp_path: Path) -> None:
    run = desk.run(
        "{version: 1, stages: {a: {command: [x], outputs: [o], host: box},"
        " b: {command: [x], inputs: {i: job:a}, host: twin}}}"
    )
    driver = PipelineDriver(desk.client, desk.writer)
    driver.advance()
    desk.take_submits()
    job = desk.pipeline(run).stage("a").job
    desk.end(job)
    for _ in range(3):
        assert driver.advance() is not None  # it looks again by itself
    stage = desk.pipeline(run).stage("b")
    assert stage.state == "ready" and stage.waits is not None and stage.waits["code"] == "outputs_on_their_way"
    assert desk.rows("SELECT job_id FROM intents WHERE kind='pull'") == [(job,)]
    home = tmp_path / "came home"
    home.mkdir()
    (home / "o").write_text("x")
    desk.writer.run(
        "checkpoints", lambda db: db.execute("UPDATE checkpoints SET pull_state='pulled', path=?", (str(home),))
    )
    assert driver.advance() is None
    assert desk.pipeline(run).stage("b").state == "queued"


def test_a_stage_that_can_never_be_submitted_is_refused_with_its_reason(desk: Desk) -> None:
    run = desk.run("{version: 1, host: box, stages: {a: {command: [x]}, b: {command: [x], needs: [a]}}}")
    HostsFile(desk.home.hosts_file).remove("box")
    PipelineDriver(desk.client, desk.writer).advance()
    found = desk.pipeline(run)
    assert found.state == "failed" and [stage.state for stage in found.stages] == ["refused", "blocked"]
    assert found.stages[0].error is not None and found.stages[0].error["code"] == "no_such_host"


def test_a_request_that_cannot_be_read_stops_none_after_it(desk: Desk) -> None:
    database.write_intent(desk.home.database, pipelines.RUN, new_ulid(), {"name": "x", "told": {}})
    run = desk.run()
    PipelineDriver(desk.client, desk.writer).advance()
    assert desk.pipeline(run).state == "running"
    assert desk.rows("SELECT state FROM intents WHERE kind='pipeline run' ORDER BY rowid") == [("failed",), ("done",)]


def test_a_pipeline_that_cannot_be_read_holds_up_none_after_it(desk: Desk) -> None:
    broken = desk.run()
    driver = PipelineDriver(desk.client, desk.writer)
    driver.advance()
    desk.writer.run("", lambda db: db.execute("DELETE FROM intents WHERE kind='submit'"))
    desk.writer.run("", lambda db: db.execute("UPDATE stages SET work='{\"nonsense\": 1}'"))
    (desk.work / "q.yaml").write_text("{version: 1, host: box, stages: {a: {command: [x]}}}")
    sound = str(desk.client.run_pipeline(desk.work / "q.yaml").job)
    assert driver.advance() is not None
    assert desk.pipeline(sound).stage("a").state == "queued" and desk.pipeline(broken).stage("a").state == "ready"


def test_a_pipeline_whose_only_job_is_paused_keeps_no_controller(desk: Desk) -> None:
    run = desk.run()
    driver = PipelineDriver(desk.client, desk.writer)
    driver.advance()
    desk.take_submits()
    desk.end(desk.pipeline(run).stage("a").job, "paused")
    driver.advance()
    assert desk.pipeline(run).state == "running" and not driver.busy()


def test_one_drivers_fault_does_not_hurt_another_and_news_wakes_both(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flows, "QUIET", 0.0)
    called = threading.Semaphore(0)

    class Bad:
        def advance(self) -> float | None:
            raise RuntimeError("a fault of ours")

        def busy(self) -> bool:
            return False

    class Good(Bad):
        def advance(self) -> float | None:
            called.release()
            return None

    thread = Flows(desk.home, desk.writer, lambda request: {}, lambda client, writer: [Bad(), Good()])
    for _ in range(3):
        assert called.acquire(timeout=60)
        thread.poke()
    thread.close()


def test_a_client_inside_asks_the_controller_without_a_socket(desk: Desk) -> None:
    asked: list[Any] = []
    with Inside(desk.home, lambda request: asked.append(request) or {}) as client:
        assert isinstance(client, Client) and client.controller_start().running
        client.wake()
        assert client.needed_secrets(["NOBODY_HAS_IT"]) == ("NOBODY_HAS_IT",)
        with pytest.raises(LtError):
            client.needed_secrets(["PATH"])
    assert asked == [{"op": "wake", "host": None}]
    until(lambda: not desk.home.controller_sock.exists(), 1)


def test_a_resume_leaves_a_host_that_takes_nothing_or_is_not_meant_any_more(desk: Desk) -> None:
    run = desk.run("{version: 1, host: 'box,twin', stages: {a: {command: [x]}, b: {command: [x], needs: [a]}}}")
    driver = PipelineDriver(desk.client, desk.writer)
    driver.advance()
    desk.take_submits()
    first = desk.pipeline(run).stage("a")
    desk.end(first.job, "failed")
    driver.advance()
    assert first.host == "box"

    def plan(**named: Any) -> list[str]:
        return [item.action for item in desk.client.plan_resume(run, **named)]

    assert plan() == plan(on="box") == plan(on="any") == ["again", "wait"]
    assert plan(on="twin") == ["anew", "anew"]
    file = HostsFile(desk.home.hosts_file)
    file.update(replace(file.load()["box"], closed="retired"))
    assert plan() == ["anew", "anew"]
    desk.client.resume_pipeline(run)
    driver.advance()
    desk.take_submits()
    again = desk.pipeline(run).stage("a")
    assert (again.host, again.state) == ("twin", "queued") and again.job != first.job


def test_a_failed_pipeline_goes_on_when_the_job_of_its_stage_does(desk: Desk) -> None:
    run = desk.run()
    driver = PipelineDriver(desk.client, desk.writer)
    driver.advance()
    desk.take_submits()
    job = desk.pipeline(run).stage("a").job
    desk.end(job, "lost")
    driver.advance()
    assert desk.pipeline(run).state == "failed"
    attempt = desk.writer.run("jobs", jobs.new_attempt, job, None)
    driver.advance()
    assert desk.pipeline(run).state == "running"
    desk.writer.run("jobs", jobs.end_attempt, job, attempt, ExitRecord("failed", "done"), 0.0)
    driver.advance()
    attempt = desk.writer.run("jobs", jobs.new_attempt, job, None)  # and ends before anybody looks
    desk.writer.run("jobs", jobs.end_attempt, job, attempt, ExitRecord("succeeded", "done"), 0.0)
    desk.writer.run("jobs", lambda db: db.execute("UPDATE pipelines SET finished_at='2000-01-01T00:00:00Z'"))
    driver.advance()
    assert desk.pipeline(run).state == "running" and desk.pipeline(run).stage("b").state == "queued"


def test_a_hosts_clock_that_is_ahead_wakes_no_failed_pipeline(desk: Desk) -> None:
    run = desk.run("{version: 1, host: box, stages: {a: {command: [x]}, b: {command: ['false']}}}")
    driver = PipelineDriver(desk.client, desk.writer)
    driver.advance()
    desk.take_submits()
    found = desk.pipeline(run)
    late = ExitRecord("succeeded", "done", finished_at=4e9)
    desk.writer.run("jobs", jobs.end_attempt, found.stage("a").job, 1, late, 0.0)
    desk.end(found.stage("b").job, "failed")
    driver.advance()
    ended = desk.pipeline(run)
    driver.advance()
    assert desk.pipeline(run) == ended and ended.state == "failed" and not driver.busy()
    assert desk.writer.read(pipelines.alive_again) == []


def test_what_was_said_at_the_run_holds_on_when_the_file_is_read_again(desk: Desk) -> None:
    text = (
        "{version: 1, params: {word: x, old: 1}, stages: {a: {command: [echo, 'param:word']},"
        " b: {command: ['false'], needs: [a]}}}"
    )
    path = desk.work / "p.yaml"
    path.write_text(text)
    run = str(desk.client.run_pipeline(path, ["word=y", "old=2"], on="twin").job)
    driver = PipelineDriver(desk.client, desk.writer)
    driver.advance()
    desk.take_submits()
    found = desk.pipeline(run)
    assert dict(found.params) == {"word": "y", "old": 2} and found.stage("a").title == "echo y"
    desk.end(found.stage("a").job)
    path.write_text(text.replace(", old: 1", "").replace("'false'", "'true'"))
    plans = desk.client.plan_resume(run, file=path)
    assert [(plan.action, plan.asked) for plan in plans] == [("keep", "twin"), ("anew", "twin")]
    assert [plan.action for plan in desk.client.plan_resume(run, file=path, params=["word=z"])] == ["anew", "anew"]
