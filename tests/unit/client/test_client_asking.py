"""What is asked for is written first, once, and only if it can be meant."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import JobSpec, from_dict
from lt_controller.client import Client
from lt_controller.store.times import iso
from support.refusal import code_of
from support.store import START, Store

ROWS = ["datasets.0.type=prompt_completion"]


def test_run_writes_one_intent_that_holds_all(ready: Store, client: Client, work: Path) -> None:
    job = client.run("local", ["python", "train.py"], folder=work, pull=["out/**"], timeout=60)
    (params,) = ready.submits()
    spec = from_dict(JobSpec, params["spec"])
    assert (spec.job, spec.kind, spec.argv, spec.outputs) == (job.id, "command", ("python", "train.py"), ("out/**",))
    assert spec.name == job.name and job.name.startswith("train-") and spec.timeout == 60 and spec.gpus == 0
    assert (Path(params["code"]["source"]) / "train.py").read_text() == "print(1)\n"
    assert json.loads(Path(params["code"]["manifest"]).read_text())["digest"] == spec.code.digest
    assert client.job(job.name).state == "queued"


def test_submit_turns_paths_into_data(ready: Store, client: Client, work: Path) -> None:
    (work / "d.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    client.submit("local", "tiny-sft", [*ROWS, "datasets.0.path=d.jsonl", "train.max_steps=3"], folder=work)
    (params,) = ready.submits()
    spec = params["spec"]
    assert spec["recipe"]["train"]["max_steps"] == 3
    names = {item["name"]: item for item in params["data"]}
    assert spec["recipe"]["datasets"][0]["path"] == f"data:d.jsonl/{names['d.jsonl']['digest']}/d.jsonl"
    assert names["d.jsonl"]["source"] == str(work)
    assert {(item["name"], item["digest"]) for item in spec["data"]} == {(n, i["digest"]) for n, i in names.items()}
    assert params["recipe_name"] == "tiny-sft" and params["pull"] == "last"


def test_a_dry_run_writes_no_intent(ready: Store, client: Client, work: Path) -> None:
    plan = client.plan("local", "tiny-sft", folder=work)
    assert plan.sends and not plan.sends[0].there and plan.size > 0
    ready.insert("data_on_hosts", host="local", name=plan.sends[0].name, digest=plan.sends[0].digest, time=iso(START))
    assert client.plan("local", "tiny-sft", folder=work).sends[0].there
    client.plan_run("local", ["ls"], folder=work)
    assert ready.submits() == []


def test_what_cannot_work_is_refused_before_anything_is_written(ready: Store, client: Client, work: Path) -> None:
    (work / "bad.jsonl").write_text('{"prompt": "a", "completion": "b"}\n{"prompt": \n')
    assert code_of(client.submit, "locall", "tiny-sft") == "no_such_host"
    assert code_of(client.submit, "local", "tiny-stf") == "bad_recipe"
    assert code_of(client.submit, "local", "tiny-sft", ["train.learning_rat=1"]) == "bad_recipe"
    assert code_of(client.submit, "local", "tiny-sft", ["datasets.0.path=no.jsonl"], folder=work) == "bad_recipe"
    assert (
        code_of(client.submit, "local", "tiny-sft", [*ROWS, "datasets.0.path=bad.jsonl"], folder=work) == "bad_dataset"
    )
    assert code_of(client.submit, "local", "tiny-sft", ["resources.gpus=2"]) == "not_enough_gpus"
    assert code_of(client.submit, "local", "tiny-sft", name="../x") == "bad_job_name"
    assert code_of(client.run, "local", [], folder=work) == "no_command"
    assert code_of(client.run, "local", ["ls"], folder=work, gpus=1) == "not_enough_gpus"
    assert code_of(client.run, "local", ["ls"], folder=work, pull=["../out"]) == "bad_pattern"
    assert code_of(client.run, "local", ["ls"], folder=work / "none") == "no_such_folder"
    assert ready.submits() == []


def test_a_malformed_row_is_named_with_its_line(ready: Store, client: Client, work: Path) -> None:
    (work / "bad.jsonl").write_text('{"prompt": "a", "completion": "b"}\n{"prompt": \n')
    with pytest.raises(LtError) as caught:
        client.submit("local", "tiny-sft", [*ROWS, "datasets.0.path=bad.jsonl"], folder=work)
    assert any("bad.jsonl:2" in text for text in caught.value.params["problems"])


def test_of_two_submits_with_one_name_one_is_refused(ready: Store, client: Client, work: Path) -> None:
    outcomes: list[str] = []

    def submit() -> None:
        with Client(ready.home) as mine:
            try:
                outcomes.append(mine.run("local", ["ls"], folder=work, name="same").name)
            except LtError as error:
                outcomes.append(error.code)

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["name_taken"] * 3 + ["same"]
    assert len(ready.submits()) == 1


def test_a_name_of_a_removed_job_is_not_given_again(ready: Store, client: Client, work: Path) -> None:
    ready.job("old", "succeeded", removed=1)
    assert code_of(client.run, "local", ["ls"], folder=work, name="old") == "name_taken"


def test_requests_that_make_no_sense_are_refused_at_once(ready: Store, client: Client) -> None:
    done, paused, running = ready.job("d", "succeeded"), ready.job("p", "paused"), ready.job("r")
    ready.checkpoint(paused, "checkpoint-10", 10)
    assert code_of(client.stop, done) == "job_has_ended"
    assert code_of(client.resume, running) == "job_not_resting"
    assert code_of(client.remove, running) == "job_alive"
    assert code_of(client.save, running) == "not_a_recipe"
    assert code_of(client.resume, paused, 11) == "no_such_checkpoint"
    assert code_of(client.pull, paused, ["x"]) == "no_such_checkpoint"
    assert not list(ready.db.execute("SELECT 1 FROM intents"))
    assert client.resume(paused, 10).kind == "resume"
    assert client.stop(paused).kind == "stop"


def test_the_output_of_a_job_is_used_where_it_lies(ready: Store, client: Client, work: Path) -> None:
    job = ready.job("first", "succeeded", host="local", kind="recipe")
    ready.checkpoint(job, "checkpoint-10", 10)
    ready.checkpoint(job, "final", 20, kind="final")
    client.submit("local", "tiny-sft-lora", ["model={name_or_path: 'job:first'}"], folder=work)
    assert ready.submits()[0]["spec"]["recipe"]["model"]["name_or_path"] == f"/root/.lt-agent/jobs/{job}/1/out/final"
    assert code_of(client.submit, "local", "tiny-sft-lora", ["model={name_or_path: 'job:nope'}"]) == "no_such_job"


def test_a_controller_that_does_not_start_is_told_with_its_last_word(tmp_path: Path, work: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "lt.db").mkdir()  # no database can be opened there
    with Client(home) as client:
        with pytest.raises(LtError) as caught:
            client.controller_start()
        assert caught.value.code == "controller_start_failed"
        assert "unable to open database" in caught.value.params["tail"]


def test_the_controller_starts_answers_and_leaves(tmp_path: Path) -> None:
    with Client(tmp_path / "home") as client:
        assert not client.controller_status().running
        started = client.controller_start()
        assert started.running and started.pid and started.pid != os.getpid()
        assert client.controller_start().pid == started.pid
        assert client.controller_stop()
        assert not client.controller_status().running
        assert not client.controller_stop()


def test_data_that_was_found_right_is_not_read_again(
    ready: Store, client: Client, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (work / "d.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    words = [*ROWS, "datasets.0.path=d.jsonl"]
    client.plan("local", "tiny-sft", words, folder=work)

    def forbidden(*args: object) -> None:
        raise AssertionError("checked again")

    monkeypatch.setattr("lt_recipes.dataset_check.check_dataset", forbidden)
    client.plan("local", "tiny-sft", words, folder=work)
    (work / "d.jsonl").write_text('{"prompt": "a", "completion": "c"}\n')
    with pytest.raises(AssertionError, match="checked again"):
        client.plan("local", "tiny-sft", words, folder=work)


def test_reading_large_data_tells_how_far_it_is(ready: Store, work: Path) -> None:
    (work / "d.jsonl").write_text('{"prompt": "a", "completion": "b"}\n' * 100_000)
    seen: list[tuple[str, int, int]] = []
    with Client(ready.home, progress=lambda *news: seen.append(news)) as client:
        client.plan("local", "tiny-sft", [*ROWS, "datasets.0.path=d.jsonl"], folder=work)
    mine = [(done, total) for what, done, total in seen if what == "d.jsonl"]
    assert len(mine) > 2 and mine == sorted(mine) and mine[-1][0] == mine[-1][1]
