"""What a host pushes: only for its followed jobs, and an end only when all before it is here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lt_agent.protocol.frames import Frame
from lt_agent.protocol.records import ExitRecord, JobSpec, to_dict
from lt_agent.protocol.ulid import new_ulid
from lt_controller.engine.intake import Intake
from lt_controller.store import jobs
from lt_controller.store.writer import Writer


class Bench:
    def __init__(self, path: Path) -> None:
        self.writer = Writer(path / "lt.db")
        self.faults: list[str] = []
        self.intake = Intake("h", path, self.writer, lambda: None, self.faults.append)
        spec = JobSpec(job=new_ulid(), attempt=1, name="j", owner="me", kind="command", argv=("true",))
        self.job = self.writer.run("", jobs.take_submit, "i", {"spec": to_dict(spec), "host": "h"})
        self.intake.follow(self.job, 1, None)

    def push(self, kind: str, payload: bytes = b"", job: str | None = None, **more: object) -> None:
        self.intake.push(Frame({"type": kind, "job": job or self.job, "attempt": 1, **more}, payload))

    def ask(self, query: str) -> list[tuple]:
        return self.writer.run("", lambda db: db.execute(query).fetchall())


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.writer.close()


def exit_record(state: str = "succeeded") -> dict:
    return to_dict(ExitRecord(state=state, reason="done"))


def cursors(**known: int) -> dict[str, int]:
    return {"log": 0, "events": 0, "metrics": 0, "samples": 0, **known}


def test_a_host_cannot_write_to_a_job_that_is_not_its_own(bench: Bench) -> None:
    bench.push("stream", b"evil", job=new_ulid(), stream="log", offset=0)
    bench.push("exit", job=new_ulid(), exit=exit_record(), cursors=cursors())
    assert bench.ask("SELECT count(*) FROM logs") == [(0,)]
    assert bench.faults == []


def test_an_end_before_its_log_is_a_fault_and_no_end(bench: Bench) -> None:
    bench.push("stream", b"abc", stream="log", offset=0)
    bench.push("exit", exit=exit_record(), cursors=cursors(log=5))
    assert bench.ask("SELECT state, exit FROM attempts") == [("queued", None)]
    assert len(bench.faults) == 1


def test_an_end_after_its_log_ends_the_job(bench: Bench) -> None:
    bench.push("stream", b"abc", stream="log", offset=0)
    bench.push("exit", exit=exit_record(), cursors=cursors(log=3))
    assert bench.ask("SELECT state, reason FROM jobs") == [("succeeded", "done")]
    assert not bench.intake.follows(bench.job, 1)


def test_a_gap_is_a_fault(bench: Bench) -> None:
    bench.push("stream", b"abc", stream="log", offset=7)
    bench.ask("SELECT 1")
    assert len(bench.faults) == 1


def test_an_event_of_state_moves_the_job_but_never_ends_it(bench: Bench) -> None:
    lines = b'{"time":1,"code":"state","params":{"state":"running"}}\n'
    lines += b'{"time":2,"code":"state","params":{"state":"failed","reason":"oom"}}\n'
    lines += (
        b'{"time":2,"code":"plan","params":{"total_steps":20}}\n{"time":3,"code":"state","params":{"state":"??"}}\n'
    )
    bench.push("stream", lines, stream="events", offset=0)
    assert bench.ask("SELECT state, total_steps FROM jobs") == [("running", 20)]
    assert bench.ask("SELECT count(*) FROM events") == [(4,)]


FILE = {"path": "a", "size": 1, "sha256": "0" * 64}


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"manifest": "x"},
        {"manifest": {"name": 1, "kind": "checkpoint", "base": "", "files": []}},
        {"manifest": {"name": "../../.ssh", "kind": "final", "base": "", "files": [FILE]}},
        {"manifest": {"name": ".lt", "kind": "final", "base": "", "files": [FILE]}},
        {"manifest": {"name": "final", "kind": "data", "base": "", "files": [FILE]}},
        {"manifest": {"name": "final", "kind": "final", "base": "", "files": [{**FILE, "path": "../x"}]}},
        {"manifest": {"name": "final", "kind": "final", "base": "", "files": [{**FILE, "sha256": "x"}]}},
        {"manifest": {"name": "final", "kind": "final", "base": "", "files": [{**FILE, "size": 1 << 70}]}},
        {"manifest": {"name": "final", "kind": "final", "base": "", "files": [FILE], "step": 1 << 70}},
        {"manifest": {"name": "final", "kind": "final", "base": "", "files": [FILE], "best": "yes"}},
    ],
)
def test_a_manifest_that_could_do_harm_is_noted_at_its_job_and_not_recorded(bench: Bench, wrong: dict) -> None:
    bench.push("manifest", **wrong)
    assert bench.ask("SELECT count(*) FROM checkpoints") == [(0,)]
    assert bench.ask("SELECT code FROM events") == [("note",)]
    assert bench.faults == []  # other jobs of the host go on undisturbed


@pytest.mark.parametrize(
    "record",
    [exit_record("running"), {**exit_record(), "reason": ["x"]}, {**exit_record(), "exit_code": 1 << 70}, "x", None],
)
def test_an_exit_that_ends_nothing_is_noted_and_ends_nothing(bench: Bench, record: object) -> None:
    bench.push("exit", exit=record, cursors=cursors())
    assert bench.ask("SELECT exit FROM attempts") == [(None,)]
    assert bench.ask("SELECT code FROM events") == [("note",)]
    assert bench.faults == []


def test_values_that_no_database_holds_do_not_cut_the_host_off(bench: Bench) -> None:
    metrics = b'{"step":1,"time":1790000000000,"loss":1}\n'  # a script that thinks in milliseconds
    events = (
        b'{"time":1e30,"code":"state","params":{"state":"running","reason":{"a":1}}}\n'
        b'{"time":NaN,"code":"plan","params":{"total_steps":%d}}\n' % (1 << 70)
    )
    bench.push("stream", metrics, stream="metrics", offset=0)
    bench.push("stream", events, stream="events", offset=0)
    assert bench.ask("SELECT state, reason, total_steps FROM jobs") == [("running", None, None)]
    assert bench.ask("SELECT count(*) FROM metrics") == [(1,)]
    assert bench.faults == []


def test_half_a_surrogate_pair_from_a_host_is_stored_as_a_question_mark(bench: Bench) -> None:
    bench.push("stream", b'{"step":1,"lo\\ud800ss":1}\n', stream="metrics", offset=0)
    bench.push("stream", b'{"time":1,"code":"x\\udfff","params":{"a":"\\ud800"}}\n', stream="events", offset=0)
    bench.push("exit", exit={**exit_record(), "message": "\ud800"}, cursors=cursors())
    assert bench.ask("SELECT name FROM metrics") == [("lo?ss",)]
    assert bench.ask("SELECT code, params FROM events") == [("x?", '{"a": "?"}')]
    assert bench.ask("SELECT message FROM jobs") == [("?",)]
    assert bench.faults == []
