"""Whose attempt it is: judged only where it can be proved that no other machine, and no other container, runs it."""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lt_agent import judge, locks, machine, procs, tickets
from lt_agent.machine import filesystem, is_here, machine_id, place
from lt_agent.protocol.files import read_json, write_json
from lt_agent.protocol.paths import AttemptPaths, LeaseDir
from lt_agent.protocol.records import to_dict
from lt_agent.start import start
from support.agent_host import AgentHost, dispatcher_pid, ended, gone, running, the_supervisor
from support.wait import until

NOBODY = (1 << 22) - 1  # a process id beyond what is given out while there are lower ones


@pytest.fixture
def shared_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """The spool lies on a file system that other machines may have mounted, too."""
    monkeypatch.setattr(machine, "filesystem", lambda path: "nfs4")


@pytest.fixture
def own_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The spool lies on a disk of this machine."""
    monkeypatch.setattr(machine, "filesystem", lambda path: "ext4")


def wipe(lease: LeaseDir) -> None:
    """What a container made anew over a kept volume finds: no lease folder."""
    shutil.rmtree(lease.path)


def begun(host: AgentHost, **identity: Any) -> AttemptPaths:
    """An attempt whose supervisor is long dead, recorded with this identity; by default one of this very system."""
    spec = host.spec("true")
    attempt = host.root.attempt(spec.job, 1)
    for folder in (attempt.control, attempt.saved, attempt.manifests):
        folder.mkdir(parents=True)
    where = place(host.lease)
    me = procs.identity(os.getpid(), machine_id(host.lease))
    assert me is not None
    who = replace(me, **{"pid": NOBODY, **identity})
    recorded = {**where, **{key: value for key, value in to_dict(who).items() if key in where}}
    write_json(attempt.spec, {**to_dict(spec), "place": recorded})
    write_json(attempt.supervisor, to_dict(who))
    return attempt


def verdict(host: AgentHost, attempt: AttemptPaths) -> str | None:
    """The reason it is judged lost for, or None if it is left alone."""
    judge.judge_all(host.root, host.lease, host.bundle, hash_here=True)
    record = read_json(attempt.exit)
    return str(record["reason"]) if record is not None else None


def test_after_a_wiped_lease_folder_an_attempt_of_this_boot_is_still_ours(host: AgentHost, shared_home: None) -> None:
    attempt = begun(host)
    wipe(host.lease)
    assert verdict(host, attempt) == "supervisor_killed"


def test_a_container_made_anew_over_a_kept_disk_judges_what_the_old_one_left(host: AgentHost, own_disk: None) -> None:
    attempt = begun(host, init_start=1)
    wipe(host.lease)
    assert verdict(host, attempt) == "container_restarted"


def test_a_disk_that_went_to_another_machine_brings_its_attempts_along(host: AgentHost, own_disk: None) -> None:
    attempt = begun(host, boot_id="another", init_start=1)
    wipe(host.lease)
    assert verdict(host, attempt) == "host_rebooted"


@pytest.mark.parametrize("identity", [{"boot_id": "another"}, {"init_start": 1}])
def test_of_two_machines_that_share_a_home_neither_judges_the_other(
    host: AgentHost, shared_home: None, identity: dict[str, Any]
) -> None:
    """Also when the lease folder of one was wiped: its supervisor may be alive where we do not see it."""
    attempt = begun(host, **identity)
    wipe(host.lease)
    assert verdict(host, attempt) is None


def test_what_another_container_of_this_kernel_still_runs_is_left_alone(host: AgentHost, own_disk: None) -> None:
    """Its processes are not in our table, but its flock is seen by all of the kernel."""
    attempt = begun(host, init_start=1)
    wipe(host.lease)
    held = locks.try_lock(attempt.alive)
    assert held is not None
    assert verdict(host, attempt) is None
    os.close(held)
    assert verdict(host, attempt) == "container_restarted"


def test_a_worker_that_outlived_its_supervisor_holds_the_lock(host: AgentHost) -> None:
    attempt = host.start("sleep", "600")
    pid = running(attempt)
    assert locks.is_locked(attempt.alive)
    dispatcher = dispatcher_pid(host.lease)
    for victim in (dispatcher, the_supervisor(attempt)):
        assert victim is not None
        os.kill(victim, signal.SIGKILL)
        until(lambda victim=victim: gone(victim))
    assert locks.is_locked(attempt.alive)
    os.kill(pid, signal.SIGKILL)
    until(lambda: not locks.is_locked(attempt.alive))


def test_an_attempt_of_another_lease_folder_that_is_there_is_that_ones(host: AgentHost, tmp_path: Path) -> None:
    """Two entries for one machine, with a root in common: each sees to what was queued in its own folder."""
    attempt = begun(host)
    assert judge.judge_all(host.root, LeaseDir(tmp_path / "other"), host.bundle) == []
    assert not attempt.exit.exists()


def test_a_record_of_an_older_agent_needs_the_lease_folder(host: AgentHost, own_disk: None) -> None:
    recorded = {"machine": "gone", "lease_dir": str(host.lease.path)}
    assert not is_here(recorded, host.lease, host.root.path)
    assert is_here({"machine": machine_id(host.lease)}, host.lease, host.root.path)


def test_a_waiting_attempt_is_queued_again_when_its_ticket_went_with_the_lease_folder(
    host: AgentHost, own_disk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("lt_agent.start.ensure_dispatcher", lambda *_: None)
        spec = host.spec("true")
        start(host.root, host.lease, spec, host.bundle)
    wipe(host.lease)
    assert tickets.names(host.lease) == []
    judge.judge_all(host.root, host.lease, host.bundle)
    assert ended(host.root.attempt(spec.job, 1))["state"] == "succeeded"


def test_file_systems_are_told_by_the_longest_mount(tmp_path: Path) -> None:
    assert filesystem(Path("/proc/self")) == "proc"
    assert filesystem(tmp_path / "not there") == filesystem(tmp_path) != ""
