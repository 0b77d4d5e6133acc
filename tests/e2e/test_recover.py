"""A laptop that lost its database, or a fresh one, rebuilds it from the hosts or from what came home, and goes on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lt_controller.engine.steps import RecoverStep
from lt_controller.home import Home
from support.laptop import Laptop, tree_hashes
from support.sshd import SshHost
from support.wait import until

SCRIPT = (
    "mkdir -p out; i=0; "
    'while [ ! -e "$HOME/gate" ]; do i=$((i+1)); echo line $i; '
    'echo "{\\"step\\": $i, \\"loss\\": 0.$i}" >> $LT_METRICS; sleep 0.05; done; echo end'
)
SAVE = "mkdir out; head -c 300000 /dev/urandom > out/a; echo b > out/b; echo saved"
# What a rebuilt row can't have: where on this laptop things came from, our own notes, and who was told of what.
NOT_REBUILT = {"pull", "spec", "kept", "message", "told", "tell_from"}
TIMES = {"created_at", "started_at", "finished_at", "time"}


@pytest.fixture
def other(tmp_path: Path, laptop: Laptop, box: SshHost) -> Iterator[Laptop]:
    """A second laptop that has the same host in its inventory."""
    made = Laptop(tmp_path / "other home", tmp_path / "other work")
    made.work.mkdir()
    _fresh_home(laptop, made)
    yield made
    made.lt("controller", "stop", code=None)


def test_a_database_rebuilt_from_the_host_equals_the_old_one_while_jobs_run(laptop: Laptop, box: SshHost) -> None:
    done = laptop.run("box", "sh", "-c", SAVE, options=["--pull", "out/**"])
    laptop.lt("wait", done, "--pulled")
    running = laptop.run("box", "sh", "-c", SCRIPT)
    until(lambda: laptop.log(running).count(b"\n") > 20, 60, "it prints")
    before = {name: laptop.job(name) for name in (done, running)}
    old = _put_database_aside(laptop)

    told = json.loads(laptop.lt("recover", "box", "--json").stdout)
    assert told["result"]["found"] == 2 and sorted(job["name"] for job in told["jobs"]) == sorted(before)
    again = json.loads(laptop.lt("recover", "box", "--json").stdout)
    assert again["result"] == {**told["result"], "fresh": []}

    length = len(laptop.log(running))
    until(lambda: len(laptop.log(running)) > length, 60, "the running one is followed")
    (box.sshd.home / "gate").touch()
    for name in before:
        laptop.lt("wait", name, "--pulled")
    folder = box.root / "jobs" / before[running]["id"] / "1"
    assert laptop.log(running) == (folder / "log").read_bytes()
    steps = [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert sorted(laptop.metrics(running, "loss")) == steps
    # The checkpoint was at home, hash for hash: nothing was sent again.
    assert laptop.query("SELECT * FROM transfers WHERE direction='pull'") == []
    assert laptop.checkpoints(done)["files-1"]["pull_state"] == "pulled"
    _assert_same_rows(old, laptop, before[done]["id"])


def test_recovery_goes_on_after_a_crash_at_any_step(laptop: Laptop, box: SshHost, other: Laptop) -> None:
    first = laptop.run("box", "sh", "-c", "echo one")
    second = laptop.run("box", "sh", "-c", "echo two")
    laptop.lt("wait", first, second)
    for step in RecoverStep:
        _put_database_aside(other)
        told = other.lt("recover", "box", "--adopt-all", "--json", env={"LT_CRASH_AT": step.value})
        assert (other.home / f"crashed-{step.value}").exists()
        # What was done before the crash is not new to the controller that goes on.
        assert json.loads(told.stdout)["result"]["found"] == 2
        assert {row["name"] for row in other.query("SELECT name FROM jobs")} == {first, second}
    other.lt("wait", first, second)
    assert (other.log(first), other.log(second)) == (b"one\n", b"two\n")
    assert len(other.query("SELECT * FROM jobs")) == len(other.query("SELECT * FROM attempts")) == 2


def test_a_damaged_database_is_put_aside_and_the_way_out_is_said(laptop: Laptop, box: SshHost) -> None:
    name = laptop.run("box", "sh", "-c", SCRIPT, options=["--name", "mine"])
    laptop.wait_state(name, "running")
    laptop.lt("controller", "stop")
    database = laptop.home / "lt.db"
    database.write_bytes(b"no database at all" * 1000)
    for end in ("-wal", "-shm"):  # the other half of a sound one, which a reader may have left
        database.with_name(database.name + end).unlink(missing_ok=True)
    said = laptop.lt("ps", code=1).stderr
    assert "damaged" in said and "lt recover --home" in said
    assert "damaged" in laptop.lt("stop", name, code=1).stderr

    laptop.lt("recover", "box")
    (aside,) = laptop.home.glob("lt.db.damaged-*")
    assert aside.read_bytes().startswith(b"no database")
    laptop.wait_state(name, "running")
    laptop.lt("stop", name, "--wait")
    assert laptop.job(name)["state"] == "cancelled"


def test_jobs_are_rebuilt_from_home_when_the_box_is_gone(laptop: Laptop, box: SshHost) -> None:
    name = laptop.run(
        "box",
        "sh",
        "-c",
        f'echo "{{\\"step\\": 1, \\"loss\\": 2}}" >> $LT_METRICS; {SAVE}; exit 3',
        options=["--pull", "out/**"],
    )
    laptop.lt("wait", name, "--pulled", code=1)
    until((laptop.home / "runs" / name / ".lt" / "1" / "exit.json").exists, 30, "kept")
    laptop.lt("controller", "stop")
    before = _rows(laptop, laptop.job(name)["id"])
    box.sshd.stop()
    _put_database_aside(laptop)

    told = json.loads(laptop.lt("recover", "--home", "--json").stdout)
    assert (told["jobs"], told["fresh"], told["checkpoints"], told["bad"]) == (1, 1, 1, [])
    assert json.loads(laptop.lt("recover", "--home", "--json").stdout)["fresh"] == 0
    after = _rows(laptop, laptop.job(name)["id"])
    _assert_same(before, after)
    assert laptop.job(name)["reason"] == "exit_code" and laptop.job(name)["exit_code"] == 3
    assert laptop.log(name) == b"saved\n"


def test_a_checkpoint_at_home_that_was_changed_is_not_called_verified(laptop: Laptop, box: SshHost) -> None:
    name = laptop.run("box", "sh", "-c", SAVE, options=["--pull", "out/**"])
    laptop.lt("wait", name, "--pulled")
    there = tree_hashes(laptop.home / "runs" / name / "files")
    until((laptop.home / "runs" / name / ".lt" / "1" / "exit.json").exists, 30, "kept")
    laptop.lt("controller", "stop")
    _put_database_aside(laptop)
    (changed,) = (laptop.home / "runs" / name / "files").rglob("b")
    changed.write_text("x\n")

    assert json.loads(laptop.lt("recover", "--home", "--json").stdout)["checkpoints"] == 0
    assert laptop.checkpoints(name) == {}
    _put_database_aside(laptop)
    laptop.lt("recover", "box")
    laptop.lt("wait", name, "--pulled")
    assert tree_hashes(laptop.home / "runs" / name / "files") == there


def test_another_laptop_sees_the_job_adopts_it_and_the_first_leaves_it_alone(
    laptop: Laptop, box: SshHost, other: Laptop
) -> None:
    name = laptop.run("box", "sh", "-c", SCRIPT, options=["--name", "mine"])
    laptop.wait_state(name, "running")
    job = laptop.job(name)["id"]
    own = other.run("box", "sh", "-c", "true", options=["--name", "mine"])  # a name that is taken on the other side

    told = json.loads(other.lt("recover", "box", "--json").stdout)
    assert [seen["name"] for seen in told["others"]] == ["mine"] and told["others"][0]["by"].count("@") == 1
    assert "mine" in other.lt("ps", "--all-owners").stdout
    assert other.query("SELECT id FROM jobs WHERE id=?", job) == []

    other.lt("adopt", job)
    (row,) = other.query("SELECT name, state, adopted_by FROM jobs WHERE id=?", job)
    assert row["name"] == f"mine-{job[-6:].lower()}" and row["adopted_by"] is None
    until(lambda: laptop.job(name)["adopted_by"], 60, "the first laptop is told")
    assert name not in laptop.lt("ps").stdout and name in laptop.lt("ps", "-a").stdout
    said = laptop.lt("wait", name, code=1).stderr
    assert "adopted" in said and "lt adopt" in said
    refused = laptop.lt("stop", name, code=1).stderr
    assert "lt adopt" in refused
    assert laptop.lt("adopt", "no-such", code=4).returncode == 4

    until(lambda: len(other.log(row["name"])) > 20, 60, "the second follows it")
    other.lt("stop", row["name"], "--wait")
    assert other.job(row["name"])["state"] == "cancelled"
    assert own == "mine" and laptop.job(name)["state"] == "running"  # as it was last known there


def test_a_job_can_be_taken_back(laptop: Laptop, box: SshHost, other: Laptop) -> None:
    name = laptop.run("box", "sh", "-c", SCRIPT)
    laptop.wait_state(name, "running")
    other.lt("recover", "box")
    other.lt("adopt", name)
    until(lambda: laptop.job(name)["adopted_by"], 60, "the first laptop is told")
    laptop.lt("adopt", name)
    until(lambda: other.job(name)["adopted_by"], 60, "and now the second one")
    (box.sshd.home / "gate").touch()
    laptop.lt("wait", name)
    assert laptop.log(name) == (box.root / "jobs" / laptop.job(name)["id"] / "1" / "log").read_bytes()


def test_a_job_whose_folder_is_gone_stays_as_it_is_until_that_is_back(laptop: Laptop, box: SshHost) -> None:
    name, folder = _end_unseen(laptop, box)
    away = folder.rename(box.root / "away")  # as an unmounted disk would look
    laptop.lt("ps")
    until(lambda: "job_folder_missing" in (laptop.job(name)["message"] or ""), 60, "the laptop notices")
    assert laptop.job(name)["state"] == "running"
    assert "lt stop" in laptop.lt("rm", name, code=1).stderr
    away.rename(folder)
    laptop.lt("wait", name, timeout=60)
    assert laptop.job(name)["state"] == "succeeded" and not laptop.job(name)["message"]


def test_a_job_whose_folder_is_gone_is_forgotten_on_demand_once_nothing_of_it_runs(
    laptop: Laptop, box: SshHost
) -> None:
    name, folder = _end_unseen(laptop, box)
    folder.rename(box.root / "deleted")
    laptop.lt("ps")
    until(lambda: "job_folder_missing" in (laptop.job(name)["message"] or ""), 60, "the laptop notices")
    left = subprocess.Popen(["sleep", "600"], env={**os.environ, "LT_JOB": laptop.job(name)["id"]})
    try:
        assert "not at rest" in laptop.lt("rm", name, "--discard", code=1).stderr
    finally:
        left.kill()
        left.wait()
    laptop.lt("rm", name, "--discard")
    assert laptop.job(name)["removed"] == 1


def _end_unseen(laptop: Laptop, box: SshHost) -> tuple[str, Path]:
    """A job that has ended while no controller ran: its name, and its folder on the host."""
    name = laptop.run("box", "sh", "-c", 'while [ ! -e "$HOME/gate" ]; do sleep 0.05; done', options=["--name", "mine"])
    job = laptop.wait_state(name, "running")
    laptop.lt("controller", "stop")
    folder = box.root / "jobs" / job["id"]
    (box.sshd.home / "gate").touch()
    until(lambda: '"succeeded"' in (folder / "1" / "events.jsonl").read_text(), 30, "it ends with nobody watching")
    return name, folder


def _fresh_home(source: Laptop, target: Laptop) -> None:
    """A laptop as new, but for its inventory and the host's key."""
    Home(target.home).make()
    for name in ("hosts.toml", "known_hosts"):
        shutil.copy(source.home / name, target.home / name)


def _put_database_aside(laptop: Laptop) -> Path:
    """The laptop's database as it was, as an LT_HOME of its own; the laptop has none any more."""
    laptop.lt("controller", "stop", code=None)
    place = laptop.home.parent / f"old home {len(list(laptop.home.parent.glob('old home *')))}"
    place.mkdir()
    for path in laptop.home.glob("lt.db*"):
        path.rename(place / path.name)
    return place


def _rows(laptop: Laptop, job: str) -> dict[str, list[dict[str, Any]]]:
    """All rows of a job, without what can't be rebuilt; the log as one."""
    tables = {
        "jobs": "id",
        "attempts": "attempt",
        "events": "attempt, seq",
        "metrics": "attempt, name, step",
        "checkpoints": "attempt, name",
    }
    found = {}
    for table, order in tables.items():
        key = "id" if table == "jobs" else "job_id"
        rows = laptop.query(f"SELECT * FROM {table} WHERE {key}=? ORDER BY {order}", job)
        found[table] = [
            {key: row[key] for key in row.keys() if key not in NOT_REBUILT}  # noqa: SIM118
            for row in rows
            if table != "events" or row["seq"] >= 0
        ]
    return found


def _assert_same_rows(old: Path, laptop: Laptop, job: str) -> None:
    """The rebuilt rows are the old ones, table by table."""
    _assert_same(_rows(Laptop(old, old), job), _rows(laptop, job))


def _assert_same(was: dict[str, list[dict[str, Any]]], now: dict[str, list[dict[str, Any]]]) -> None:
    """Equal but for times, which may differ by what two handshakes measured of the clocks."""
    for table, rows in was.items():
        assert len(now[table]) == len(rows), table
        for before, after in zip(rows, now[table], strict=True):
            for key, value in before.items():
                if key in TIMES and value:
                    assert abs(_epoch(after[key]) - _epoch(value)) < 5, (table, key)
                else:
                    assert after[key] == value, (table, key)


def _epoch(text: str) -> float:
    from lt_controller.store.times import epoch

    return epoch(text)
