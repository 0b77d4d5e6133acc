"""Secrets of jobs: in the worker's environment, and nowhere else on the host."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from lt_agent import confided, judge, procs
from lt_agent.protocol.errors import LtError
from lt_agent.protocol.files import read_json
from lt_agent.protocol.paths import AttemptPaths
from lt_agent.protocol.records import JobSpec
from lt_agent.start import ensure_dispatcher, start
from lt_agent.stopping import request_stop
from support.agent_host import AgentHost, dispatcher_pid, ended, events, gone, log, make_bundle, running, the_dispatcher
from support.sightings import environment_of, in_processes, on_disk
from support.wait import until

# One process, that starts no other: whatever else has the secret is a finding.
WAIT_FOR_END = (sys.executable, "-c", "import os, time\nwhile not os.path.exists('end'): time.sleep(0.05)")


@pytest.fixture
def value() -> str:
    return f"hf_{uuid4().hex}"


def begin(host: AgentHost, spec: JobSpec, **values: str) -> AttemptPaths:
    """As a bridge does it: the secrets first, then the job."""
    if values:
        confided.hand_over(host.root, host.lease, host.bundle, spec.job, values)
    start(host.root, host.lease, spec, host.bundle)
    return host.root.attempt(spec.job, spec.attempt)


def end(attempt: AttemptPaths) -> None:
    (attempt.code / "end").touch()
    assert ended(attempt)["state"] == "succeeded"


def test_the_worker_alone_has_the_secret(host: AgentHost, tmp_path: Path, value: str) -> None:
    spec = host.spec(*WAIT_FOR_END, secrets=("HF_TOKEN",))
    attempt = begin(host, spec, HF_TOKEN=value)
    worker = running(attempt)
    assert environment_of(worker, "HF_TOKEN") == value
    assert on_disk(value, [tmp_path]) == []
    assert in_processes(value, {worker}) == []
    end(attempt)
    assert on_disk(value, [tmp_path]) == []


def test_a_job_without_its_secret_waits_says_so_and_is_overtaken(host: AgentHost, value: str) -> None:
    attempt = begin(host, host.spec("sh", "-c", "test -n $HF_TOKEN", secrets=("HF_TOKEN",)))
    [event] = until(lambda: events(attempt, "needs_secret"))
    assert event["params"] == {"names": ["HF_TOKEN"]}
    assert ended(host.start("true"))["state"] == "succeeded"
    assert not attempt.exit.exists()
    confided.hand_over(host.root, host.lease, host.bundle, attempt.job, {"HF_TOKEN": value})
    assert ended(attempt)["state"] == "succeeded"
    assert [event["code"] for event in events(attempt) if "secret" in event["code"]] == ["needs_secret", "secrets_here"]


def test_a_dispatcher_that_died_takes_the_secrets_with_it(tmp_path: Path, value: str) -> None:
    host = AgentHost(tmp_path, slots=1)
    try:
        first = host.start(*WAIT_FOR_END)
        running(first)
        second = begin(host, host.spec(*WAIT_FOR_END, secrets=("HF_TOKEN",)), HF_TOKEN=value)
        pid = the_dispatcher(host.lease)
        assert on_disk(value, [tmp_path]) == [] and in_processes(value) == []
        os.kill(pid, signal.SIGKILL)
        until(lambda: gone(pid))
        judge.judge_all(host.root, host.lease, host.bundle)  # as the next bridge does
        until(lambda: events(second, "needs_secret"))
        end(first)
        confided.hand_over(host.root, host.lease, host.bundle, second.job, {"HF_TOKEN": value})
        assert environment_of(running(second), "HF_TOKEN") == value
        end(second)
    finally:
        host.close()


def test_a_waiting_job_can_be_stopped_without_its_secret(host: AgentHost) -> None:
    attempt = begin(host, host.spec("true", secrets=("HF_TOKEN",)))
    until(lambda: events(attempt, "needs_secret"))
    request_stop(attempt, "stop", None, "tests")
    assert ended(attempt)["state"] == "cancelled"


def test_the_next_attempt_has_the_secret_too(host: AgentHost, value: str) -> None:
    script = 'test "$LT_ATTEMPT" = 2 && test -n "$HF_TOKEN"'
    spec = host.spec("sh", "-c", script, secrets=("HF_TOKEN",), retries=1, retry_wait=0.1)
    first = begin(host, spec, HF_TOKEN=value)
    assert ended(first)["state"] == "failed"
    second = host.root.attempt(spec.job, 2)
    host.jobs.append(second)
    assert ended(second)["state"] == "succeeded"
    assert events(second, "needs_secret") == []


def test_a_job_gets_the_secrets_it_names_and_no_others(host: AgentHost, value: str) -> None:
    named = host.spec("sh", "-c", 'echo "other: ${OTHER-unset}"', secrets=("HF_TOKEN",))
    attempt = begin(host, named, HF_TOKEN=value, OTHER="more")
    foreign = begin(host, host.spec("sh", "-c", 'echo "token: ${HF_TOKEN-unset}"'))
    ended(attempt), ended(foreign)
    assert log(attempt) == "other: unset\n" and log(foreign) == "token: unset\n"


def test_a_supervisor_of_another_version_gets_them_through_a_pipe(host: AgentHost, tmp_path: Path, value: str) -> None:
    other = make_bundle(tmp_path / "agents" / "two")
    ensure_dispatcher(host.root, host.lease, host.bundle)
    spec = host.spec(*WAIT_FOR_END, secrets=("HF_TOKEN",))
    confided.hand_over(host.root, host.lease, host.bundle, spec.job, {"HF_TOKEN": value})
    start(host.root, host.lease, spec, other)
    attempt = host.root.attempt(spec.job, 1)
    worker = running(attempt)
    assert environment_of(worker, "HF_TOKEN") == value
    supervisor = read_json(attempt.supervisor)
    assert supervisor["agent"] == "two" and environment_of(supervisor["pid"], "HF_TOKEN") is None
    assert in_processes(value, {worker}) == []
    end(attempt)


def test_nonsense_on_the_socket_harms_nobody(host: AgentHost, value: str) -> None:
    attempt = begin(host, host.spec(*WAIT_FOR_END, secrets=("HF_TOKEN",)), HF_TOKEN=value)
    running(attempt)
    for message in (b"", b"\0\0\0\x02[]", b"\xff\xff\xff\xff", b"\0\0\0\x04null", b'\0\0\0\x15{"job":1,"values":""}'):
        with socket.socket(socket.AF_UNIX) as connection:
            folder = os.open(host.lease.own, os.O_PATH)
            connection.connect(f"/proc/self/fd/{folder}/secrets.sock")
            os.close(folder)
            connection.sendall(message)
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1) == b""
    end(attempt)
    assert dispatcher_pid(host.lease) is not None


@pytest.mark.parametrize("values", [None, [], {"A=B": "x"}, {"": "x"}, {"A": 1}, {"A": "x\0y"}, {"A": "x" * 70_000}])
def test_what_can_be_no_environment_is_refused(host: AgentHost, values: object) -> None:
    with pytest.raises(LtError, match="bad_request"):
        confided.hand_over(host.root, host.lease, host.bundle, host.spec("true").job, values)


def test_the_marker_scan_still_finds_a_worker_with_secrets(host: AgentHost, value: str) -> None:
    attempt = begin(host, host.spec("sh", "-c", "sleep 600 & setsid sleep 600", secrets=("T",)), T=value)
    running(attempt)
    until(lambda: len(procs.marked(attempt.job)) >= 2)
    request_stop(attempt, "stop", 0.2, "tests")
    assert ended(attempt)["survivors"] == 0 and procs.marked(attempt.job) == []
