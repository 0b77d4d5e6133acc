"""The end of a lease: what was trained comes home before it, with the laptop asleep when the moment comes."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from support.laptop import Laptop, tree_hashes
from support.sshd import SshHost
from support.wait import until

ENDLESS = ["train.max_steps=1000000", "train.logging_steps=1", "save.save_steps=1000000", "save.pull=none"]


def in_seconds(seconds: float) -> str:
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).isoformat()


def codes(laptop: Laptop, name: str) -> list[str]:
    return [row["code"] for row in laptop.query("SELECT code FROM events WHERE job_id=?", laptop.job(name)["id"])]


@pytest.mark.slow
@pytest.mark.train
def test_a_training_is_saved_before_its_lease_ends_and_brought_home_when_the_laptop_is_back(
    laptop: Laptop, box: SshHost
) -> None:
    pytest.importorskip("trl", reason="the train extra is not installed")
    name = laptop.submit("box", "tiny-sft", *ENDLESS)
    until(lambda: len(laptop.metrics(name, "loss")) >= 6, 200, "it trains")
    laptop.lt("host", "edit", "box", "--until", in_seconds(24 * 3600), "--save-before-end", "1h")
    until(lambda: "lease_short" in codes(laptop, name), 100, "it will not be done in a day")
    assert "the lease of box ends in" in laptop.lt("ps").stdout

    told = Path(str(box.host.lease_dir)) / "lease_end.json"
    before = told.read_bytes()
    laptop.lt("host", "edit", "box", "--until", in_seconds(3600 + 15))
    until(lambda: told.read_bytes() != before, 60, "the host knows the new end")
    laptop.kill_controller()
    manifests = box.root / "jobs" / laptop.job(name)["id"] / "1" / "manifests"
    until(lambda: list(manifests.glob("checkpoint-*.json")), 100, "the host asked for a checkpoint by itself")

    laptop.lt("ps")
    until(lambda: "lease_saved" in codes(laptop, name), 100, "it is at home, and said")
    row = next(row for row in laptop.checkpoints(name).values() if row["pull_state"] == "pulled")
    home = tree_hashes(laptop.home / "runs" / name / row["name"])
    assert home == {file["path"]: file["sha256"] for file in json.loads(row["manifest"])["files"]}
    assert laptop.job(name)["state"] == "running"

    laptop.lt("host", "edit", "box", "--until", in_seconds(-1))
    until(lambda: "lease_over" in codes(laptop, name), 60, "the end of the lease is said")
    assert row["name"] in laptop.lt("show", name).stdout
    laptop.lt("stop", name, "--wait")
    assert codes(laptop, name).count("lease_save") == 1


def test_what_a_host_was_and_costs_is_told_by_commands(laptop: Laptop, box: SshHost) -> None:
    laptop.lt("host", "edit", "box", "--price", "3600/h", "--provider", "somebody", "--until", in_seconds(1800))
    run = laptop.lt("run", "box", "--json", "--", "sh", "-c", "sleep 1")
    assert "the lease of box ends in" in run.stderr and "lt host edit box --until" in run.stderr
    name = str(json.loads(run.stdout)["name"])
    laptop.wait_state(name, "succeeded")
    job = json.loads(laptop.lt("cost", "--by", "job", "--json").stdout)
    (line,) = job["lines"]
    assert line["name"] == name and line["cost"] == pytest.approx(line["hours"] * 3600)
    assert line["cost"] > 0
    laptop.lt("host", "edit", "box", "--price", "2/h")
    periods = json.loads(laptop.lt("host", "history", "box", "--json").stdout)
    assert [period["data"].get("price") for period in periods[-2:]] == [3600, 2]
    assert periods[-1]["changed"] == ["price"] and periods[-1]["data"]["cpus"] > 0

    host = json.loads(laptop.lt("cost", "--json").stdout)
    (told,) = [item for item in host["lines"] if item["name"] == "box"]
    assert told["total"] == pytest.approx(told["cost"] + told["idle_cost"])
    assert laptop.lt("cost", "--by", "week", "--csv", "-").stdout.count("\n") >= 3
    assert "cost" in laptop.lt("show", name).stdout
