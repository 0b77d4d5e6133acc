"""The controller and the commands may die at any instant: nothing is lost or done twice.

The steps at which the controller is killed are rows of the table in `test_faults.py`.
"""

from __future__ import annotations

import json
import signal

import psutil

from support.laptop import Laptop, job_processes
from support.sshd import SshHost
from support.wait import until


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
