"""A host that means harm: what it pushes fills no memory, breaks no reader, and is stored as all can read it."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.frames import MAGIC, MAX_VALUES, Frame, FrameReader, ProtocolError, encode
from lt_agent.protocol.records import ExitRecord, FileEntry, JobSpec, Manifest, to_dict
from lt_agent.protocol.ulid import new_ulid
from lt_controller.engine.intake import Intake
from lt_controller.engine.recovering import _by_job
from lt_controller.store import jobs
from lt_controller.store.schema import open_writable
from lt_controller.store.writer import MAX_WAITING_BYTES, Writer

FILE = to_dict(FileEntry("a", 1, "0" * 64))


class Host:
    """One followed job of a host, and what came of its pushes."""

    def __init__(self, folder: Path, empty: Path) -> None:
        shutil.copyfile(empty, folder / "lt.db")
        self.writer = Writer(folder / "lt.db")
        self.faults: list[str] = []
        self.intake = Intake("h", folder, self.writer, lambda: None, self.faults.append)
        spec = JobSpec(job=new_ulid(), attempt=1, name="j", owner="me", kind="command", argv=("true",))
        self.job = self.writer.run("", jobs.take_submit, "i", {"spec": to_dict(spec), "host": "h"})
        self.intake.follow(self.job, 1, None)

    def push(self, kind: str, payload: bytes = b"", **more: object) -> None:
        self.intake.push(Frame({"type": kind, "job": self.job, "attempt": 1, **more}, payload))

    def ask(self, query: str) -> list[Any]:
        return self.writer.run("", lambda db: db.execute(query).fetchall())


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables, to be copied: making one takes a process."""
    path = tmp_path_factory.mktemp("empty") / "lt.db"
    open_writable(path).close()
    return path


@pytest.fixture
def host(tmp_path: Path, empty: Path) -> Iterator[Host]:
    made = Host(tmp_path, empty)
    yield made
    made.writer.close()


@pytest.mark.parametrize(
    "message",
    [
        {"type": "problem", "error": {"code": "x", "params": {"a": "b"}}},
        {"type": "manifest", "manifest": to_dict(Manifest("c", "checkpoint", "out/c", ()))},
        {"type": "gone", "name": "c"},
        {"type": "usage", "time": 1.0, "values": {"cpu": 1}},
        {"type": "line", "items": []},
    ],
)
def test_messages_that_wait_for_the_database_are_bounded(host: Host, message: dict[str, Any]) -> None:
    release, done = threading.Event(), threading.Event()
    host.writer.add("", lambda db: release.wait(60))  # somebody holds the database
    count = MAX_WAITING_BYTES // 4096 + 200

    def send() -> None:
        for _ in range(count):
            host.push(**{**message, "kind": message["type"]})
        done.set()

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    try:
        assert not done.wait(0.3)  # it waits, and so does the host, instead of filling the memory
    finally:
        release.set()
    assert done.wait(60)
    thread.join(60)


def test_an_error_with_any_parameters_is_noted(host: Host) -> None:
    for params in ({"self": 1, "code": "y"}, {"problems": 5, "ranking": "x"}, {"why": "w" * 10**6}, [1], None):
        host.push("problem", error={"code": "x", "params": params})
    assert host.faults == []
    assert max(len(row[0]) for row in host.ask("SELECT params FROM events")) < 1 << 18


def test_an_event_too_long_or_too_deep_is_stored_as_unreadable_or_cut(host: Host) -> None:
    deep = "[" * 300 + "]" * 300
    lines = b'{"time": 1, "code": "error", "params": {"a": %s, "b": NaN}}\n' % deep.encode()
    lines += b'{"time": 2, "code": "error", "params": {"a": "%s"}}\n' % (b"x" * (1 << 19))
    host.push("stream", lines, stream="events", offset=0)
    assert host.ask("SELECT code, json_valid(params) FROM events") == [("error", 1), ("unreadable_event", 1)]
    assert host.ask("SELECT max(length(params)) FROM events")[0][0] < 1000


def test_a_record_of_an_end_keeps_only_what_all_can_read(host: Host) -> None:
    odd = {"killed": [1, "scan", ["x"]], "survivors": "many", "started_at": float("nan"), "saved": {"a": 1}}
    odd |= {"signal": "x", "message": "m" * 10**6, "reason": "r" * 500, "finished_at": float("inf"), "judged": 1}
    record = {**to_dict(ExitRecord("failed", "oom")), **odd}
    host.push("exit", exit=record, cursors={"log": 0, "events": 0, "metrics": 0, "samples": 0})
    ((text,),) = host.ask("SELECT exit FROM attempts")
    kept = json.loads(text, parse_constant=pytest.fail)
    assert (kept["killed"], kept["survivors"], kept["started_at"], kept["saved"]) == (["scan"], 0, None, None)
    assert len(text) < 20_000 and host.faults == []


def test_a_checkpoint_without_a_number_for_its_metric_can_be_resumed_from(host: Host) -> None:
    manifest = {**to_dict(Manifest("c", "checkpoint", "out/c", ())), "files": [FILE], "metric": float("nan")}
    host.push("manifest", manifest=manifest)
    assert host.ask("SELECT metric, json_extract(manifest, '$.kind') FROM checkpoints") == [(None, "checkpoint")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"files": [{**FILE, "path": "x" * 5000}]},
        {"files": [{**FILE, "path": f"{n}", "size": 1 << 49} for n in range(5)]},
        {"base": 5},
        {"metric_name": {"a": 1}},
        {"name": "n" * 10**6},
    ],
)
def test_a_manifest_beyond_all_measure_is_a_note_and_no_row(host: Host, wrong: dict[str, Any]) -> None:
    host.push("manifest", manifest={**to_dict(Manifest("c", "checkpoint", "out/c", ())), "files": [FILE], **wrong})
    assert host.ask("SELECT count(*) FROM checkpoints") == [(0,)]
    assert host.ask("SELECT max(length(params)) < 40000 FROM events") == [(1,)]
    assert host.faults == []


def test_metrics_have_names_that_a_table_can_hold(host: Host) -> None:
    names = {f"m{number}": 1 for number in range(5000)} | {"n" * 5000: 2}
    host.push("stream", json.dumps({"step": 1, **names}).encode() + b"\n", stream="metrics", offset=0)
    assert host.ask("SELECT count(*) <= 1000, max(length(name)) <= 200 FROM metrics") == [(1, 1)]


def test_a_header_of_millions_of_values_is_refused_before_it_is_read() -> None:
    value = {"type": "reply", "id": 1, "result": [[]] * (MAX_VALUES + 10)}
    with pytest.raises(ProtocolError, match="values"):
        list(FrameReader().feed(MAGIC + encode(value)))


def test_a_list_of_jobs_has_odd_numbers_in_it() -> None:
    right = {
        "job": new_ulid(),
        "attempt": 1,
        "name": "n",
        "owner": "o",
        "by": "",
        "kind": "command",
        "state": "running",
    }
    assert len(_by_job([right, {**right, "attempt": 1 << 40}, {**right, "state": {"a": 1}}, 5, None])) == 1
    assert _by_job({"a": 1}) == {}


def test_errors_are_told_by_code_whatever_their_parameters_are_called() -> None:
    assert LtError("x", self=1, code=2).params == {"self": 1, "code": 2}
