"""The end of a rented box: drained, given up, and gone on elsewhere."""

from __future__ import annotations

import json

import pytest

from support.laptop import Laptop, job_processes, tree_hashes
from support.sshd import SshHost
from support.wait import until

SMALL = ["train.per_device_train_batch_size=2", "train.logging_steps=1", "train.max_steps=12", "save.save_steps=4"]


def test_a_drained_host_takes_nothing_new_finishes_brings_home_and_may_go(laptop: Laptop, box: SshHost) -> None:
    (laptop.work / "run.sh").write_text('until [ -e "$HOME/go" ]; do sleep 0.1; done; mkdir out; echo made > out/it\n')
    name = laptop.run("box", "sh", "run.sh", options=["--pull", "out/**"])
    laptop.wait_state(name, "running")
    told = laptop.lt("drain", "box", "--no-wait", code=1)
    assert name in told.stdout and "can't go yet" in told.stderr
    refused = laptop.lt("run", "box", "--", "true", code=1)
    assert "drained" in refused.stderr and "--undo" in refused.stderr
    (box.sshd.home / "go").touch()
    done = laptop.lt("drain", "box")
    assert "box can go" in done.stderr
    assert laptop.job(name)["state"] == "succeeded"
    assert (laptop.home / "runs" / name / "files" / "out" / "it").read_text() == "made\n"
    laptop.lt("drain", "box", "--undo")
    laptop.wait_state(laptop.run("box", "true"), "succeeded")


def test_a_drain_that_saves_pauses_what_runs_and_what_waits(laptop: Laptop, box: SshHost) -> None:
    running, waiting = laptop.run("box", "sleep", "600"), laptop.run("box", "sleep", "600")
    laptop.wait_state(running, "running")
    laptop.wait_state(waiting, "waiting")
    assert "box can go" in laptop.lt("drain", "box", "--save").stderr
    assert [laptop.job(name)["state"] for name in (running, waiting)] == ["paused", "paused"]


@pytest.mark.train
def test_a_job_of_a_retired_host_goes_on_elsewhere_to_the_same_weights(
    laptop: Laptop, box: SshHost, twin: SshHost
) -> None:
    pytest.importorskip("trl", reason="the train extra is not installed")
    straight = laptop.submit("twin", "tiny-sft", *SMALL)
    name = laptop.submit("box", "tiny-sft", "save.pull=all", *SMALL)
    laptop.wait_state(straight, "succeeded", timeout=200)
    job = laptop.wait_state(name, "succeeded", timeout=200)
    until(lambda: laptop.job(name)["pull_state"] == "pulled", 60, "all of it is at home")
    box.sshd.stop()  # the box is gone; whatever it had is at home

    assert "box is retired" in laptop.lt("host", "retire", "box").stderr
    assert "retired" in laptop.lt("resume", name, "--from", "4", code=1).stderr
    laptop.lt("resume", name, "--on", "twin", "--from", "4")  # as if it had got no further
    ended = laptop.wait_state(name, "succeeded", timeout=200)
    assert (ended["host"], ended["attempt"], ended["id"]) == ("twin", 2, job["id"])
    assert "checkpoint-4" in str(laptop.query("SELECT resume FROM attempts WHERE attempt=2")[0]["resume"])
    for one in (name, straight):
        until(lambda one=one: laptop.job(one)["pull_state"] == "pulled", 60, "pulled")
    weights = [tree_hashes(laptop.home / "runs" / one / "final") for one in (name, straight)]
    assert weights[0]["model.safetensors"] == weights[1]["model.safetensors"]


def test_a_retired_host_that_comes_back_has_its_old_attempt_stopped(
    laptop: Laptop, box: SshHost, twin: SshHost
) -> None:
    name = laptop.run("box", "sleep", "600")
    job = laptop.wait_state(name, "running")
    port = box.sshd.port
    box.sshd.stop()
    told = laptop.lt("host", "retire", "box", "--move", "any")
    assert "goes on at twin" in told.stderr
    assert laptop.wait_state(name, "running")["host"] == "twin"
    assert len(job_processes(job["id"])) >= 2  # nobody can ask the box: it goes on there, too

    box.sshd.start(port)
    laptop.lt("host", "retire", "box", "--undo")
    laptop.lt("host", "check", "box", code=None)
    where = str(box.root / "jobs" / job["id"])
    until(lambda: (box.root / "jobs" / job["id"] / "1" / "exit.json").exists(), 60, "it is stopped on the box")
    after = laptop.job(name)
    assert (after["state"], after["host"], after["attempt"]) == ("running", "twin", 2), where
    laptop.lt("stop", name)
    laptop.wait_state(name, "cancelled")


def test_a_host_that_is_retired_within_reach_is_asked_at_once_to_stop_what_it_runs(
    laptop: Laptop, box: SshHost
) -> None:
    name = laptop.run("box", "sleep", "600")
    job = laptop.wait_state(name, "running")
    laptop.lt("controller", "stop")
    until(lambda: laptop.controller() is None, 60, "nobody is connected any more")
    laptop.lt("host", "retire", "box")
    until(lambda: not job_processes(job["id"]), 60, "it is stopped on the box")
    assert laptop.job(name)["state"] == "lost"
    until(lambda: not laptop.requests(), 60, "and nothing more is owed")


def test_a_job_of_several_hosts_goes_on_by_itself_when_its_host_is_given_up(
    laptop: Laptop, box: SshHost, twin: SshHost
) -> None:
    name = laptop.run("box,twin", "sleep", "600", options=["--retries", "2"])
    job = laptop.wait_state(name, "running")
    first = {"box": box, "twin": twin}[job["host"]]
    other = {"box": "twin", "twin": "box"}[job["host"]]
    port = first.sshd.port
    first.sshd.stop()
    told = laptop.lt("host", "retire", job["host"]).stderr
    assert f"{name} goes on" in told
    until(lambda: laptop.job(name)["attempt"] == 2, 90, "the next attempt is begun")
    after = laptop.wait_state(name, "running")
    assert (after["host"], after["attempt"]) == (other, 2)
    spec = json.loads(after["spec"])
    assert (spec["tried"], spec["retries"]) == (1, 2)
    shown = laptop.lt("show", name).stdout
    assert "given up with its host" in shown and f"goes on at {other}" in shown
    laptop.lt("host", "retire", other)  # no host is left: it waits, and can be stopped
    waiting = laptop.wait_state(name, "queued")
    assert json.loads(waiting["waits"])["code"] == "elsewhere" and waiting["retry_at"]
    assert "to go on elsewhere (box,twin)" in laptop.lt("show", name).stdout
    laptop.lt("stop", name)
    laptop.wait_state(name, "cancelled")

    first.sshd.start(port)
    for host in (job["host"], other):
        laptop.lt("host", "retire", host, "--undo")
        laptop.lt("host", "check", host, code=None)
    until(lambda: not job_processes(job["id"]), 60, "both hosts have stopped what was given up there")
    assert laptop.job(name)["state"] == "cancelled"


@pytest.mark.slow
@pytest.mark.train
@pytest.mark.timeout(900)
def test_a_training_goes_on_by_itself_elsewhere_to_the_same_weights(
    laptop: Laptop, box: SshHost, twin: SshHost
) -> None:
    pytest.importorskip("trl", reason="the train extra is not installed")
    long = [*SMALL, "train.max_steps=100", "save.pull=all"]
    name = laptop.submit("box,twin", "tiny-sft", "--retries", "1", *long)
    job = laptop.wait_state(name, "running", timeout=200)
    first = {"box": box, "twin": twin}[job["host"]]
    other = {"box": "twin", "twin": "box"}[job["host"]]
    saved = first.root / "jobs" / job["id"] / "1" / "control" / "saved"
    until(lambda: (saved / "checkpoint-4").exists(), 200, "a checkpoint")
    workers = job_processes(job["id"])
    for process in workers:
        process.suspend()  # so that it gets no further than what is at home
    names = {path.name for path in saved.iterdir()}
    assert "final" not in names, "it was quicker than this test"

    def at_home() -> bool:
        found = laptop.checkpoints(name)
        return names <= found.keys() and all(row["pull_state"] == "pulled" for row in found.values())

    until(at_home, 90, "all that it has saved is at home")
    first.sshd.stop()
    assert f"{name} goes on" in laptop.lt("host", "retire", job["host"]).stderr
    for process in workers:
        process.resume()  # the box that nobody can ask goes on, and comes to its end: what it makes is nobody's
    straight = laptop.submit(other, "tiny-sft", *long)
    for one in (name, straight):
        laptop.wait_state(one, "succeeded", timeout=300)
        until(lambda one=one: laptop.job(one)["pull_state"] == "pulled", 60, "pulled")
    ended = laptop.job(name)
    assert (ended["host"], ended["attempt"], ended["id"]) == (other, 2, job["id"])
    assert min(laptop.metrics(name, "loss", attempt=2)) > 4, "it did not begin anew"
    weights = [tree_hashes(laptop.home / "runs" / one / "final") for one in (name, straight)]
    assert weights[0]["model.safetensors"] == weights[1]["model.safetensors"]


def test_what_is_at_home_may_be_cleared_from_its_host_and_nothing_else(laptop: Laptop, box: SshHost) -> None:
    (laptop.work / "run.sh").write_text("mkdir out; echo made > out/it\n")
    done = laptop.run("box", "sh", "run.sh", options=["--pull", "out/**"])
    laptop.lt("wait", done, "--pulled")
    (laptop.work / "other.txt").write_text("other code\n")
    running = laptop.run("box", "sleep", "600")
    laptop.wait_state(running, "running")
    folders = {name: box.root / "jobs" / laptop.job(name)["id"] for name in (done, running)}

    told = laptop.lt("gc", "box", "--older", "0s")
    assert "lt gc box --yes" in told.stderr and folders[done].exists()
    laptop.lt("gc", "box", "--older", "0s", "--yes")
    assert not folders[done].exists() and folders[running].exists()
    assert laptop.job(done)["state"] == "succeeded"
    assert (laptop.home / "runs" / done / "files" / "out" / "it").read_text() == "made\n"
    kept = {path.name for path in (box.root / "data").glob("*/*") if path.is_dir() and not path.name.startswith(".")}
    assert len(kept) == 1  # the code of what runs; that of the other went
    assert "Nothing" in laptop.lt("gc", "box", "--older", "0s", "--yes").stderr
    laptop.lt("stop", running)
    laptop.wait_state(running, "cancelled")
    after = laptop.run("box", "sh", "run.sh")  # what was cleared is sent again
    laptop.wait_state(after, "succeeded")


@pytest.mark.slow
@pytest.mark.train
def test_a_cleared_job_is_resumed_from_home(laptop: Laptop, box: SshHost) -> None:
    pytest.importorskip("trl", reason="the train extra is not installed")
    name = laptop.submit("box", "tiny-sft", "save.pull=all", *SMALL, "train.max_steps=100000")
    until(lambda: "checkpoint-4" in laptop.checkpoints(name), 200, "a checkpoint")
    laptop.lt("stop", name, "--wait")
    laptop.lt("pull", name, "--wait")
    laptop.lt("gc", "box", "--older", "0s", "--yes")
    assert not (box.root / "jobs" / laptop.job(name)["id"]).exists()
    laptop.lt("resume", name)
    until(lambda: laptop.metrics(name, "loss", attempt=2), 200, "it trains again")
    laptop.lt("stop", name, "--wait")
    assert min(laptop.metrics(name, "loss", attempt=2)) > 4
