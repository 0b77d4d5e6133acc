"""What a pipeline does about trouble that is none of its stages': it waits, and asks for nothing over and over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lt_agent.protocol.errors import LtError
from lt_controller.client import orders
from lt_controller.engine.pipelining import PipelineDriver
from lt_controller.store import intents, jobs
from support.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.close()


def test_a_hosts_file_that_is_being_edited_refuses_no_stage(desk: Desk) -> None:
    run = desk.run("{version: 1, host: box, stages: {a: {command: [x]}}}")
    sound = desk.home.hosts_file.read_text()
    desk.home.hosts_file.write_text(sound + "\n[hosts.typo\n")
    driver = PipelineDriver(desk.client, desk.writer)
    assert driver.advance() is not None  # it tries again
    stage = desk.pipeline(run).stage("a")
    assert stage.state == "ready" and stage.waits is not None and stage.waits["code"] == "hosts_file_invalid"
    driver.advance()
    desk.home.hosts_file.write_text(sound)
    driver.advance()
    assert desk.pipeline(run).stage("a").state == "queued"


def test_labels_that_mean_no_host_today_refuse_no_stage(desk: Desk) -> None:
    run = desk.run("{version: 1, host: any, stages: {a: {command: [x]}}}")
    sound = desk.home.hosts_file.read_text()
    desk.home.hosts_file.write_text("")
    driver = PipelineDriver(desk.client, desk.writer)
    assert driver.advance() is not None
    assert desk.pipeline(run).stage("a").state == "ready"
    desk.home.hosts_file.write_text(sound)
    driver.advance()
    assert desk.pipeline(run).stage("a").state == "queued"


FAR = (
    "{version: 1, stages: {a: {command: [x], outputs: [o], host: box},"
    " b: {command: [x], inputs: {i: job:a}, host: twin}}}"
)


def _until_asked_home(desk: Desk) -> tuple[str, PipelineDriver]:
    """A pipeline that has asked for what its first stage made, and its driver."""
    run = desk.run(FAR)
    driver = PipelineDriver(desk.client, desk.writer)
    driver.advance()
    desk.take_submits()
    desk.end(desk.pipeline(run).stage("a").job)
    driver.advance()
    assert len(_pulls(desk)) == 1
    return run, driver


def _pulls(desk: Desk) -> list[Any]:
    return [row[0] for row in desk.rows("SELECT id FROM intents WHERE kind='pull' ORDER BY rowid")]


def test_a_pull_that_can_never_be_refuses_the_stage_and_is_not_asked_again(desk: Desk) -> None:
    run, driver = _until_asked_home(desk)
    error = LtError("no_such_host", host="box", near=[])
    desk.writer.run("jobs", intents.failed, _pulls(desk)[0], error)
    for _ in range(3):
        driver.advance()
    stage = desk.pipeline(run).stage("b")
    assert stage.state == "refused" and stage.error == error.as_dict() and len(_pulls(desk)) == 1
    assert desk.pipeline(run).state == "failed" and not driver.busy()
    desk.client.resume_pipeline(run)  # the host is there again: the old answer counts no more
    driver.advance()
    assert desk.pipeline(run).stage("b").state == "ready" and len(_pulls(desk)) == 2


@pytest.mark.parametrize("refused", [True, False])
def test_a_pull_that_fails_is_asked_again_after_a_while_only(desk: Desk, refused: bool) -> None:
    run, driver = _until_asked_home(desk)
    if refused:
        desk.writer.run("jobs", intents.failed, _pulls(desk)[0], LtError("disk_full"))
    else:
        desk.writer.run("jobs", intents.done, _pulls(desk)[0])
        desk.writer.run("", lambda db: db.execute("UPDATE checkpoints SET pull_state='failed'"))
    for _ in range(3):
        assert driver.advance() is not None
    assert len(_pulls(desk)) == 1 and desk.pipeline(run).stage("b").state == "ready"
    desk.writer.run("", lambda db: db.execute("UPDATE intents SET done_at='2026-01-01T00:00:00.000000Z'"))
    driver.advance()
    assert len(_pulls(desk)) == 2


@pytest.mark.parametrize("state", ["running", "paused"])
def test_a_job_that_was_given_up_and_removed_holds_its_pipeline_no_longer(desk: Desk, state: str) -> None:
    run = desk.run()
    driver = PipelineDriver(desk.client, desk.writer)
    driver.advance()
    desk.take_submits()
    job = desk.pipeline(run).stage("a").job
    if state == "paused":
        desk.end(job, "paused")
    else:
        desk.writer.run("jobs", jobs.set_state, job, 1, state)
    desk.writer.run("jobs", jobs.remove, job)
    driver.advance()
    found = desk.pipeline(run)
    assert found.stage("a").state == "cancelled" and found.state == "failed" and not driver.busy()
    desk.client.remove_pipeline(run)


def _actions(desk: Desk, run: str) -> dict[str, str]:
    return {plan.name: plan.action for plan in desk.client.plan_resume(run)}


@pytest.mark.parametrize("how", ["removed=1", "adopted_by='a@b'"])
def test_a_stage_whose_job_is_gone_is_made_anew(desk: Desk, how: str) -> None:
    run = desk.run()
    driver = PipelineDriver(desk.client, desk.writer)
    driver.advance()
    desk.take_submits()
    old = desk.pipeline(run).stage("a").job
    desk.end(old, "failed")
    assert _actions(desk, run) == {"a": "again", "b": "wait", "c": "wait", "d": "wait"}
    desk.writer.run("jobs", lambda db: db.execute(f"UPDATE jobs SET {how}"))
    assert _actions(desk, run) == dict.fromkeys("abcd", "anew")
    desk.client.resume_pipeline(run)
    driver.advance()
    stage = desk.pipeline(run).stage("a")
    assert stage.job != old and stage.state == "queued"
    assert desk.rows("SELECT 1 FROM intents WHERE kind IN ('stop', 'resume')") == []


def test_what_a_removed_job_has_made_is_made_again_only_where_it_is_still_needed(desk: Desk) -> None:
    run = desk.run()
    driver = PipelineDriver(desk.client, desk.writer)
    driver.advance()
    desk.take_submits()
    desk.end(desk.pipeline(run).stage("a").job)
    driver.advance()
    desk.take_submits()
    jobs_of = {name: desk.pipeline(run).stage(name).job for name in "abc"}
    desk.end(jobs_of["c"])
    desk.end(jobs_of["b"], "failed")
    desk.writer.run("jobs", jobs.remove, jobs_of["a"])
    # `b` comes after `a` and takes nothing of it; `c`, which did, has succeeded.
    assert _actions(desk, run) == {"a": "keep", "b": "again", "c": "keep", "d": "wait"}
    desk.writer.run("jobs", jobs.remove, jobs_of["c"])
    assert _actions(desk, run) == {"a": "keep", "b": "again", "c": "keep", "d": "wait"}
    desk.writer.run("jobs", lambda db: db.execute("UPDATE jobs SET state='failed' WHERE id=?", (jobs_of["c"],)))
    assert _actions(desk, run) == dict.fromkeys("abcd", "anew")


def test_a_stage_that_no_host_can_take_now_is_not_tried_at_every_piece_of_news(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = desk.run("{version: 1, host: box, stages: {a: {command: [x]}}}")
    asked: list[str] = []

    def refuse_it(*words: object, **more: object) -> None:
        asked.append("")
        raise LtError("host_unreachable", host="box", why="x")

    monkeypatch.setattr(orders, "submit", refuse_it)
    driver = PipelineDriver(desk.client, desk.writer)
    for _ in range(4):
        assert driver.advance() is not None
    assert len(asked) == 1 and desk.pipeline(run).stage("a").state == "ready"
    desk.client.resume_pipeline(run)  # a person asks: now
    driver.advance()
    assert len(asked) == 2


@pytest.mark.parametrize("kind", ["resume", "relocate"])
def test_a_stop_takes_back_what_was_to_begin_a_stage_again(desk: Desk, kind: str) -> None:
    run = desk.run()
    driver = PipelineDriver(desk.client, desk.writer)
    driver.advance()
    desk.take_submits()
    job = desk.pipeline(run).stage("a").job
    desk.end(job, "failed")
    driver.advance()
    desk.client.resume_pipeline(run)
    driver.advance()
    desk.writer.run("", lambda db: db.execute("UPDATE intents SET kind=? WHERE kind='resume'", (kind,)))
    assert desk.pipeline(run).stage("a").state == "queued"
    desk.client.stop_pipeline(run)
    driver.advance()
    assert desk.rows(f"SELECT state, json_extract(error, '$.code') FROM intents WHERE kind='{kind}'") == [
        ("failed", "stopped_before_start")
    ]
    assert desk.pipeline(run).state == "stopped" and not driver.busy()


def test_a_pipeline_with_a_secret_in_plain_is_refused_before_anything_is_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "hush-hush-hush")
    with pytest.raises(LtError) as caught:
        desk.run(
            "{version: 1, host: box, stages: {a: {command: [x, --token, hush-hush-hush], secrets: [MY_TOKEN]}}}",
        )
    assert caught.value.code == "secret_in_plain" and caught.value.params == {"name": "MY_TOKEN"}
    assert desk.rows("SELECT 1 FROM intents") == []
    assert desk.run("{version: 1, host: box, stages: {a: {command: [x], secrets: [MY_TOKEN]}}}")


def test_a_sweep_with_a_secret_in_plain_is_refused_before_anything_is_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "hush-hush-hush")
    (desk.work / "s.yaml").write_text(
        "{version: 1, command: [x, --token, hush-hush-hush, '{n}'], secrets: [MY_TOKEN], sweep: {n: [1, 2]}}"
    )
    with pytest.raises(LtError) as caught:
        desk.client.start_sweep("box", str(desk.work / "s.yaml"), folder=desk.work)
    assert caught.value.code == "secret_in_plain"
    assert desk.rows("SELECT 1 FROM intents") == []


def test_a_frozen_recipe_is_looked_through_for_its_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "höchst-geheim")
    path = tmp_path / "frozen.yaml"
    order = orders.Order(kind="recipe", title="r", digest="d", recipe=str(path))
    path.write_text(json.dumps({"secrets": ["MY_TOKEN"], "env": {"variables": {"T": "x"}}}))
    orders.check_not_plain(order)
    path.write_text(json.dumps({"secrets": ["MY_TOKEN"], "env": {"variables": {"T": "höchst-geheim"}}}))
    with pytest.raises(LtError) as caught:
        orders.check_not_plain(order)
    assert caught.value.code == "secret_in_plain"
