"""The client finds jobs, logs, metrics and checkpoints as they are stored."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.ulid import new_ulid
from lt_controller.client import Client, as_dict
from lt_controller.store.times import iso
from support.store import START, Store


def refused(code: str, call: object, *args: object, **named: object) -> LtError:
    assert callable(call)
    with pytest.raises(LtError) as caught:
        call(*args, **named)
    assert caught.value.code == code, caught.value
    return caught.value


def test_a_home_without_database_has_no_jobs(tmp_path: Path) -> None:
    with Client(tmp_path / "empty") as client:
        assert client.jobs(all=True) == []
        refused("no_such_job", client.job, "any")


def test_jobs_come_oldest_first_and_ended_ones_on_request(store: Store, client: Client) -> None:
    store.job("b", "running", at=START + 1)
    store.job("a", "succeeded", at=START)
    store.job("gone", "failed", removed=1)
    assert [job.name for job in client.jobs()] == ["b"]
    assert [job.name for job in client.jobs(all=True)] == ["a", "b"]
    assert client.jobs(host="other", all=True) == []


def test_a_job_is_found_by_name_id_and_beginning(store: Store, client: Client) -> None:
    one = store.job("sft-abc", id=new_ulid(1))
    store.job("dpo-xyz", id=new_ulid(2_000_000_000))
    for ref in ("sft-abc", one, one.lower(), "sft", one[:6]):
        assert client.job(ref).id == one


def test_a_beginning_of_several_is_refused_with_their_names(store: Store, client: Client) -> None:
    store.job("sft-abc")
    store.job("sft-abd")
    assert refused("ambiguous_job", client.job, "sft").params["jobs"]
    store.job("sft")  # a whole name wins over a beginning
    assert client.job("sft").name == "sft"


def test_an_unknown_job_is_answered_with_near_names(store: Store, client: Client) -> None:
    store.job("sft-lora-abc")
    assert refused("no_such_job", client.job, "sft-lroa-abc").params["near"] == ["sft-lora-abc"]
    refused("no_such_job", client.job, "")


def test_a_wildcard_is_a_letter_like_any_other(store: Store, client: Client) -> None:
    store.job("a_b")
    refused("no_such_job", client.job, "%")
    refused("no_such_job", client.job, "a%")


def test_a_submit_that_waits_is_a_queued_job(store: Store, client: Client) -> None:
    spec = {"job": new_ulid(), "name": "fresh", "owner": "me", "kind": "command", "argv": ["ls"], "created_at": START}
    params = {"spec": spec, "host": "box", "recipe_name": None}
    store.insert("intents", id="1", kind="submit", job_id=spec["job"], params=params, created_at=iso(START))
    job = client.job("fresh")
    assert (job.state, job.host, job.recipe) == ("queued", "box", "ls")
    assert [found.name for found in client.jobs()] == ["fresh"]
    store.job("fresh", id=spec["job"])
    assert len(client.jobs()) == 1


def test_a_submit_that_failed_says_why(store: Store, client: Client) -> None:
    spec = {"job": new_ulid(), "name": "broken", "owner": "me", "kind": "command"}
    error = {"code": "no_such_host", "params": {"host": "box"}}
    params = {"spec": spec, "host": "box"}
    job = spec["job"]
    store.insert(
        "intents", id="1", kind="submit", job_id=job, params=params, state="failed", error=error, created_at=iso(START)
    )
    refused("no_such_host", client.job, "broken")


def test_a_log_is_read_from_any_byte(store: Store, client: Client) -> None:
    data = bytes(range(256)) * 3000
    job = store.job("j")
    for at in range(0, len(data), 9973):
        store.log(job, data[at : at + 9973])
    for offset in (0, 1, 9973, 10_000, 500_000, len(data) - 1, len(data), len(data) + 5):
        chunks = list(client.read_log(job, offset=offset))
        assert b"".join(chunk.data for chunk in chunks) == data[offset:]
        for before, after in pairwise(chunks):
            assert after.offset == before.end
        assert not chunks or chunks[0].offset == offset


def test_the_tail_begins_at_a_line(store: Store, client: Client) -> None:
    job = store.job("j")
    text = b"".join(b"line %d\n" % i for i in range(5000))
    for at in range(0, len(text), 777):
        store.log(job, text[at : at + 777])
    lines = text.splitlines(keepends=True)
    for count in (0, 1, 2, 100, 4999, 5000, 9999):
        offset = client.log_tail(job, count)
        assert text[offset:] == b"".join(lines[len(lines) - min(count, len(lines)) :]), count
    store.log(job, b"no end")
    assert (text + b"no end")[client.log_tail(job, 1) :] == b"no end"
    assert (text + b"no end")[client.log_tail(job, 2) :] == b"line 4999\nno end"


def test_an_empty_log_has_no_tail(store: Store, client: Client) -> None:
    job = store.job("j")
    assert client.log_tail(job, 10) == 0
    assert list(client.read_log(job)) == []


def test_an_attempt_that_is_not_there_is_refused(store: Store, client: Client) -> None:
    job = store.job("j", attempt=2)
    store.log(job, b"first", attempt=1)
    assert b"".join(c.data for c in client.read_log(job, attempt=1)) == b"first"
    refused("no_such_attempt", lambda: list(client.read_log(job, attempt=3)))


def test_a_later_attempt_wins_a_step(store: Store, client: Client) -> None:
    job = store.job("j", attempt=2)
    for step in (1, 2, 3):
        store.metric(job, step, loss=float(step))
    store.metric(job, 3, attempt=2, loss=30.0, lr=0.1)
    assert [(p.step, p.value) for p in client.metrics(job, ["loss"])] == [(1, 1.0), (2, 2.0), (3, 30.0)]
    assert [(p.step, p.value) for p in client.metrics(job, ["loss"], attempt=1)][-1] == (3, 3.0)
    assert [(p.step, p.name) for p in client.metrics(job, after=2)] == [(3, "loss"), (3, "lr")]
    assert client.metric_names(job) == ["loss", "lr"]


def test_the_time_left_follows_the_latest_speed(store: Store, client: Client) -> None:
    job = store.job("j", step=50, total_steps=100)
    for step in range(1, 51):
        store.metric(job, step, loss=1.0)  # a step a second
    assert client.job(job).eta == pytest.approx(50.0)
    assert client.jobs(eta=True)[0].eta == pytest.approx(50.0)
    assert client.jobs()[0].eta is None


def test_checkpoints_and_hosts_as_json_are_plain(store: Store, client: Client) -> None:
    job = store.job("j")
    store.checkpoint(job, "checkpoint-10", 10, path="/home/x", pull_state="pulled")
    value = as_dict(client.checkpoints(job))
    assert value[0]["path"] == "/home/x" and value[0]["created_at"].endswith("Z")


def test_a_host_has_its_newest_facts_and_its_live_jobs(store: Store, client: Client) -> None:
    store.insert("hosts", name="local", state="reachable", last_seen=iso(START))
    for hour, count in ((0, 1), (1, 2)):
        gpus = [{"name": "H100"}] * count
        store.insert("facts", host="local", time=iso(START + hour * 3600), data={"gpus": gpus})
    store.job("a", host="local")
    store.job("b", "succeeded", host="local")
    info = client.host("local")
    assert len(info.gpus) == 2 and info.active == 1 and info.state == "reachable"
    assert refused("no_such_host", client.host, "locla").params["near"] == ["local"]


def test_a_torn_json_column_breaks_no_listing(store: Store, client: Client) -> None:
    job = store.job("j")
    store.db.execute("UPDATE attempts SET exit='{torn' WHERE job_id=?", (job,))
    assert client.attempts(job)[0].exit is None


def test_a_database_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "lt.db").write_text("not a database, but long enough to be read as one" * 20)
    with Client(tmp_path) as client:
        refused("database_damaged", client.jobs)
