"""Lost needs proof: on this machine, with the supervisor dead, and nothing of the job alive."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lt_agent import judge, leases, procs
from lt_agent.machine import machine_id
from lt_agent.protocol.files import read_json, write_json
from lt_agent.protocol.paths import AttemptPaths, LeaseDir
from lt_agent.protocol.records import ProcessId, from_dict
from support.agent_host import (
    AgentHost,
    dispatcher_pid,
    ended,
    gone,
    log_has,
    pids_in,
    running,
    states,
    the_supervisor,
)
from support.wait import until

ESCAPED = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
os.write(1, b"pid %d\\n" % os.getpid())
time.sleep(600)
"""


def kill_supervisor(attempt: AttemptPaths) -> None:
    """As the kernel does when memory is short."""
    os.kill(the_supervisor(attempt), signal.SIGKILL)


def kill_dispatcher(host: AgentHost) -> None:
    """So that it can't be the one that judges."""
    pid = dispatcher_pid(host.lease)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: gone(pid))


def test_a_killed_supervisor_is_judged_lost_at_once_and_its_processes_ended(host: AgentHost) -> None:
    attempt = host.python(ESCAPED)
    running(attempt)
    until(lambda: len(pids_in(attempt)) == 2)
    kill_supervisor(attempt)
    record = ended(attempt, 10)
    assert (record["state"], record["reason"], record["judged"]) == ("lost", "supervisor_killed", True)
    assert record["killed"] == ["scan"]
    assert all(gone(pid) for pid in pids_in(attempt))
    assert states(attempt)[-1] == "lost"


def test_a_slot_is_not_given_away_under_a_survivor(host: AgentHost) -> None:
    """Both slots are held by an orphan until the judge has ended it; only then the next job runs."""
    attempt = host.python(ESCAPED, gpus=2)
    running(attempt)
    until(lambda: len(pids_in(attempt)) == 2)
    kill_dispatcher(host)
    kill_supervisor(attempt)
    until(lambda: gone(the_supervisor(attempt)))
    assert leases.try_take(host.lease, 1, 2) is None
    assert judge.judge_all(host.root, host.lease, host.bundle) == [(attempt.job, 1)]
    grant = leases.try_take(host.lease, 2, 2)
    assert grant is not None
    grant.close()
    assert judge.judge_all(host.root, host.lease, host.bundle) == []


def test_a_living_supervisor_is_never_judged(host: AgentHost) -> None:
    attempt = host.start("sleep", "600")
    pid = running(attempt)
    assert judge.judge_all(host.root, host.lease, host.bundle) == []
    assert not gone(pid)


def test_an_attempt_of_another_machine_is_never_judged(host: AgentHost, tmp_path: Path) -> None:
    attempt = host.start("sleep", "600")
    pid = running(attempt)
    kill_dispatcher(host)
    kill_supervisor(attempt)
    until(lambda: gone(the_supervisor(attempt)))
    other = LeaseDir(tmp_path / "other")
    assert judge.judge_all(host.root, other, host.bundle) == []
    assert not attempt.exit.exists()
    assert not gone(pid)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"boot_id": "another"}, "host_rebooted"),
        ({"init_start": 1}, "container_restarted"),
        ({"start": 1}, "supervisor_killed"),
    ],
)
def test_the_reason_tells_reboot_restart_and_kill_apart(changes: dict[str, object], reason: str) -> None:
    me = procs.identity(os.getpid(), "m")
    assert me is not None
    assert judge.why_lost(replace(me, **changes), me) == reason  # type: ignore[arg-type]


def test_a_reused_pid_is_not_the_supervisor(host: AgentHost) -> None:
    """The record names a living pid (ours) with another start time: it is dead, and we are not hurt."""
    spec = host.spec("true")
    attempt = host.root.attempt(spec.job, 1)
    for folder in (attempt.control, attempt.saved, attempt.manifests):
        folder.mkdir(parents=True)
    from lt_agent.protocol.records import to_dict

    write_json(attempt.spec, to_dict(spec))
    me = procs.identity(os.getpid(), machine_id(host.lease))
    assert me is not None
    write_json(attempt.supervisor, to_dict(replace(me, start=me.start - 1)))
    assert judge.judge_all(host.root, host.lease, host.bundle) == [(attempt.job, 1)]
    assert read_json(attempt.exit)["reason"] == "supervisor_killed"


def test_a_record_cut_short_by_a_power_cut_is_judged_too(host: AgentHost) -> None:
    attempt = host.start("true")
    ended(attempt)
    attempt.exit.unlink()
    attempt.supervisor.write_bytes(b"")
    kill_dispatcher(host)
    assert judge.judge_all(host.root, host.lease, host.bundle) == [(attempt.job, 1)]
    assert read_json(attempt.exit)["reason"] == "host_rebooted"


def test_a_checkpoint_that_was_finished_survives_its_supervisor(host: AgentHost) -> None:
    attempt = host.python(
        "import json, os, time; from pathlib import Path\n"
        "out = Path(os.environ['LT_OUT']); (out / 'checkpoint-1').mkdir()\n"
        "print('ready', flush=True); time.sleep(600)"
    )
    log_has(attempt, "ready")
    kill_dispatcher(host)
    kill_supervisor(attempt)
    until(lambda: gone(the_supervisor(attempt)))
    (attempt.out / "checkpoint-1" / "weights").write_bytes(b"w" * 1000)
    write_json(attempt.saved / "checkpoint-1", {"step": 1, "kind": "checkpoint", "resumable": True})
    # The bridge's judge hands what must be hashed to a process of its own, and does not wait for it.
    assert judge.judge_all(host.root, host.lease, host.bundle) == []
    record = ended(attempt)
    assert (record["state"], record["saved"]) == ("lost", "checkpoint-1")
    assert read_json(attempt.manifest("checkpoint-1"))["files"][0]["size"] == 1000


def test_identities_tell_processes_apart() -> None:
    me = procs.identity(os.getpid(), "m")
    assert me is not None
    assert procs.is_alive(me)
    assert not procs.is_alive(replace(me, start=me.start + 1))
    assert not procs.is_alive(replace(me, boot_id="other"))
    child = os.fork()
    if child == 0:
        time.sleep(600)
        os._exit(0)
    who = procs.identity(child, "m")
    assert isinstance(who, ProcessId)
    assert procs.is_alive(from_dict(ProcessId, who.__dict__))
    os.kill(child, signal.SIGKILL)
    until(lambda: not procs.is_alive(who))  # a zombie now: nobody has waited for it
    assert os.path.exists(f"/proc/{child}")
    os.waitpid(child, 0)
