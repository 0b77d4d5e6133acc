"""The driver of sweeps: what passes is waited for, what is refused is not asked for ever, one fault stops one sweep."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.ulid import new_ulid
from lt_controller.client import database
from lt_controller.client.sweeping import SweepPlan, plan_sweep
from lt_controller.client.wishing import Wishes
from lt_controller.engine.sweeping import Sweeps
from lt_controller.store import intents, sweeps
from lt_inventory.hosts_file import HostsFile
from support.desk import Desk

GRID = "{version: 1, command: [echo, '{a}'], sweep: {a: [1, 2, 3, 4, 5], concurrency: 1}}"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.close()


def planned(desk: Desk, text: str, hosts: str = "box", wishes: Wishes | None = None) -> SweepPlan:
    (desk.work / "tries.yaml").write_text(text)
    return plan_sweep(desk.client, hosts, "tries.yaml", [], desk.work, wishes)


def start(desk: Desk, text: str = GRID, name: str = "s", hosts: str = "box") -> str:
    """Has a sweep asked for; its id."""
    plan, sweep = planned(desk, text, hosts), new_ulid()
    params = {"sweep": sweep, "name": name, "hosts": hosts, "recipe": plan.title, "plan": plan.to_json(), "told": {}}
    database.write_intent(desk.home.database, "sweep", sweep, params)
    return sweep


def state(desk: Desk, sweep: str) -> tuple[str, str | None]:
    """The sweep's state, and the code of what it says is wrong."""
    ((found, error),) = desk.rows(f"SELECT state, error FROM sweeps WHERE id='{sweep}'")
    return found, json.loads(error)["code"] if error else None


def trials(desk: Desk, sweep: str) -> list[str]:
    return [trial.state for trial in desk.writer.read(sweeps.trials, sweep)]


def job(desk: Desk, sweep: str, number: int = 1) -> str:
    return str(desk.writer.read(sweeps.trials, sweep)[number - 1].job)


def write(desk: Desk, sql: str, *values: Any) -> None:
    desk.writer.run("jobs", lambda db: db.execute(sql, values))


def begun(desk: Desk, text: str = GRID) -> tuple[Sweeps, str]:
    """A sweep whose first trial has become a job."""
    sweep = start(desk, text)
    driver = Sweeps(desk.client, desk.writer)
    driver.advance()
    desk.take_submits()
    driver.advance()
    assert trials(desk, sweep)[0] == "submitted"
    return driver, sweep


def stops(desk: Desk) -> list[str]:
    return [row[0] for row in desk.rows("SELECT id FROM intents WHERE kind='stop' ORDER BY rowid")]


def refuse(desk: Desk, intent: str, error: LtError) -> None:
    desk.writer.run("jobs", intents.failed, intent, error)


def ask(desk: Desk, kind: str, sweep: str, **params: Any) -> None:
    database.write_intent(desk.home.database, kind, sweep, {"sweep": sweep, "told": {}, **params})


@pytest.mark.parametrize("broken", ["no host is meant", "a typo in the hosts file"])
def test_what_a_person_mends_fails_no_trial(desk: Desk, broken: str) -> None:
    sweep = start(desk, hosts="any")
    before = desk.home.hosts_file.read_text()
    if broken == "no host is meant":
        HostsFile(desk.home.hosts_file).remove("box")
        HostsFile(desk.home.hosts_file).remove("twin")
        desk.writer.run("", lambda db: db.execute("DELETE FROM hosts"))
    else:
        desk.home.hosts_file.write_text(before + "\n[[")
    driver = Sweeps(desk.client, desk.writer)
    for _ in range(4):
        assert (driver.advance() or 0) > 1
    found, code = state(desk, sweep)
    assert found == "running" and code in ("no_host_meant", "hosts_file_invalid", "no_host_fits")
    assert trials(desk, sweep) == ["planned"]
    desk.home.hosts_file.write_text(before)
    driver.advance()
    assert trials(desk, sweep) == ["submitted"] and state(desk, sweep) == ("running", None)


def test_a_trial_whose_host_is_gone_is_asked_to_stop_once_and_ends(desk: Desk) -> None:
    driver, sweep = begun(desk)
    ask(desk, "sweep_stop", sweep)
    driver.advance()
    (stop,) = stops(desk)
    refuse(desk, stop, LtError("no_such_host", host="box", near=[]))
    driver.advance()
    driver.advance()
    assert stops(desk) == [stop]
    assert trials(desk, sweep) == ["stopped"] and state(desk, sweep)[0] == "stopped"
    driver.advance()
    assert not driver.busy()


def test_a_stop_that_was_refused_for_now_is_asked_again_only_after_a_while(desk: Desk) -> None:
    driver, sweep = begun(desk)
    ask(desk, "sweep_stop", sweep)
    driver.advance()
    refuse(desk, stops(desk)[0], LtError("agent_failed", host="box", why="x"))
    for _ in range(3):
        assert (driver.advance() or 0) > 1
    assert len(stops(desk)) == 1 and state(desk, sweep)[0] == "stopping"
    write(desk, "UPDATE intents SET done_at='2000-01-01T00:00:00Z' WHERE kind='stop'")
    driver.advance()
    assert len(stops(desk)) == 2


def test_a_trial_whose_job_another_has_adopted_counts_as_ended(desk: Desk) -> None:
    driver, sweep = begun(desk)
    write(desk, "UPDATE jobs SET adopted_by='a@b'")
    driver.advance()
    assert trials(desk, sweep) == ["stopped", "submitted"] and stops(desk) == []
    with pytest.raises(LtError) as told:
        write(desk, "UPDATE sweeps SET state='stopped', plan=json_set(plan, '$.total', 1)")
        write(desk, "DELETE FROM trials WHERE number=2")
        desk.client.resume_sweep("s")
    assert told.value.code == "sweep_is_done"


def test_trials_that_wait_are_stopped_with_a_sweep_that_fails_and_can_be_resumed(desk: Desk) -> None:
    driver, sweep = begun(desk, GRID.replace("concurrency: 1", "concurrency: 1, stop_after_failures: 1"))
    waiting = new_ulid()
    desk.writer.run("sweeps", sweeps.add_trial, sweep, 2, waiting, "s-2", {"parameters.a": 2})
    desk.end(job(desk, sweep), "failed")
    driver.advance()
    assert state(desk, sweep) == ("failed", "trials_failing") and trials(desk, sweep) == ["failed", "stopped"]
    assert not desk.rows(f"SELECT 1 FROM intents WHERE job_id='{waiting}'")
    desk.client.resume_sweep("s")
    driver.advance()
    assert trials(desk, sweep) == ["submitted", "planned"] and state(desk, sweep)[0] == "running"


def test_a_resume_runs_no_job_again_that_has_succeeded_meanwhile(desk: Desk) -> None:
    driver, sweep = begun(desk)
    desk.end(job(desk, sweep), "failed")
    driver.advance()
    write(desk, "UPDATE sweeps SET state='failed'")
    desk.client.resume_sweep("s")
    write(desk, "UPDATE jobs SET state='succeeded' WHERE id=?", job(desk, sweep))
    driver.advance()
    assert trials(desk, sweep)[0] == "succeeded"
    assert desk.rows("SELECT 1 FROM intents WHERE kind='resume'") == []


def test_one_sweeps_fault_is_told_and_holds_up_no_other(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = start(desk, GRID, "broken")
    sound = start(desk, GRID.replace("echo", "printf"), "sound")
    plain = SweepPlan.trial_order

    def faulty(plan: SweepPlan, values: Any) -> Any:
        if plan.order.argv[0] == "echo":
            raise RuntimeError("a fault of ours")
        return plain(plan, values)

    monkeypatch.setattr(SweepPlan, "trial_order", faulty)
    driver = Sweeps(desk.client, desk.writer)
    assert driver.advance() is not None
    assert state(desk, broken) == ("running", "internal") and trials(desk, sound) == ["submitted"]
    monkeypatch.setattr(SweepPlan, "trial_order", plain)
    driver.advance()
    assert state(desk, broken) == ("running", None)


def test_a_search_without_optuna_waits_and_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "{version: 1, command: [echo, '{a}'], sweep: {search: {a: {uniform: [0, 1]}}, trials: 2, metric: loss}}"
    sweep = start(desk, text)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert Sweeps(desk.client, desk.writer).advance() is not None
    assert state(desk, sweep) == ("running", "optuna_missing")


def test_a_request_that_cannot_be_read_stops_no_sweep_after_it(desk: Desk) -> None:
    ask(desk, "sweep", new_ulid())
    sweep = start(desk)
    Sweeps(desk.client, desk.writer).advance()
    assert trials(desk, sweep) == ["submitted"]
    assert desk.rows("SELECT state FROM intents WHERE kind='sweep' ORDER BY rowid") == [("failed",), ("done",)]


def test_each_trial_has_the_resources_of_its_own_values(desk: Desk) -> None:
    text = "{version: 1, command: [x], resources: {cpus: 2}, sweep: {resources.cpus: [1, 4], resources.disk: [1GiB]}}"
    plan = planned(desk, text, wishes=Wishes(disk=5, priority=7))
    values = {"resources.cpus": 4, "resources.disk": "1GiB"}
    for each in (plan, SweepPlan.from_json(json.loads(json.dumps(plan.to_json())))):
        wishes = Wishes(**each.trial_order(values)[0].wishes)
        assert (wishes.cpus, wishes.disk, wishes.priority) == (4, 5, 7)


def test_data_of_every_trial_is_as_it_was_when_the_sweep_began(desk: Desk) -> None:
    for name in ("a", "b", "c"):
        (desk.work / f"{name}.jsonl").write_text('{"text": "x"}\n')
    text = (
        "{version: 1, method: sft, model: {name_or_path: host:/m}, datasets: [{path: a.jsonl, type: text}],"
        " resources: {gpus: 0}, sweep: {datasets.0.path: [a.jsonl, b.jsonl]}}"
    )
    order, _ = planned(desk, text).trial_order({"datasets.0.path": str(desk.work / "b.jsonl")})
    assert sorted(Path(path).name for path in order.data) == ["a.jsonl", "b.jsonl"]


def test_of_several_hosts_one_that_left_the_inventory_holds_up_no_trial(desk: Desk) -> None:
    sweep = start(desk, hosts="box,twin")
    HostsFile(desk.home.hosts_file).remove("box")
    Sweeps(desk.client, desk.writer).advance()
    assert trials(desk, sweep) == ["submitted"]
    assert desk.rows("SELECT json_extract(params, '$.host') FROM intents WHERE kind='submit'") == [("twin",)]
    HostsFile(desk.home.hosts_file).remove("twin")
    with pytest.raises(LtError) as told:
        planned(desk, GRID, "box,twin")
    assert told.value.code == "no_such_host"


def test_hosts_that_can_take_nothing_are_not_asked_at_every_piece_of_news(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(desk, hosts="box,twin")
    asked: list[str] = []

    def refuse_it(*words: object, **more: object) -> None:
        asked.append("")
        raise LtError("no_host_fits", asked="box,twin", ranking=[])

    monkeypatch.setattr("lt_controller.client.orders.submit", refuse_it)
    driver = Sweeps(desk.client, desk.writer)
    for _ in range(5):
        assert 1 < (driver.advance() or 0) <= 15
    assert len(asked) == 1
    HostsFile(desk.home.hosts_file).remove("twin")  # a person was at the inventory: it may be otherwise now
    driver.advance()
    assert len(asked) == 2


def test_a_host_that_comes_while_a_sweep_runs_is_used_and_a_closed_one_is_not(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = HostsFile(desk.home.hosts_file)
    file.update(replace(file.load()["twin"], closed="drained"))
    sweep = start(desk, GRID.replace(", concurrency: 1", ""), hosts="any")
    assert desk.writer.read(sweeps.open_sweeps) == []
    monkeypatch.setattr("lt_controller.engine.sweeping.ROOM_EVERY", 0.0)
    driver = Sweeps(desk.client, desk.writer)

    def steps() -> list[str]:
        for _ in range(3):
            driver.advance()
            desk.take_submits()
        return trials(desk, sweep)

    assert steps() == ["submitted"]
    file.update(replace(file.load()["twin"], closed=""))
    assert steps() == ["submitted", "submitted"]


def test_rows_of_every_trials_data_are_looked_at_before_anything_starts(desk: Desk) -> None:
    good, bad = desk.work / "good.jsonl", desk.work / "bad.jsonl"
    good.write_text('{"prompt": "a", "completion": "b"}\n')
    bad.write_text('{"prompt": "a"}\n')
    text = (
        "{version: 1, extends: tiny-sft, datasets: [{path: good.jsonl, type: prompt_completion}],"
        " sweep: {datasets.0.path: [good.jsonl, bad.jsonl], seed: [1, 2]}}"
    )
    with pytest.raises(LtError) as told:
        planned(desk, text)
    assert told.value.code == "bad_dataset" and told.value.params["path"] == str(bad)
    bad.write_text('{"prompt": "a", "completion": "c"}\n')
    assert planned(desk, text).total == 4
