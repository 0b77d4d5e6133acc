"""What is asked of pipelines, as rows: each request is carried out once, and ends or begins the right jobs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.ulid import new_ulid
from lt_controller.client.database import Reader
from lt_controller.client.pipelines import PipelineCalls
from lt_controller.store import confided, pipelines
from lt_controller.store.intents import Intent
from support.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "home")
    yield made
    made.close()


def stage(name: str, *needs: str, job: str = "", action: str = "anew") -> dict[str, Any]:
    work = {"kind": "command", "title": "true", "digest": "d", "argv": ["true"]}
    return {
        "name": name,
        "host": "box",
        "needs": list(needs),
        "work": work,
        "digest": "d",
        "job": job or new_ulid(),
        "job_name": f"p-{name}",
        "action": action,
    }


def ask(store: Store, kind: str, pipeline: str, **params: Any) -> Intent:
    intent = Intent(new_ulid(), kind, pipeline, {"name": "p", "by": "me", "params": {"values": {}}, **params})
    store.insert("intents", id=intent.id, kind=kind, job_id=pipeline, params=intent.params, created_at="")
    return intent


def begun(store: Store, *stages: dict[str, Any]) -> str:
    pipeline = new_ulid()
    pipelines.take(store.db, ask(store, pipelines.RUN, pipeline, file="/p.yaml", stages=list(stages)))
    return pipeline


def asked(store: Store, kind: str) -> list[str]:
    return [row[0] for row in store.db.execute("SELECT job_id FROM intents WHERE kind=? ORDER BY rowid", (kind,))]


def states(store: Store, pipeline: str) -> dict[str, str]:
    calls = PipelineCalls(store.home)
    try:
        return {item.name: item.state for item in calls.pipeline(pipeline).stages}
    finally:
        calls.close()


def test_a_request_that_was_carried_out_is_not_carried_out_again(store: Store) -> None:
    pipeline = new_ulid()
    intent = ask(store, pipelines.RUN, pipeline, file="/p.yaml", stages=[stage("a"), stage("b", "a")])
    assert [item.id for item in pipelines.pending(store.db)] == [intent.id]
    pipelines.take(store.db, intent)
    pipelines.take(store.db, intent)
    assert pipelines.pending(store.db) == [] and pipelines.going_on(store.db) == [pipeline]
    assert states(store, pipeline) == {"a": "ready", "b": "pending"}


def test_a_stage_is_as_far_as_its_job(store: Store) -> None:
    first, second = stage("a"), stage("b", "a")
    pipeline = begun(store, first, second, stage("c", "b"))
    store.insert("intents", id="s", kind="submit", job_id=first["job"], created_at="")
    assert states(store, pipeline)["a"] == "queued"  # asked for, and no job yet
    store.job("p-a", "running", id=first["job"])
    assert states(store, pipeline) == {"a": "running", "b": "pending", "c": "pending"}
    store.set(first["job"], state="succeeded")
    assert states(store, pipeline)["b"] == "ready"
    pipelines.refuse(store.db, pipeline, "b", LtError("host_drained", host="box"))
    assert states(store, pipeline) == {"a": "succeeded", "b": "refused", "c": "blocked"}


def test_a_submit_that_could_not_be_taken_is_a_refusal(store: Store) -> None:
    only = stage("a")
    pipeline = begun(store, only)
    store.insert(
        "intents",
        id="s",
        kind="submit",
        job_id=only["job"],
        state="failed",
        error={"code": "bad_intent"},
        created_at="",
    )
    assert states(store, pipeline) == {"a": "refused"}


def test_a_stop_asks_for_the_end_of_what_has_not_ended(store: Store) -> None:
    done, alive, asleep, later = stage("a"), stage("b"), stage("c"), stage("d", "b")
    pipeline = begun(store, done, alive, asleep, later)
    for item, state in ((done, "succeeded"), (alive, "running"), (asleep, "paused")):
        store.job(item["job_name"], state, id=item["job"])
    pipelines.take(store.db, ask(store, pipelines.STOP, pipeline))
    assert asked(store, "stop") == [alive["job"], asleep["job"]]
    row = store.db.execute("SELECT state FROM pipelines").fetchone()
    assert row[0] == pipelines.STOPPING


def test_a_resume_begins_failed_jobs_again_and_ends_those_of_edited_stages(store: Store) -> None:
    failed, edited, gone, done = stage("a"), stage("b"), stage("c"), stage("d")
    pipeline = begun(store, failed, edited, gone, done)
    for item, state in ((failed, "failed"), (edited, "running"), (gone, "running"), (done, "succeeded")):
        store.job(item["job_name"], state, id=item["job"])
    pipelines.settle(store.db, pipeline, "failed")
    fresh = stage("b")
    stages = [{**failed, "action": "again"}, fresh, {**done, "action": "keep"}]
    pipelines.take(store.db, ask(store, pipelines.RESUME, pipeline, stages=stages))
    assert asked(store, "resume") == [failed["job"]]
    assert sorted(asked(store, "stop")) == sorted([edited["job"], gone["job"]])
    assert states(store, pipeline) == {"a": "queued", "b": "ready", "d": "succeeded"}
    rows = dict(store.db.execute("SELECT name, job_id FROM stages").fetchall())
    assert rows == {"a": failed["job"], "b": fresh["job"], "d": done["job"]}
    assert pipelines.going_on(store.db) == [pipeline]


def test_only_a_pipeline_at_rest_is_forgotten_and_its_jobs_stay(store: Store) -> None:
    only = stage("a")
    pipeline = begun(store, only)
    store.job("p-a", "succeeded", id=only["job"])
    with pytest.raises(LtError) as caught:
        pipelines.take(store.db, ask(store, pipelines.REMOVE, pipeline))
    assert caught.value.code == "pipeline_alive"
    pipelines.settle(store.db, pipeline, "succeeded")
    pipelines.take(store.db, ask(store, pipelines.REMOVE, pipeline))
    for table, left in (("pipelines", 0), ("stages", 0), ("jobs", 1)):
        assert store.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == left
    with pytest.raises(LtError) as caught:
        pipelines.take(store.db, ask(store, pipelines.STOP, pipeline))
    assert caught.value.code == "no_such_pipeline"


def test_secrets_are_kept_for_jobs_that_a_pipeline_has_yet_to_submit(store: Store) -> None:
    ended, coming = stage("a"), stage("b", "a")
    pipeline = begun(store, ended, coming)
    store.job("p-a", "succeeded", id=ended["job"])
    assert confided.with_a_use(store.db) == {pipeline}
    assert confided.work_of(store.db, coming["job"]) == pipeline and confided.work_of(store.db, "other") == ""
    pipelines.settle(store.db, pipeline, "stopped")
    assert confided.with_a_use(store.db) == set()


def test_the_newest_pipeline_of_a_name_is_meant_and_the_beginning_of_an_id_will_do(store: Store) -> None:
    first, second = begun(store, stage("a")), begun(store, stage("a"))
    calls = PipelineCalls(store.home)
    assert calls.pipeline("p").id == second
    assert calls.pipeline(first).id == calls.pipeline(first.lower()).id == first
    assert [item.id for item in calls.pipelines()] == [first, second]
    with pytest.raises(LtError) as caught:
        calls.pipeline("q")
    assert caught.value.code == "no_such_pipeline"
    calls.close()


def test_a_pipeline_that_goes_on_is_work_for_a_controller(store: Store) -> None:
    from lt_controller.client.queries import unfinished

    reader = Reader(store.home.database)
    assert not unfinished(reader)
    pipeline = begun(store, stage("a"))
    assert unfinished(reader)
    pipelines.settle(store.db, pipeline, "failed")
    assert not unfinished(reader)
    reader.close()


def test_what_is_written_down_is_plain_json(store: Store) -> None:
    pipeline = begun(store, stage("a"))
    row = store.db.execute("SELECT work, needs FROM stages WHERE pipeline=?", (pipeline,)).fetchone()
    assert json.loads(row[0])["argv"] == ["true"] and json.loads(row[1]) == []
