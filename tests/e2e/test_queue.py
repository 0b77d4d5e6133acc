"""The hosts' own queues: full, never overfull, moving on with no laptop attached, and trying again by themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lt_agent.protocol.paths import AttemptPaths, HostRoot
from support.laptop import Laptop
from support.sshd import SshHost, find_sshd, make_host
from support.wait import until

from .conftest import end_jobs

SLOTS = 2
LATE = 3.0  # seconds a slot may stand empty while work waits, on a machine with much else to do: a lost wake-up is more


@dataclass(frozen=True)
class Span:
    """From the grant of a job's slot to its end, as its agent wrote it down; and when it began to wait."""

    waits: float
    begins: float
    ends: float


@pytest.fixture
def fleet(tmp_path: Path, laptop: Laptop) -> Iterator[list[SshHost]]:
    """Two hosts with two slots each."""
    if find_sshd() is None:
        pytest.skip("OpenSSH's server is not installed")
    made = []
    for name in ("one", "two"):
        host = make_host(tmp_path / name, lt_home=laptop.home, name=name)
        laptop.add_host(replace(host.host, slots=SLOTS))
        made.append(host)
    yield made
    for host in made:
        end_jobs(host.root.parent)
        host.sshd.stop()


def spans(root: Path) -> list[Span]:
    """Of every attempt on a host, from its events; fails for one that has not ended."""
    return sorted((_span(attempt) for attempt in HostRoot(root).attempts()), key=lambda span: span.begins)


def _span(attempt: AttemptPaths) -> Span:
    times = {}
    for line in attempt.events.read_text().splitlines():
        event = json.loads(line)
        if event["code"] == "state":
            times.setdefault(event["params"]["state"], event["time"])
    return Span(times["waiting"], times["preparing"], json.loads(attempt.exit.read_text())["finished_at"])


@pytest.mark.slow
def test_two_hosts_keep_their_slots_full_and_never_overfull_while_the_laptop_is_away(
    laptop: Laptop, fleet: list[SshHost]
) -> None:
    (laptop.work / "a.txt").write_text("a")
    names = [
        laptop.run(host.host.name, "sh", "-c", "sleep 1.5", options=["--name", f"{host.host.name}-{number}"])
        for number in range(10)
        for host in fleet
    ]
    for name in names:
        laptop.wait_state(name, "waiting", "preparing", "running", "succeeded", timeout=120)
    laptop.kill_controller()

    def all_ended() -> bool:
        found = [attempt for host in fleet for attempt in HostRoot(host.root).attempts()]
        return len(found) == 20 and all(attempt.exit.exists() for attempt in found)

    until(all_ended, 120, "every job has ended, with nobody attached")
    for host in fleet:
        found = spans(host.root)
        assert len(found) == 10
        moments = sorted({span.begins for span in found} | {span.ends for span in found})
        for moment in moments:
            # The slot is free a little before the outcome is on the disk: the end counts as before the next begin.
            running = sum(1 for span in found if span.begins <= moment < span.ends - 0.5)
            assert running <= SLOTS
        for earlier, span in zip(found, found[SLOTS:], strict=False):
            free = min(other.ends for other in found if other.ends >= earlier.begins)
            ready = max(span.waits, sorted(other.ends for other in found if other.begins < span.begins)[-SLOTS])
            assert span.begins - ready <= LATE, f"a slot was empty from {free} on while this one waited"
    for name in names:
        laptop.wait_by_command(name, "succeeded", timeout=120)


def test_a_job_says_why_it_waits_and_moves_by_its_priority(laptop: Laptop, fleet: list[SshHost]) -> None:
    (laptop.work / "a.txt").write_text("a")
    blockers = [laptop.run("one", "sleep", "600") for _ in range(SLOTS)]
    for name in blockers:
        laptop.wait_state(name, "running")
    laptop.run("one", "true", options=["--name", "first"])
    laptop.wait_state("first", "waiting")
    laptop.run("one", "true", options=["--name", "second"])

    def told(name: str, place: int) -> bool:
        job = laptop.job(name)
        return job.get("place") == place and bool(job["waits"])

    until(lambda: told("first", 1) and told("second", 2), 30, "both places are known")
    assert json.loads(laptop.job("first")["waits"]) == {"code": "slot", "params": {"there": SLOTS}}
    shown = laptop.lt("ps").stdout
    assert "#1 for a free place: 2 at once here" in shown and "#2 1 before it" in shown
    laptop.lt("priority", "second", "5")
    until(lambda: told("second", 1) and told("first", 2), 30, "they have changed places")
    assert laptop.job("second")["priority"] == 5
    laptop.lt("stop", "second")
    laptop.wait_state("second", "cancelled")
    laptop.lt("priority", "second", "1", code=1)
    laptop.lt("priority", "first", "1000", code=2)
    laptop.lt("stop", *blockers, "--grace", "1s")
    laptop.wait_state("first", "succeeded")


def test_a_failed_job_is_tried_again_while_the_laptop_sleeps_and_followed_when_it_is_back(
    laptop: Laptop, fleet: list[SshHost]
) -> None:
    script = 'echo "try $LT_ATTEMPT"; test "$LT_ATTEMPT" = 3 || exit 7'
    options = ["--retries", "3", "--retry-wait", "1s", "--name", "flaky"]
    (laptop.work / "a.txt").write_text("a")
    gate = laptop.work / "gate"
    held = 'until test -e "$0"; do sleep 0.05; done; '
    name = laptop.run("two", "sh", "-c", held + script, str(gate), options=options)
    laptop.wait_state(name, "running")
    laptop.kill_controller()
    gate.touch()
    job = laptop.job(name)["id"]
    last = HostRoot(fleet[1].root).attempt(job, 3)
    until(last.exit.exists, 60, "the third attempt has ended, with nobody attached")
    laptop.wait_by_command(name, "succeeded", timeout=60)
    assert laptop.job(name)["attempt"] == 3
    assert [laptop.log(name, number) for number in (1, 2, 3)] == [b"try 1\n", b"try 2\n", b"try 3\n"]
    rows = laptop.query("SELECT attempt, state, reason FROM attempts WHERE job_id=? ORDER BY attempt", job)
    ends = [tuple(row) for row in rows]
    assert ends == [(1, "failed", "exit_code"), (2, "failed", "exit_code"), (3, "succeeded", "done")]
    assert "will be tried again" in laptop.lt("show", name).stdout


def test_a_job_that_waits_for_its_next_try_shows_when_and_can_be_stopped(laptop: Laptop, fleet: list[SshHost]) -> None:
    (laptop.work / "a.txt").write_text("a")
    name = laptop.run("one", "false", options=["--retries", "1", "--retry-wait", "10m"])
    until(lambda: laptop.job(name).get("attempt") == 2, 30, "the second attempt is known")
    laptop.wait_state(name, "waiting")
    until(lambda: "next try" in laptop.lt("ps").stdout, 30)
    shown = laptop.lt("show", name).stdout
    assert "next try" in shown and "after: exit code" in shown
    laptop.lt("stop", name)
    assert laptop.wait_state(name, "cancelled")["attempt"] == 2
