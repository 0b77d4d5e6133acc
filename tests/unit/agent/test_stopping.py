"""Stop means saved, then verified dead."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from lt_agent import procs, stopping
from lt_agent.outcome import keep_reserve
from lt_agent.protocol.errors import LtError
from lt_agent.protocol.files import write_json
from lt_agent.protocol.records import EnvPlan
from lt_agent.protocol.ulid import new_ulid
from lt_agent.stopping import KILL_AFTER, StopRequest, merge, next_signal, read_stop, request_save, request_stop
from support.agent_host import (
    AgentHost,
    ended,
    events,
    gone,
    log_has,
    pids_in,
    running,
    states,
    the_supervisor,
)
from support.bridge_scene import make_attempt
from support.wait import until

ESCAPED = """
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.write(1, b"pid %d\\n" % os.getpid())
        time.sleep(600)
    os._exit(0)
os.wait()
print("ready", flush=True)
time.sleep(600)
"""


def test_stop_kills_a_grandchild_that_left_its_session_and_ignores_sigterm(host: AgentHost) -> None:
    attempt = host.python(ESCAPED)
    log_has(attempt, "ready")
    grandchild = until(lambda: pids_in(attempt))[0]
    request_stop(attempt, "stop", by="me")
    record = ended(attempt)
    assert (record["state"], record["reason"]) == ("cancelled", "stopped")
    assert record["killed"] == ["request", "scan"]
    assert record["survivors"] == 0
    assert gone(grandchild)
    assert states(attempt)[-2:] == ["stopping", "cancelled"]
    assert procs.marked(attempt.job) == []


def test_what_a_finished_worker_leaves_behind_is_ended_too(host: AgentHost) -> None:
    attempt = host.python(ESCAPED.replace("time.sleep(600)\n", "", 0).rsplit("time.sleep(600)", 1)[0])
    record = ended(attempt)
    assert record["state"] == "succeeded"
    assert record["killed"] == ["scan"]
    assert all(gone(pid) for pid in pids_in(attempt))


def test_a_script_may_save_within_its_grace(host: AgentHost) -> None:
    attempt = host.start(
        "sh", "-c", "trap 'sleep 1; echo saved; exit 0' TERM; echo ready; while :; do sleep 0.1; done", stop_grace=20.0
    )
    log_has(attempt, "ready")
    request_stop(attempt, "pause")
    record = ended(attempt)
    assert (record["state"], record["reason"], record["exit_code"]) == ("paused", "paused", 0)
    assert record["killed"] == ["request"]
    assert "saved" in log_has(attempt, "saved")


def test_a_shell_that_dies_first_leaves_its_python_time_to_save(host: AgentHost) -> None:
    """`sh -c "python …; …"`: the shell is the lead process, and SIGTERM to it does not reach what it runs."""
    script = (
        "import signal, sys, time\n"
        "def save(*_):\n time.sleep(5); print('saved', flush=True); sys.exit()\n"
        "signal.signal(signal.SIGTERM, save); print('ready', flush=True); time.sleep(600)"
    )
    attempt = host.start("sh", "-c", f'python3 -c "{script}"; true', stop_grace=30.0)
    log_has(attempt, "ready")
    request_stop(attempt, "stop")
    record = ended(attempt)
    assert "saved" in log_has(attempt, "saved", 1)
    assert record["killed"] == ["request"]


def test_a_worker_deaf_to_sigterm_is_killed_after_the_grace(host: AgentHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lt_agent.stopping.KILL_AFTER", 1.0)
    script = "trap '' TERM; echo ready; while :; do sleep 0.1; done"
    attempt = host.start_here("sh", "-c", script, stop_grace=0.5)
    log_has(attempt, "ready")
    began = time.monotonic()
    request_stop(attempt, "stop")
    record = ended(attempt)
    assert record["killed"] == ["request", "sigterm", "sigkill"]
    assert record["signal"] == signal.SIGKILL
    assert time.monotonic() - began >= 1.0


def test_asking_again_hastens(host: AgentHost) -> None:
    twice = "n=0; trap 'n=$((n+1)); [ $n -lt 2 ] || exit 0' TERM; echo ready; while :; do sleep 0.1; done"
    attempt = host.start("sh", "-c", twice, stop_grace=600.0)
    log_has(attempt, "ready")
    request_stop(attempt, "pause")
    until(lambda: "stopping" in states(attempt))
    request_stop(attempt, "stop", grace=1.0)
    record = ended(attempt)
    assert (record["state"], record["killed"]) == ("cancelled", ["request", "sigterm"])


def test_a_stop_before_the_worker_starts_starts_none(host: AgentHost) -> None:
    blocker = [host.start("sleep", "600") for _ in range(2)]
    for attempt in blocker:
        running(attempt)
    waiting = host.start("sh", "-c", "echo ran")
    request_stop(waiting, "stop")
    record = ended(waiting)
    assert (record["state"], record["reason"], record["started_at"]) == ("cancelled", "stopped", None)
    assert not waiting.log.exists()
    assert states(waiting) == ["waiting", "cancelled"]


def test_a_stop_that_lies_there_when_the_slot_comes_starts_no_worker(host: AgentHost) -> None:
    """As if the dispatcher had granted the slot at that very moment: the supervisor itself must see the request."""
    spec = host.spec("sh", "-c", "echo ran")
    attempt = host.root.attempt(spec.job, 1)
    attempt.control.mkdir(parents=True)
    from lt_agent.protocol.files import write_json

    write_json(attempt.stop_request, {"kind": "stop", "grace": 5, "requested_by": "me", "time": time.time()})
    from lt_agent.start import start

    start(host.root, host.lease, spec, host.bundle)
    assert ended(attempt)["state"] == "cancelled"
    assert not attempt.log.exists()


def test_a_timeout_stops_the_job(host: AgentHost) -> None:
    attempt = host.start("sleep", "600", timeout=0.5)
    record = ended(attempt)
    assert (record["state"], record["reason"]) == ("timed_out", "timeout")
    stop = read_stop(attempt)
    assert stop is not None
    assert stop.requested_by == "supervisor"


def test_a_disk_below_its_floor_stops_the_job_before_it_starts(host: AgentHost) -> None:
    record = ended(host.start("true", disk_floor=1 << 60))
    assert (record["state"], record["reason"], record["started_at"]) == ("failed", "disk_full", None)


def test_a_disk_that_fills_up_stops_the_job(host: AgentHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is free is made up: others write to this disk as well, and it is theirs."""
    full = tmp_path / "full"
    monkeypatch.setattr("lt_agent.prepare.free_bytes", lambda path: 5 << 20 if full.exists() else 500 << 20)
    attempt = host.start_here("sleep", "600", disk_floor=10 << 20)
    running(attempt)
    full.touch()
    record = ended(attempt)
    assert (record["state"], record["reason"]) == ("failed", "disk_full")
    assert record["killed"][0] == "request"
    (event,) = events(attempt, "disk_low")
    assert event["params"] == {"free": 5 << 20, "floor": 10 << 20}


def test_a_stop_is_written_on_a_full_disk_from_what_was_kept_back(
    host: AgentHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = make_attempt(host.root)
    keep_reserve(attempt)
    reserve = attempt.control / ".reserve"

    def full(path: Path, value: Any, **options: Any) -> None:
        if reserve.exists():
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write_json(path, value, **options)

    monkeypatch.setattr(stopping, "write_json", full)
    assert reserve.exists()
    request_stop(attempt, "stop", 5.0)
    found = read_stop(attempt)
    assert found is not None and found.kind == "stop"


def test_a_save_is_for_recipes_only(host: AgentHost) -> None:
    attempt = host.start("true")
    with pytest.raises(LtError, match="not_a_recipe"):
        request_save(attempt)


def test_a_command_can_be_stopped_while_its_supervisor_idles(host: AgentHost) -> None:
    """Older than a few seconds, it is woken by the watch (or by the floor) rather than by its frequent early looks."""
    attempt = host.start("sleep", "600")
    pid = running(attempt)
    until(lambda: attempt.samples.exists(), 15)
    request_stop(attempt, "stop")
    assert ended(attempt, 10)["state"] == "cancelled"
    assert gone(pid)
    assert until(lambda: gone(the_supervisor(attempt)), 10)


def test_the_shorter_grace_and_the_stop_win() -> None:
    pause = StopRequest("pause", 60, "a", 1000.0)
    assert merge(pause, StopRequest("stop", 60, "b", 1010.0)) == StopRequest("stop", 60, "b", 1000.0)
    assert merge(pause, StopRequest("stop", 5, "b", 1010.0)) == StopRequest("stop", 5, "b", 1010.0)
    stop = StopRequest("stop", 10, "a", 1000.0)
    assert merge(stop, StopRequest("pause", 60, "b", 1001.0)) == stop
    disk = StopRequest("disk", 10, "supervisor", 1000.0)
    assert merge(disk, StopRequest("stop", 60, "b", 1001.0)).kind == "disk"


def test_signals_come_after_the_grace_in_order() -> None:
    assert next_signal(1, 5, ()) == (None, 4)
    assert next_signal(5, 5, ()) == ("sigterm", KILL_AFTER)
    assert next_signal(6, 5, ("sigterm",)) == (None, KILL_AFTER - 1)
    assert next_signal(5 + KILL_AFTER, 5, ("sigterm",)) == ("sigkill", None)
    assert next_signal(99, 5, ("sigterm", "sigkill")) == (None, None)


def test_a_request_that_the_worker_saw_first_decides_all_the_same(host: AgentHost, tmp_path: Path) -> None:
    """The worker of a recipe reads requests itself, and may be gone before its supervisor has looked."""
    worker = tmp_path / "worker"
    request = '{"kind": "stop", "grace": 60, "requested_by": "me", "time": 1}'
    worker.write_text(
        f"#!/bin/sh\n[ \"$1\" = -c ] && echo 3 && exit\nprintf '%s' '{request}' > \"$LT_OUT/../control/stop.json\"\n"
    )
    worker.chmod(0o755)
    attempt = host.start(kind="recipe", recipe={"method": "sft"}, env=EnvPlan("existing", python=str(worker)))
    assert (ended(attempt)["state"], ended(attempt)["reason"]) == ("cancelled", "stopped")


def test_what_left_is_found_by_its_marker_and_another_attempt_is_not() -> None:
    job = new_ulid()
    leave = 'sleep 600 >/dev/null 2>&1 & echo "$!"'  # the shell goes: what it started is below nobody of ours

    def left(attempt: int) -> int:
        env = {**os.environ, procs.MARKER: job, procs.ATTEMPT_MARKER: str(attempt)}
        return int(subprocess.run(["sh", "-c", leave], env=env, stdout=subprocess.PIPE, check=True).stdout)

    mine, others = left(2), left(1)
    child = subprocess.Popen(["sleep", "600"])
    try:
        found = procs.belonging(os.getpid(), job, 2)
        assert {mine, child.pid} <= set(found)
        assert not {others, os.getpid()} & set(found)
    finally:
        for pid in (mine, others, child.pid):
            procs.send(pid, signal.SIGKILL)
        child.wait()
