"""The one outcome: decided from what is known, and written even where the disk is full."""

from __future__ import annotations

import errno
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from lt_agent import outcome
from lt_agent.events import Events, last_state
from lt_agent.protocol.files import read_json
from lt_agent.protocol.paths import AttemptPaths, HostRoot
from lt_agent.protocol.records import ExitRecord
from lt_agent.protocol.ulid import new_ulid
from lt_agent.stopping import StopRequest
from lt_agent.verdict import decode_status, verdict


@pytest.fixture
def attempt(tmp_path: Path) -> AttemptPaths:
    """An attempt's folder without any process."""
    paths = HostRoot(tmp_path).attempt(new_ulid(), 1)
    paths.control.mkdir(parents=True)
    return paths


def judged(**known: Any) -> tuple[str, str]:
    """State and reason for a worker that is gone."""
    values: dict[str, Any] = {
        "exit_code": 0, "number": None, "request": None, "finished": False, "failure": None, "kernel_oom": False,
    }  # fmt: skip
    return verdict(**{**values, **known})[:2]


PAUSE = StopRequest("pause", 60, "me", 0)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, ("succeeded", "done")),
        ({"exit_code": 3}, ("failed", "exit_code")),
        ({"exit_code": None, "number": signal.SIGSEGV}, ("failed", "signal")),
        ({"exit_code": None, "number": signal.SIGKILL, "kernel_oom": True}, ("failed", "oom")),
        ({"exit_code": 137, "kernel_oom": True}, ("failed", "oom")),
        ({"exit_code": 1, "failure": {"reason": "nan"}}, ("failed", "nan")),
        ({"exit_code": 1, "failure": {}}, ("failed", "exit_code")),
        ({"request": PAUSE}, ("paused", "paused")),
        ({"request": PAUSE, "finished": True}, ("succeeded", "done")),
        ({"request": PAUSE, "exit_code": None, "number": signal.SIGTERM}, ("paused", "paused")),
        ({"request": PAUSE, "exit_code": 1, "failure": {"reason": "oom"}}, ("failed", "oom")),
        ({"request": StopRequest("disk", 60, "", 0)}, ("failed", "disk_full")),
        ({"request": StopRequest("timeout", 60, "", 0), "exit_code": 1}, ("timed_out", "timeout")),
    ],
)
def test_verdicts(known: dict[str, Any], expected: tuple[str, str]) -> None:
    assert judged(**known) == expected


def test_statuses() -> None:
    assert decode_status(7 << 8) == (7, None)
    assert decode_status(9) == (None, 9)


def test_a_full_disk_delays_the_outcome_and_does_not_lose_it(
    attempt: AttemptPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome.keep_reserve(attempt)
    assert (attempt.control / ".reserve").stat().st_blocks > 0
    real, tries, retried = outcome.write_json, [], []

    def full_once(*args: Any, **kwargs: Any) -> None:
        tries.append(args)
        if len(tries) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*args, **kwargs)

    monkeypatch.setattr(outcome, "write_json", full_once)
    assert outcome.write_outcome(attempt, ExitRecord("failed", "disk_full"), lambda: not retried.append(1))
    assert read_json(attempt.exit)["reason"] == "disk_full"
    assert retried == [1]
    assert not (attempt.control / ".reserve").exists()
    assert last_state(attempt)["state"] == "failed"


def test_who_need_not_wait_is_told_that_the_outcome_is_not_written(
    attempt: AttemptPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(outcome, "write_json", full)
    assert not outcome.write_outcome(attempt, ExitRecord("lost", "host_rebooted"), lambda: False)
    assert not attempt.exit.exists()


def test_an_attempt_whose_folder_is_gone_has_no_outcome(tmp_path: Path) -> None:
    assert not outcome.write_outcome(HostRoot(tmp_path).attempt(new_ulid(), 1), ExitRecord("failed", "signal"))


def test_an_event_line_cut_by_a_full_disk_spoils_no_other(attempt: AttemptPaths) -> None:
    events = Events(attempt)
    events.add("state", state="running")
    with attempt.events.open("a") as file:
        file.write('{"time": 1, "co')
    events.add("state", state="stopping")
    lines = attempt.events.read_text().splitlines()
    assert json.loads(lines[-1])["params"] == {"state": "stopping"}
    assert last_state(attempt) == {"state": "stopping"}


def test_events_that_cannot_be_written_hurt_nobody(tmp_path: Path) -> None:
    Events(HostRoot(tmp_path / "absent").attempt(new_ulid(), 1)).add("state", state="running")
