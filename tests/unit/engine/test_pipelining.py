"""What a pipeline does about trouble that is none of its stages': it waits, and asks for nothing over and over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lt_controller.engine.pipelining import PipelineDriver
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
