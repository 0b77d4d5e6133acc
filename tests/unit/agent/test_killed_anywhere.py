"""Dispatchers and supervisors killed at any instant: no job runs twice, and each comes to an end."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from lt_agent import judge
from lt_agent.protocol.files import read_json
from support.agent_host import AgentHost, dispatcher_pid, supervisor_pid
from support.bridge_scene import make_attempt
from support.wait import until

JOBS = 24


def test_no_attempt_ever_runs_twice(host: AgentHost, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    chance = random.Random(20261121)
    attempts = []
    for number in range(JOBS):
        attempts.append(host.start("sh", "-c", 'echo "$1" >> "$0"; sleep 0.1', str(ran), str(number)))
        victim = dispatcher_pid(host.lease) if chance.random() < 0.3 else None
        if chance.random() < 0.3:
            chosen = chance.choice(attempts)
            victim = supervisor_pid(chosen) if not chosen.exit.exists() else None
        if victim is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)

    def all_ended() -> bool:
        judge.judge_all(host.root, host.lease, host.bundle)  # as each bridge does when it connects
        return all(attempt.exit.exists() for attempt in attempts)

    until(all_ended, 60)
    lines = ran.read_text().split()
    records = [read_json(attempt.exit) for attempt in attempts]
    for number, record in enumerate(records):
        count = lines.count(str(number))
        assert record["state"] in ("succeeded", "lost")
        assert count == 1 or (count == 0 and record["state"] == "lost")
    assert sum(record["state"] == "succeeded" for record in records) > JOBS / 2


def test_a_supervisor_whose_dispatcher_waits_no_more_runs_its_job_all_the_same(host: AgentHost) -> None:
    attempt = make_attempt(host.root)
    hear, tell = os.pipe()
    os.close(hear)  # killed, or out of patience: the machine was busy
    words = {
        "root": host.root.path,
        "lease-dir": host.lease.path,
        "job": attempt.job,
        "attempt": 1,
        "slots": "",
        "gpus": "",
        "lease-fds": "",
        "bundle": host.bundle,
        "told": tell,
    }
    argv = [text for key, value in words.items() for text in (f"--{key}", str(value))]
    done = subprocess.run(
        [sys.executable, "-E", "-s", "-S", host.bundle, "supervise", *argv], pass_fds=(tell,), timeout=120, check=False
    )
    os.close(tell)
    assert done.returncode == 0
    assert read_json(attempt.exit)["state"] == "succeeded"
