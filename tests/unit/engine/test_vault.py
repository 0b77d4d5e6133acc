"""Secrets that were given for all jobs of a sweep or a pipeline: each of its jobs finds them, as long as it goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.ulid import new_ulid
from lt_controller.engine.pipelining import PipelineDriver
from lt_controller.engine.server import Server
from lt_controller.engine.sweeping import Sweeps
from lt_controller.engine.vault import EXPECTED, Confiding, Vault
from lt_controller.store import confided
from support.desk import Desk

SWEEP = "{version: 1, command: [x, '{a}'], secrets: [MY_TOKEN], sweep: {a: [1, 2], concurrency: 1}}"
STAGES = "{version: 1, host: box, stages: {a: {command: [x], secrets: [MY_TOKEN]}, b: {command: [x], needs: [a]}}}"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.close()


@pytest.fixture
def vault(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Vault:
    """What the desk's client gives lands here, as with a controller."""
    made = Vault()

    def handle(request: dict[str, Any]) -> Any:
        if request["op"] == "confide":
            made.give(request["job"], request["values"])
        return {}

    monkeypatch.setattr(desk.client, "_handle", handle)
    return made


def with_start(desk: Desk, vault: Vault, job: str) -> dict[str, Any]:
    return Confiding("box", desk.writer, None, vault).with_start(job, ["MY_TOKEN"])  # type: ignore[arg-type]


def trial_of(desk: Desk, sweep: str, number: int) -> str:
    job = new_ulid()
    values = (sweep, number, job, f"s-{number}", "{}", "planned", "")
    sql = "INSERT INTO trials (sweep_id, number, job_id, job_name, params, state, created_at) VALUES (?,?,?,?,?,?,?)"
    desk.writer.run("sweeps", lambda db: db.execute(sql, values))
    return job


def a_sweep(desk: Desk) -> str:
    """A sweep whose first trial has been handed in."""
    (desk.work / "s.yaml").write_text(SWEEP)
    sweep = desk.client.start_sweep("box", "s.yaml", folder=desk.work).id
    Sweeps(desk.client, desk.writer).advance()
    return sweep


def test_what_only_the_shell_knew_reaches_every_trial_of_its_sweep(
    desk: Desk, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "hush-hush-hush")
    monkeypatch.setattr(desk.client, "settle", lambda request, timeout: request)
    sweep = a_sweep(desk)
    monkeypatch.delenv("MY_TOKEN")
    later = trial_of(desk, sweep, 7)
    assert with_start(desk, vault, later) == {"secrets": {"MY_TOKEN": "hush-hush-hush"}}
    assert sweep in desk.writer.read(confided.with_a_use)
    assert with_start(desk, vault, new_ulid()) == {}


def test_a_pipelines_secrets_reach_its_stages(desk: Desk, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "hush-hush-hush")
    run = desk.run(STAGES)
    PipelineDriver(desk.client, desk.writer).advance()
    monkeypatch.delenv("MY_TOKEN")
    job = desk.pipeline(run).stage("a").job
    assert with_start(desk, vault, job) == {"secrets": {"MY_TOKEN": "hush-hush-hush"}}


def test_given_again_for_one_job_it_is_given_for_all_of_its_sweep(
    desk: Desk, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "hush-hush-hush")
    monkeypatch.setattr(desk.client, "settle", lambda request, timeout: request)
    sweep = a_sweep(desk)
    desk.take_submits()
    ((job,),) = desk.rows("SELECT id FROM jobs")
    later = trial_of(desk, sweep, 7)
    emptied = Vault()  # as after a restart
    monkeypatch.setattr(desk.client, "_handle", lambda ask: "job" in ask and emptied.give(ask["job"], ask["values"]))
    assert desk.client.give_secrets(job) == ["MY_TOKEN"]
    assert with_start(desk, emptied, later) == {"secrets": {"MY_TOKEN": "hush-hush-hush"}}


def test_what_has_no_use_any_more_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("lt_controller.engine.vault.time.monotonic", lambda: now)
    vault, sweep = Vault(), new_ulid()
    vault.give(sweep, {"A": "1"})
    now += EXPECTED + 1
    vault.keep_only({sweep})
    assert vault.find(new_ulid(), ["A"], sweep) == {"A": "1"}
    vault.keep_only(set())
    assert vault.find(new_ulid(), ["A"], sweep) == {}


def test_what_the_keyring_has_now_goes_before_what_was_given_earlier() -> None:
    vault = Vault()
    vault.give("notify", {"HOOK": "old", "SIGN": "s"})
    vault.forget("notify", ["HOOK"])
    assert vault.find("notify", ["HOOK", "SIGN"]) == {"SIGN": "s"}


def test_a_recipe_with_a_secret_in_plain_leaves_nothing_in_the_cache(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "hush-hush-hush")
    (desk.work / "r.yaml").write_text(
        json.dumps(
            {
                "version": 1,
                "extends": "tiny-sft",
                "secrets": ["MY_TOKEN"],
                "env": {"variables": {"T": "hush-hush-hush"}},
                "sweep": {"seed": [1, 2]},
            }
        )
    )
    with pytest.raises(LtError) as caught:
        desk.client.start_sweep("box", "r.yaml", folder=desk.work)
    assert caught.value.code == "secret_in_plain"
    found = [path for path in desk.home.path.rglob("*") if path.is_file() and b"hush-hush" in path.read_bytes()]
    assert found == []


def test_what_waits_for_an_address_is_told_as_soon_as_the_keyring_has_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: dict[str, str] = {}
    monkeypatch.setattr("lt_controller.keychain.check", lambda: None)
    monkeypatch.setattr("lt_controller.keychain.put", kept.__setitem__)
    desk.home.config_file.write_text('[notify.s]\nto = "slack"\nurl_secret = "LAB_HOOK"\n')
    asked: list[dict[str, Any]] = []
    server = Server(desk.home.controller_sock, lambda request: asked.append(request) or {})
    try:
        desk.client.set_secret("OTHER", "hush-hush-hush")
        desk.client.set_secret("LAB_HOOK", "https://hooks.example.org/hush")
    finally:
        server.close()
    assert [(request["op"], request["names"]) for request in asked] == [("secrets_set", ["LAB_HOOK"])]
    assert "hush" not in json.dumps(asked) and set(kept) == {"secret:OTHER", "secret:LAB_HOOK"}
