"""The controller and the commands may die at any instant: one submit is one job, and nothing is lost or done twice."""

from __future__ import annotations

import json
import signal

import psutil
import pytest

from lt_controller.engine.steps import PullStep, ResumeStep, Step, StopStep, SubmitStep
from support.laptop import Laptop, job_processes, tree_hashes
from support.sshd import SshHost
from support.wait import until

SAVE = "mkdir out; head -c 3000000 /dev/urandom > out/a; echo b > out/b"


@pytest.mark.parametrize("step", list(SubmitStep), ids=lambda step: step.value)
def test_a_controller_killed_within_a_submit_leaves_exactly_one_job(
    laptop: Laptop, box: SshHost, step: SubmitStep
) -> None:
    (laptop.work / "count.sh").write_text('echo ran >> "$HOME/count"\necho done\n')
    name = laptop.run("box", "sh", "count.sh", env={"LT_CRASH_AT": step.value})
    _wait_for_crash(laptop, step)

    laptop.lt("wait", name)
    assert (box.sshd.home / "count").read_text() == "ran\n"
    assert laptop.log(name) == b"done\n"
    assert len(laptop.query("SELECT * FROM jobs")) == 1
    assert len(list((box.root / "jobs").glob("*/[0-9]*"))) == 1


@pytest.mark.parametrize("step", list(PullStep), ids=lambda step: step.value)
def test_a_controller_killed_within_a_pull_brings_it_home_whole(laptop: Laptop, box: SshHost, step: PullStep) -> None:
    name = laptop.run("box", "sh", "-c", SAVE, options=["--pull", "out/**"], env={"LT_CRASH_AT": step.value})
    _wait_for_crash(laptop, step)

    laptop.lt("wait", name)
    until(lambda: laptop.job(name)["pull_state"] == "pulled", 30, "pulled")
    there = tree_hashes(box.root / "jobs" / laptop.job(name)["id"] / "1" / "code" / "out")
    assert _home_hashes(laptop, name) == there and set(there) == {"a", "b"}


@pytest.mark.parametrize("step", [*StopStep, *ResumeStep], ids=lambda step: step.value)
def test_a_controller_killed_within_a_request_carries_it_out_once(laptop: Laptop, box: SshHost, step: Step) -> None:
    env = {"LT_CRASH_AT": step.value}
    script = 'echo $LT_ATTEMPT >> "$HOME/attempts"; [ "$LT_ATTEMPT" = 2 ] || exec sleep 600'
    name = laptop.run("box", "sh", "-c", script, env=env)
    laptop.wait_state(name, "running")
    laptop.lt("pause", name, code=None, env=env)
    laptop.wait_by_command(name, "paused")
    laptop.lt("resume", name, code=None, env=env)
    laptop.wait_by_command(name, "succeeded")

    assert (laptop.home / f"crashed-{step.value}").exists()
    assert (box.sshd.home / "attempts").read_text().split() == ["1", "2"]
    assert laptop.job(name)["attempt"] == 2


def test_a_controller_killed_while_the_job_runs_misses_nothing(laptop: Laptop, box: SshHost) -> None:
    name = laptop.run("box", "sh", "-c", "for i in $(seq 200); do echo line $i; sleep 0.02; done")
    for _ in range(3):
        before = len(laptop.log(name))
        until(lambda b=before: len(laptop.log(name)) > b, 30, "the log grows")
        laptop.kill_controller()
        laptop.lt("ps")  # the next command starts another
    laptop.lt("wait", name)
    assert laptop.log(name) == b"".join(b"line %d\n" % i for i in range(1, 201))


def test_two_commands_at_once_make_two_jobs_and_one_controller(laptop: Laptop, box: SshHost) -> None:
    running = [laptop.start("run", "box", "--json", "--", "sh", "-c", f"echo {n}") for n in range(4)]
    told = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0] * 4, told
    names = [json.loads(out)["name"] for out, _ in told]
    assert len(set(names)) == 4
    assert laptop.controller() is not None  # asserts that there are not two
    for name in names:
        laptop.lt("wait", name)
    assert sorted(laptop.log(name) for name in names) == [b"0\n", b"1\n", b"2\n", b"3\n"]


def test_two_commands_at_once_cannot_take_one_name(laptop: Laptop, box: SshHost) -> None:
    running = [laptop.start("run", "box", "--name", "mine", "--json", "--", "true") for _ in range(2)]
    for process in running:
        process.communicate(timeout=60)
    assert sorted(process.returncode == 0 for process in running) == [False, True]
    laptop.lt("wait", "mine")
    assert len(laptop.query("SELECT * FROM jobs")) == 1


def test_a_supervisor_that_is_killed_takes_its_job_along_and_is_called_lost(laptop: Laptop, box: SshHost) -> None:
    name = laptop.run("box", "sleep", "600")
    job = laptop.wait_state(name, "running")
    folder = box.root / "jobs" / job["id"] / "1"
    supervisor = json.loads((folder / "supervisor.json").read_text())
    psutil.Process(supervisor["pid"]).send_signal(signal.SIGKILL)

    ended = laptop.wait_state(name, "lost", timeout=90)
    assert ended["reason"] == "supervisor_killed"
    assert job_processes(job["id"]) == []


def _wait_for_crash(laptop: Laptop, step: Step) -> None:
    """The controller has passed the step and died of it; a waiting command may have started the next."""
    marker = laptop.home / f"crashed-{step.value}"
    until(marker.exists, 60, f"the controller passes {step.value}")

    def dead() -> bool:
        process = laptop.controller()
        return process is None or process.create_time() > marker.stat().st_mtime

    until(dead, 10, "the controller is dead")


def _home_hashes(laptop: Laptop, name: str) -> dict[str, str]:
    (a,) = [p for p in (laptop.home / "runs" / name).rglob("a") if ".lt" not in p.parts]
    return tree_hashes(a.parent)
