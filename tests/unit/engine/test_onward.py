"""The driver that sends jobs on whose host a person has given up."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import EnvPlan, JobSpec, to_dict
from lt_agent.protocol.ulid import new_ulid
from lt_controller.engine import flows
from lt_controller.engine.flows import Flows, Inside
from lt_controller.engine.onward import Onward
from lt_controller.home import Home
from lt_controller.store import elsewhere, jobs, relocations
from lt_controller.store.times import now
from lt_controller.store.writer import Writer
from lt_inventory.hosts_file import HostsFile
from lt_inventory.model import Host

FACTS = (
    '{"root": "/r", "gpus": [], "python": "/usr/bin/python3", "machine": "x86_64", "libc": "glibc 2.36",'
    ' "pythons": [{"path": "/usr/bin/python3", "version": "3.11.2", "packages": {}}]}'
)


class Desk:
    """A home with three hosts that were looked at, and the driver."""

    def __init__(self, path: Path) -> None:
        self.home = Home(path / "home").make()
        self.commits: list[set[str]] = []
        self.writer = Writer(self.home.database, self.commits.append)
        for name in ("box", "twin", "third"):
            HostsFile(self.home.hosts_file).add(Host(name=name, address="127.0.0.1", port=1, user="nobody"))
            self.writer.run("", _look, name)
        self.client = Inside(self.home, lambda request: {})
        self.onward = Onward(self.client, self.writer)

    def leaves(self, **fields: Any) -> str:
        """A job with retries, submitted to any host, that has just left `box`."""
        spec = JobSpec(new_ulid(), 1, new_ulid(), "me", "command", argv=("true",), retries=3, **fields)
        return self.writer.run("jobs", _leave, spec)

    def job(self, job: str) -> tuple[str, str | None, str]:
        """State, reason, and the code of what is said of it."""
        row = self.writer.read(_job, job)
        return row[0], row[1], json.loads(row[2] or "{}").get("code", "")

    def told(self) -> int:
        """How many commits there were that others are told of, up to now."""
        self.writer.read(elsewhere.between)  # what was committed before has been told
        return len(self.commits)

    def close(self) -> None:
        self.client.close()
        self.writer.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.close()


def _look(db: sqlite3.Connection, host: str) -> None:
    db.execute("INSERT INTO facts (host, time, data) VALUES (?,?,?)", (host, now(), FACTS))
    db.execute("INSERT INTO hosts (name, state, last_seen) VALUES (?,'reachable',?)", (host, now()))


def _leave(db: sqlite3.Connection, spec: JobSpec) -> str:
    job = jobs.take_submit(db, new_ulid(), {"spec": to_dict(spec), "host": "box"})
    jobs.set_state(db, job, 1, "running")
    db.execute("UPDATE jobs SET asked='any' WHERE id=?", (job,))
    relocations.retire(db, "box")
    return job


def _job(db: sqlite3.Connection, job: str) -> Any:
    return db.execute("SELECT state, reason, message FROM jobs WHERE id=?", (job,)).fetchone()


def _saved(db: sqlite3.Connection, job: str) -> None:
    db.execute(
        "INSERT INTO checkpoints (job_id, attempt, name, kind, step, size, resumable, pull_state, host_state, manifest)"
        " VALUES (?,1,'checkpoint-4','checkpoint',4,1,1,'none','present','{}')",
        (job,),
    )


def test_a_job_that_leaves_its_host_is_sent_to_another_one(desk: Desk) -> None:
    job = desk.leaves(env=EnvPlan("none"))
    desk.onward.advance()
    [(kind, params)] = desk.client.reader.rows("SELECT kind, params FROM intents WHERE job_id=?", (job,))
    assert kind == "relocate" and json.loads(params)["host"] in ("twin", "third")


def test_a_job_whose_input_stays_behind_is_lost_at_the_first_look(desk: Desk) -> None:
    job = desk.leaves(inputs={"made": "/r/jobs/another/1/out"})
    desk.onward.advance()
    assert desk.job(job) == ("lost", "host_retired", "input_stays_behind")
    assert not desk.onward.busy()


def test_a_job_whose_checkpoint_is_not_at_home_is_lost_at_the_first_look(desk: Desk) -> None:
    job = desk.leaves()
    desk.writer.run("", _saved, job)
    desk.onward.advance()
    assert desk.job(job) == ("lost", "host_retired", "checkpoint_not_home")
    assert not desk.onward.busy()


@pytest.mark.parametrize(
    ("code", "asked"), [("input_stays_behind", 1), ("checkpoint_not_home", 1), ("host_unreachable", 2)]
)
def test_what_another_host_would_not_change_is_asked_of_no_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, code: str, asked: int
) -> None:
    job = desk.leaves()
    tried: list[str] = []

    def refuse(self: Inside, ref: str, host: str, *_: Any, **__: Any) -> None:
        tried.append(host)
        raise LtError(code, host="box")

    monkeypatch.setattr(Inside, "resume_on", refuse)
    with pytest.raises(LtError, match=code):
        desk.client.move_on(job, "any", again=True)
    assert len(tried) == asked


def test_a_host_that_does_not_answer_now_is_asked_again_later(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    job = desk.leaves()

    def refuse(self: Inside, *_: Any, **__: Any) -> None:
        raise LtError("host_unreachable", host="twin")

    monkeypatch.setattr(Inside, "move_on", refuse)
    assert desk.onward.advance() is not None
    [found] = desk.writer.read(elsewhere.between)
    assert (found.job, found.tries) == (job, 1) and desk.job(job)[0] == "queued"


@pytest.mark.parametrize("kind", ["stop", "pause"])
def test_a_stop_of_a_job_that_looks_for_a_host_is_carried_out(desk: Desk, kind: str) -> None:
    job = desk.leaves()
    getattr(desk.client, kind)(job)
    desk.onward.advance()
    assert desk.job(job)[0] == {"stop": "cancelled", "pause": "paused"}[kind]


@pytest.mark.parametrize("sleeps", [False, True])
def test_looking_around_when_nothing_is_to_do_commits_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, sleeps: bool
) -> None:
    monkeypatch.setattr(flows, "QUIET", 0.0)
    looked = threading.Semaphore(0)

    class Last:
        """Called when all others have been."""

        def advance(self) -> float | None:
            looked.release()
            return None

        def busy(self) -> bool:
            return False

    if sleeps:  # one that waits for its next look is no reason to write, either
        desk.leaves()
        [found] = desk.writer.read(elsewhere.between)
        desk.writer.run("jobs", elsewhere.put_off, found, time.time() + 3600, None)
    before = desk.told()
    thread = Flows(desk.home, desk.writer, lambda request: {}, lambda *tools: [*flows.drivers(*tools), Last()])
    for _ in range(3):
        assert looked.acquire(timeout=60)
        thread.busy()
        thread.poke()
    thread.close()
    assert desk.told() == before


def test_a_hosts_file_that_is_being_edited_gives_no_job_up(desk: Desk) -> None:
    job = desk.leaves()
    desk.home.hosts_file.write_text("[box\n")
    desk.onward.advance()
    assert desk.job(job)[0] == "queued" and desk.onward.busy()
