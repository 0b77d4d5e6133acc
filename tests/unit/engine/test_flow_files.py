"""Sweeps and pipelines as files at home, and back from there when the database is gone."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lt_agent.protocol.ulid import new_ulid
from lt_controller.client import Client
from lt_controller.engine.flow_files import FlowFiles, folder_of
from lt_controller.engine.homecoming import recover_home
from lt_controller.home import Home
from lt_controller.store.writer import Writer
from support.store import Store

SWEEP, PIPELINE, JOB = new_ulid(), new_ulid(), new_ulid()
WHEN = "2026-11-22T00:00:00.000Z"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A sweep with a trial that has succeeded, one under way and one to come; a pipeline that is over."""
    made = Store(tmp_path / "home")
    plan = {"total": 3, "concurrency": 1, "section": {"metric": "loss", "grid": {"lr": [1, 2, 3]}}}
    row = {"id": SWEEP, "name": "grid", "hosts": "any", "recipe": "sft", "state": "running", "plan": plan}
    made.insert("sweeps", **row, created_at=WHEN)
    for number, state in enumerate(("succeeded", "submitted", "planned"), start=1):
        trial = {"sweep_id": SWEEP, "number": number, "job_id": f"{JOB}{number}", "job_name": f"grid-{number}"}
        made.insert(
            "trials", **trial, params={"lr": number}, state=state, value=0.5 if number == 1 else None, created_at=""
        )
    made.insert(
        "pipelines", id=PIPELINE, name="nightly", file="/p.yaml", params={}, state="failed", by="ann", created_at=WHEN
    )
    stage = {"pipeline": PIPELINE, "name": "train", "place": 0, "host": "any", "needs": [], "work": {"kind": "command"}}
    made.insert("stages", **stage, digest="d", job_id=JOB, job_name="nightly-train")
    yield made
    made.close()


def keep(store: Store) -> None:
    writer = Writer(store.home.database)
    FlowFiles(store.home, writer).keep()
    writer.close()


def rows(home: Home, sql: str) -> list[Any]:
    with closing(sqlite3.connect(home.database)) as db:
        return db.execute(sql).fetchall()


def moved(store: Store, path: Path) -> Home:
    """A fresh LT_HOME with a copy of what came home."""
    home = Home(path / "other").make()
    shutil.rmtree(home.runs)
    shutil.copytree(store.home.runs, home.runs)
    return home


def test_what_the_database_knew_of_sweeps_and_pipelines_is_known_again_and_rests(store: Store, tmp_path: Path) -> None:
    keep(store)
    home = moved(store, tmp_path)
    found = recover_home(home)
    assert (found["sweeps"], found["pipelines"], found["bad"]) == (1, 1, [])
    with Client(home) as client:
        sweep, pipeline = client.sweep("grid"), client.pipeline("nightly")
    assert (sweep.state, sweep.total, sweep.keys) == ("stopped", 3, ("lr",))
    assert [(trial.job, trial.state) for trial in sweep.trials] == [
        ("grid-1", "succeeded"),
        ("grid-2", "stopped"),
        ("grid-3", "stopped"),
    ]
    assert sweep.best is not None and sweep.best.value == 0.5
    assert (pipeline.state, [stage.name for stage in pipeline.stages]) == ("failed", ["train"])
    assert recover_home(home)["sweeps"] == 0, "again is harmless"
    assert rows(home, "SELECT count(*) FROM trials") == [(3,)]


def test_files_that_are_none_are_told_and_hold_up_nothing(store: Store, tmp_path: Path) -> None:
    keep(store)
    (folder_of(store.home) / f"{SWEEP}.json").unlink()
    nameless = {"kind": "sweep", "head": {"id": SWEEP, "name": ["a list"]}, "parts": []}
    outside = {"kind": "sweep", "head": {"id": "../x"}, "parts": []}
    for number, text in enumerate(("{", "[]", '{"kind": "sweep"}', json.dumps(outside), json.dumps(nameless))):
        (folder_of(store.home) / f"{number}.json").write_text(text)
    home = moved(store, tmp_path)
    found = recover_home(home)
    assert (found["sweeps"], found["pipelines"], len(found["bad"])) == (0, 1, 5)
    assert rows(home, "SELECT count(*) FROM sweeps") == [(0,)]


def test_a_sweep_is_written_as_it_changes_and_goes_when_it_is_forgotten(store: Store) -> None:
    writer = Writer(store.home.database)
    files = FlowFiles(store.home, writer)
    files.keep()
    path = folder_of(store.home) / f"{PIPELINE}.json"
    first = path.stat().st_mtime_ns, path.stat().st_ino
    store.db.execute("UPDATE trials SET state='succeeded', value=0.25 WHERE number=2")
    files.keep()
    told = json.loads((folder_of(store.home) / f"{SWEEP}.json").read_bytes())
    assert [part["value"] for part in told["parts"]] == [0.5, 0.25, None]
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == first, "what rests is not written again"
    store.db.execute("DELETE FROM stages")
    store.db.execute("DELETE FROM pipelines")
    files.keep()
    assert not path.exists()
    writer.close()
