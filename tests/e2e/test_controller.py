"""The controller's own life: leaving, its successor, signals, an inventory and a database that change under it."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from dataclasses import replace

from lt_inventory.hosts_file import HostsFile
from support.agent_host import gone
from support.laptop import Laptop, job_processes, processes_under
from support.relay import Relay
from support.sshd import SshHost
from support.wait import until


def test_a_submit_right_after_a_signal_finds_a_successor(laptop: Laptop) -> None:
    laptop.own_local()
    name = laptop.run("local", "sleep", "600")
    job = laptop.wait_state(name, "running")
    for number in (signal.SIGTERM, signal.SIGINT):
        before = laptop.controller()
        assert before is not None
        before.send_signal(number)

        def succeeded(before: int = before.pid) -> bool:
            laptop.lt("controller", "start")  # never fails, at whatever moment of the old one's leaving it comes
            after = laptop.controller()
            return after is not None and after.pid != before

        until(succeeded, 30, "a successor runs")
    assert job_processes(job["id"])
    laptop.lt("stop", name)
    laptop.wait_state(name, "cancelled")


def test_a_host_that_left_the_inventory_keeps_no_controller_busy(laptop: Laptop, box: SshHost) -> None:
    laptop.variables["LT_LINGER"] = "1"
    name = laptop.run("box", "sleep", "600")
    job = laptop.wait_state(name, "running")
    laptop.lt("host", "rm", "box", "--force")
    until(lambda: laptop.controller() is None, 40, "the controller has left")
    assert laptop.job(name)["state"] == "running"  # nothing was proved

    told = laptop.lt("stop", name, code=None)
    assert told.returncode != 0 and "box" in told.stdout + told.stderr
    laptop.lt("rm", name, "--discard")
    until(lambda: laptop.job(name)["removed"], 20, "forgotten")
    assert job_processes(job["id"])  # a person's word about the laptop alone
    for process in job_processes(job["id"]):
        process.kill()


def test_a_job_is_stopped_while_its_data_is_on_the_way(laptop: Laptop, box: SshHost) -> None:
    with Relay(box.sshd.port, latency=0.15) as relay:
        slow = box.at_port(relay.port)
        HostsFile(laptop.home / "hosts.toml").update(replace(slow.host, python=None))
        (laptop.work / "big").write_bytes(b"x" * 20_000_000)
        (laptop.work / "run.sh").write_text('touch "$HOME/ran"')
        name = laptop.run("box", "sh", "run.sh")
        laptop.wait_state(name, "staging")
        laptop.lt("stop", name)
        laptop.wait_state(name, "cancelled")
    assert not (box.sshd.home / "ran").exists()
    assert not list((box.root / "jobs").glob("*/*/spec.json"))


def test_an_edited_host_is_talked_to_as_it_says_now(laptop: Laptop, box: SshHost) -> None:
    with Relay(box.sshd.port) as relay:
        name = laptop.run("box", "sh", "-c", "echo one; while [ ! -e gate ]; do sleep 0.1; done; echo two")
        job = laptop.wait_state(name, "running")
        HostsFile(laptop.home / "hosts.toml").update(replace(box.at_port(relay.port).host, note="moved"))
        laptop.lt("ps")
        until(lambda: relay.carried > 2000, 30, "it came by the new way")
        (box.root / "jobs" / job["id"] / "1" / "code" / "gate").touch()
        laptop.wait_state(name, "succeeded")
        assert laptop.log(name) == b"one\ntwo\n"


def test_a_database_that_somebody_holds_stops_nothing_for_good(laptop: Laptop) -> None:
    laptop.own_local()
    name = laptop.run("local", "sh", "-c", "for i in $(seq 50); do echo $i; sleep 0.05; done")
    laptop.wait_state(name, "running")
    controller = until(laptop.controller, 15, "the controller answers")
    with sqlite3.connect(laptop.home / "lt.db", timeout=30, isolation_level=None) as held:
        held.execute("BEGIN IMMEDIATE")
        until(lambda: not job_processes(laptop.job(name)["id"]), 30, "the job has ended meanwhile")
        held.execute("ROLLBACK")
    laptop.wait_state(name, "succeeded")
    assert laptop.log(name) == b"".join(b"%d\n" % n for n in range(1, 51))
    assert laptop.controller() == controller


def test_a_full_database_is_survived_and_caught_up(laptop: Laptop, box: SshHost) -> None:
    laptop.variables["LT_LINGER"] = "30"
    name = laptop.run("box", "sh", "-c", "while [ ! -e gate ]; do sleep 0.1; done; head -c 3000000 /dev/zero; echo end")
    job = laptop.wait_state(name, "running")
    controller = laptop.controller()
    assert controller is not None
    (bridge,) = [process for process in processes_under(box.root) if "bridge" in process.cmdline()]
    # As a full disk would: no write of the controller's gets further than this.
    limit = (laptop.home / "lt.db-wal").stat().st_size
    _limit_files(controller.pid, limit)
    (box.root / "jobs" / job["id"] / "1" / "code" / "gate").touch()
    until((box.root / "jobs" / job["id"] / "1" / "exit.json").exists, 30, "the job has ended")
    until(lambda: gone(bridge.pid), 30, "what could not be stored has ended the connection")
    assert len(laptop.log(name)) < 3_000_000
    _limit_files(controller.pid, -1)
    laptop.wait_state(name, "succeeded", timeout=120)
    assert laptop.log(name).endswith(b"end\n") and len(laptop.log(name)) == 3_000_004
    assert laptop.controller() == controller


def _limit_files(pid: int, size: int) -> None:
    limit = "unlimited" if size < 0 else str(size)
    subprocess.run(["prlimit", f"--pid={pid}", f"--fsize={limit}:unlimited"], check=True)
