"""The audit behind the table of faults finds what it is there to find: each kind of damage, put in by hand."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from benchmarks.faults.audit import audit, falsely_ended
from benchmarks.faults.model import Result

from lt_agent.protocol.files import write_json
from lt_agent.protocol.paths import AttemptPaths, HostRoot
from lt_agent.protocol.records import ExitRecord, FileEntry, JobSpec, Manifest, to_dict
from lt_agent.protocol.ulid import new_ulid
from lt_controller.home import Home
from lt_controller.store import checkpoints, jobs, streams
from lt_controller.store.schema import open_writable
from support.laptop import Laptop

LOG = b"one\ntwo\nthree\n"
METRICS = b'{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.25}\n'
EVENTS = b'{"time": 1, "code": "state", "params": {"state": "running"}}\n'
MODEL = b"the weights"


@dataclass
class World:
    """A host with one job that has ended, and a laptop that has all of it."""

    laptop: Laptop
    there: AttemptPaths
    root: Path
    disk: Path
    job: str

    def change(self, sql: str, *values: object) -> None:
        """Damages the database."""
        with sqlite3.connect(self.laptop.home / "lt.db") as db:
            db.execute(sql, values)

    def look(self) -> Result:
        """What the audit says."""
        result = Result("family", "row", injected=1)
        audit(self.laptop, [self.root], [self.disk], result)
        return result


@pytest.fixture
def world(tmp_path: Path) -> World:
    laptop = Laptop(tmp_path / "home", tmp_path)
    home = laptop.home / "runs" / "j" / "final"
    home.mkdir(parents=True)
    (home / "model").write_bytes(MODEL)
    disk = tmp_path / "disk"
    spec = JobSpec(job=new_ulid(), attempt=1, name="j", owner="me", kind="command", argv=("true",))
    there = HostRoot(disk / "root").attempt(spec.job, 1)
    there.path.mkdir(parents=True)
    record = ExitRecord("succeeded", "done", exit_code=0, finished_at=1.0)
    write_json(there.spec, to_dict(spec))
    write_json(there.exit, to_dict(record))
    for path, data in ((there.log, LOG), (there.metrics, METRICS), (there.events, EVENTS)):
        path.write_bytes(data)
    (disk / "starts").write_text(f"{spec.job} 1\n")
    manifest = Manifest(
        "final", "final", "out/final", (FileEntry("model", len(MODEL), hashlib.sha256(MODEL).hexdigest()),)
    )
    db = open_writable(laptop.home / "lt.db")
    jobs.take_submit(db, "i", {"spec": to_dict(spec), "host": "h"})
    streams.add_log(db, spec.job, 1, 0, LOG)
    streams.add_metrics(db, spec.job, 1, "metrics", 0, METRICS, 0.0)
    streams.add_events(db, spec.job, 1, "h", 0, EVENTS, 0.0)
    checkpoints.add(db, spec.job, 1, manifest, "all", 0.0)
    checkpoints.set_pull(db, spec.job, 1, "final", "pulled", str(home))
    jobs.end_attempt(db, spec.job, 1, record, 0.0)
    db.close()
    return World(laptop, there, disk / "root", disk, spec.job)


def test_what_is_whole_is_called_whole(world: World) -> None:
    result = world.look()
    assert result.good and result.survived == 1
    assert falsely_ended(world.laptop, [world.root]) == []


LOST: dict[str, Callable[[World], None]] = {
    "the end of a log": lambda world: world.there.log.write_bytes(LOG + b"four\n") and None,
    "a metric": lambda world: world.change("DELETE FROM metrics WHERE step=2"),
    "an event": lambda world: world.there.events.write_bytes(EVENTS * 2) and None,
    "an end": lambda world: world.change("UPDATE attempts SET exit=NULL, state='running'"),
}
DOUBLED: dict[str, Callable[[World], None]] = {
    "a start": lambda world: (world.disk / "starts").write_text(f"{world.job} 1\n" * 2) and None,
    "an attempt": lambda world: _second_attempt(world),
    "a piece of a log": lambda world: world.change("INSERT INTO logs SELECT job_id, attempt, 4, data FROM logs"),
}
WRONG: dict[str, Callable[[World], None]] = {
    "another log of that length": lambda world: world.there.log.write_bytes(LOG.upper()) and None,
    "another value": lambda world: world.change("UPDATE metrics SET value=9 WHERE step=1"),
    "an end that the host has not": lambda world: os.unlink(world.there.exit),
    "another end": lambda world: write_json(world.there.exit, to_dict(ExitRecord("failed", "oom"))),
    "a file altered at home": lambda world: _home(world).write_bytes(MODEL.upper()) and None,
    "a file missing at home": lambda world: os.unlink(_home(world)),
    "a link at home": lambda world: (_home(world).parent / "link").symlink_to("/etc/passwd"),
    "half a snapshot": lambda world: _half_a_snapshot(world.root),
}


@pytest.mark.parametrize("what", LOST)
def test_it_sees_what_is_lost(world: World, what: str) -> None:
    LOST[what](world)
    assert world.look().lost


@pytest.mark.parametrize("what", DOUBLED)
def test_it_sees_what_is_doubled(world: World, what: str) -> None:
    DOUBLED[what](world)
    assert world.look().doubled


@pytest.mark.parametrize("what", WRONG)
def test_it_sees_what_is_wrong(world: World, what: str) -> None:
    WRONG[what](world)
    result = world.look()
    assert result.wrong and result.survived == 0


def test_it_sees_a_job_called_ended_while_it_runs(world: World) -> None:
    os.unlink(world.there.exit)
    assert falsely_ended(world.laptop, [world.root])


def _home(world: World) -> Path:
    return world.laptop.home / "runs" / "j" / "final" / "model"


def _second_attempt(world: World) -> None:
    value = json.loads(world.there.spec.read_bytes())
    owner = Home(world.laptop.home).owner()
    folder = world.there.path.with_name("2")
    folder.mkdir()
    (folder / "spec.json").write_text(json.dumps({**value, "attempt": 2, "owner": owner}))


def _half_a_snapshot(root: Path) -> None:
    folder = root / "data" / "mine" / "digest"
    folder.mkdir(parents=True)
    entry = {"path": "train.jsonl", "size": 3, "sha256": "0" * 64}
    folder.with_suffix(".json").write_text(json.dumps({"files": [entry]}))
