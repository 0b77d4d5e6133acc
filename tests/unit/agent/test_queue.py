"""The queue of a machine: one job per start, first come first served, and a dispatcher that may die at any time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lt_agent import judge, leases, locks, procs, tickets
from lt_agent.machine import machine_id, open_lease_dir
from lt_agent.protocol.errors import LtError
from lt_agent.protocol.files import read_json
from lt_agent.protocol.paths import LeaseDir
from lt_agent.start import ensure_dispatcher, start
from support.agent_host import (
    AgentHost,
    dispatcher_pid,
    ended,
    gone,
    log,
    make_bundle,
    running,
    states,
    supervisor_pid,
    the_dispatcher,
)
from support.wait import until


def test_starting_twice_is_one_job(host: AgentHost, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    spec = host.spec("sh", "-c", 'echo ran; until [ -e "$0" ]; do sleep 0.02; done', str(gate))
    attempt = host.root.attempt(spec.job, 1)
    threads = [threading.Thread(target=start, args=(host.root, host.lease, spec, host.bundle)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    running(attempt)
    assert start(host.root, host.lease, spec, host.bundle)["state"] == "running"
    gate.touch()
    ended(attempt)
    assert start(host.root, host.lease, spec, host.bundle)["state"] == "succeeded"
    assert log(attempt) == "ran\n"
    assert states(attempt).count("running") == 1


def test_a_start_cut_after_its_spec_is_repaired_by_the_judge(host: AgentHost, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = host.spec("true")
    attempt = host.root.attempt(spec.job, 1)
    with monkeypatch.context() as patch:
        patch.setattr("lt_agent.start.queue", lambda *_: False)  # as if killed between spec and ticket
        start(host.root, host.lease, spec, host.bundle)
    assert tickets.names(host.lease) == []
    judge.judge_all(host.root, host.lease, host.bundle)
    assert ended(attempt)["state"] == "succeeded"


def test_a_ticket_whose_agent_was_deleted_is_served_by_the_dispatchers_own(host: AgentHost, tmp_path: Path) -> None:
    blockers = [host.start("sleep", "600") for _ in range(2)]
    for attempt in blockers:
        running(attempt)
    other = make_bundle(tmp_path / "other")
    waiting = host.start("echo", "served", bundle=other)
    shutil.rmtree(other)
    for attempt in blockers:
        os.kill(running(attempt), signal.SIGTERM)
    assert ended(waiting)["state"] == "succeeded" and log(waiting) == "served\n"


def test_a_supervisor_that_cannot_begin_is_tried_seldom_then_given_up(
    host: AgentHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    tries = tmp_path / "tries"
    (broken / "__main__.py").write_text(f"open({str(tries)!r}, 'a').write('x')\n")
    monkeypatch.setattr("lt_agent.dispatcher.MISSES", 2)
    outcome = ended(host.start_here("true", bundle=broken))
    assert (outcome["state"], outcome["reason"]) == ("failed", "no_supervisor")
    assert tries.read_text() == "xx"


def test_another_machine_queues_no_attempt_that_waits_here(host: AgentHost, tmp_path: Path) -> None:
    """A home on NFS: the other machine sees the folder, has no ticket for it, and must leave it alone."""
    blockers = [host.start("sleep", "600") for _ in range(2)]
    for attempt in blockers:
        running(attempt)
    waiting = host.start("true")
    other = LeaseDir(tmp_path / "other-machine")
    leases.write_slots(other, 4, [])
    assert judge.judge_all(host.root, other, host.bundle) == []
    assert tickets.names(other) == []
    assert not waiting.exit.exists()


def test_first_come_first_served_also_for_the_one_that_wants_more(host: AgentHost, tmp_path: Path) -> None:
    gate, order = tmp_path / "gate", tmp_path / "order"
    running(host.gated(gate))
    step = 'echo "$1" >> "$0"'
    jobs = [
        host.start("sh", "-c", step, str(order), "wide", gpus=2),
        host.start("sh", "-c", step, str(order), "narrow"),
        host.start("sh", "-c", step, str(order), "last", gpus=2),
    ]
    gate.touch()
    for attempt in jobs:
        ended(attempt)
    assert order.read_text().split() == ["wide", "narrow", "last"]


def test_never_more_jobs_than_slots(host: AgentHost, tmp_path: Path) -> None:
    script = (
        "import fcntl, os, sys, time\n"
        f"fds = [os.open({str(tmp_path)!r} + f'/s{{i}}', os.O_RDWR | os.O_CREAT) for i in range(2)]\n"
        "for fd in fds:\n"
        " try:\n  fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB); time.sleep(0.05); sys.exit(0)\n"
        " except OSError: pass\n"
        "sys.exit(1)\n"
    )
    jobs = [host.python(script) for _ in range(8)]
    assert [ended(attempt)["exit_code"] for attempt in jobs] == [0] * 8


def test_a_job_that_wants_more_slots_than_there_are_fails_and_blocks_nobody(host: AgentHost) -> None:
    big = host.start("true", gpus=3)
    small = host.start("true")
    assert ended(big)["reason"] == "not_enough_slots"
    assert ended(small)["state"] == "succeeded"


def test_the_dispatcher_leaves_when_all_is_done_and_comes_again(host: AgentHost) -> None:
    ended(host.start("true"))
    pid = dispatcher_pid(host.lease)
    until(lambda: dispatcher_pid(host.lease) is None, 10)
    assert pid is None or until(lambda: gone(pid), 5)
    assert ended(host.start("true"))["state"] == "succeeded"


def test_jobs_outlive_a_killed_dispatcher_and_the_next_takes_the_rest(host: AgentHost, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    workers = [host.gated(gate) for _ in range(2)]
    pids = [running(attempt) for attempt in workers]
    waiting = [host.start("sh", "-c", "echo ran") for _ in range(3)]
    dispatcher = dispatcher_pid(host.lease)
    assert dispatcher is not None
    os.kill(dispatcher, signal.SIGKILL)
    until(lambda: gone(dispatcher))
    assert not any(gone(pid) for pid in pids)
    ensure_dispatcher(host.root, host.lease, host.bundle)
    gate.touch()
    for attempt in [*workers, *waiting]:
        assert ended(attempt)["state"] == "succeeded"
        assert states(attempt).count("running") == 1


def test_the_last_supervisor_starts_a_dispatcher_if_its_own_was_killed(host: AgentHost, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    for attempt in [host.gated(gate) for _ in range(2)]:
        running(attempt)
    waiting = host.start("true")
    os.kill(the_dispatcher(host.lease), signal.SIGKILL)
    gate.touch()
    assert ended(waiting)["state"] == "succeeded"


def test_a_second_supervisor_refuses(host: AgentHost) -> None:
    attempt = host.start("sleep", "600")
    running(attempt)
    first = read_json(attempt.supervisor)
    hear, tell = os.pipe()
    second = subprocess.run(
        [
            sys.executable, "-E", "-s", "-S", str(host.bundle), "supervise", "--root", str(host.root.path),
            "--lease-dir", str(host.lease.path), "--job", attempt.job, "--attempt", "1", "--slots", "",
            "--lease-fds", "", "--bundle", str(host.bundle), "--told", str(tell),
        ],
        pass_fds=[tell],
    )  # fmt: skip
    os.close(tell)
    assert second.returncode == 3
    assert os.read(hear, 1) == b""
    os.close(hear)
    assert read_json(attempt.supervisor) == first
    assert states(attempt).count("running") == 1


def test_a_leftover_ticket_of_a_begun_attempt_starts_nothing(host: AgentHost) -> None:
    """The dispatcher was killed after the supervisor's claim and before the ticket's removal."""
    attempt = host.start("sleep", "600")
    running(attempt)
    os.kill(the_dispatcher(host.lease), signal.SIGKILL)
    until(lambda: dispatcher_pid(host.lease) is None)
    tickets.write(host.lease, attempt, root=host.root, gpus=0, agent=str(host.bundle), python=sys.executable)
    ensure_dispatcher(host.root, host.lease, host.bundle)
    until(lambda: tickets.names(host.lease) == [])
    assert states(attempt).count("running") == 1


def test_a_job_of_another_agent_version_is_supervised_by_its_own(host: AgentHost, tmp_path: Path) -> None:
    running(host.start("sleep", "600"))  # keeps the dispatcher of the first version
    other = make_bundle(tmp_path / "agents" / "two")
    attempt = host.start("sh", "-c", "echo ran", bundle=other)
    assert ended(attempt)["state"] == "succeeded"
    assert log(attempt) == "ran\n"
    assert read_json(attempt.supervisor)["agent"] == "two"


def test_the_dispatcher_carries_no_marker_of_the_job_that_started_it(
    host: AgentHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LT_JOB", "01ARZ3NDEKTSV4RRFFQ69G5FAV")
    running(host.start("sleep", "600"))
    assert dispatcher_pid(host.lease) not in procs.marked("01ARZ3NDEKTSV4RRFFQ69G5FAV")


def test_the_dispatcher_is_detached(host: AgentHost) -> None:
    attempt = host.start("sleep", "600")
    running(attempt)
    for pid in (dispatcher_pid(host.lease), supervisor_pid(attempt)):
        assert pid is not None
        assert os.getsid(pid) != os.getsid(0)
        for fd in (0, 1, 2):
            assert os.readlink(f"/proc/{pid}/fd/{fd}") in ("/dev/null", str(host.lease.log))
    stat = procs.read_stat(the_dispatcher(host.lease))
    assert stat is not None
    assert stat.parent != os.getpid()


def test_a_lease_folder_of_someone_else_or_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    with pytest.raises(LtError, match="lease_dir_unsafe"):
        open_lease_dir(LeaseDir(tmp_path / "link"))
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(LtError, match="lease_dir_unsafe"):
        open_lease_dir(LeaseDir(tmp_path / "open"))
    if os.getuid() == 0:
        os.chown(tmp_path / "there", 12345, 12345)
        with pytest.raises(LtError, match="12345"):
            machine_id(LeaseDir(tmp_path / "there"))


def test_the_machine_keeps_its_id(tmp_path: Path) -> None:
    lease = LeaseDir(tmp_path / "lease")
    assert machine_id(lease) == machine_id(lease)
    assert (lease.path.stat().st_mode & 0o777) == 0o700


def test_slots_share_gpus_in_turn() -> None:
    assert leases.Slots(4, ("a", "b")).gpus_of([0, 1]) == ("a", "b")
    assert leases.Slots(4, ("a", "b")).gpus_of([1, 3]) == ("b",)
    assert leases.Slots(1, ()).gpus_of([0]) == ()


def test_a_lease_is_held_by_whoever_inherited_it(host: AgentHost) -> None:
    grant = leases.try_take(host.lease, 2, 2)
    assert grant is not None
    assert leases.try_take(host.lease, 1, 2) is None
    with subprocess.Popen(["sleep", "600"], pass_fds=grant.fds[:1]) as heir:
        grant.close()
        second = leases.try_take(host.lease, 1, 2)
        assert second is not None
        assert second.slots == (1,)
        assert locks.is_locked(leases.lease_file(host.lease, 0))
        heir.kill()
        second.close()
    both = leases.try_take(host.lease, 2, 2)
    assert both is not None
    both.close()
