"""Real jobs driven through a real bridge: started once, followed over cuts, stopped, left alone when it dies."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lt_agent import locks, tickets
from lt_agent.dispatcher import LINGER
from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import JobSpec, to_dict
from lt_agent.watch import FLOOR
from support.agent_host import AgentHost, ended, gone, log_has, running
from support.bridge_client import BridgeClient
from support.wait import stays, until

TICKER = "import time\nfor n in range(100000):\n    print('tick', n, flush=True)\n    time.sleep(0.001)\n"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[AgentHost]:
    host = AgentHost(tmp_path / "it's a host")
    yield host
    host.close()


def connect(host: AgentHost, python: str = sys.executable) -> BridgeClient:
    argv = [python, "-E", "-s", "-S", str(host.bundle), "bridge"]
    argv += ["--root", str(host.root.path), "--lease-dir", str(host.lease.path)]
    return BridgeClient(host.root.path, host.lease.path, argv=argv)


def find_python(version: str) -> str | None:
    """An interpreter of that version which runs; a version manager's shim may not."""
    managed = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    for python in [*map(str, managed), shutil.which(f"python{version}")]:
        if python and subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0:
            return python
    return None


def begin(client: BridgeClient, spec: JobSpec) -> dict[str, Any]:
    summary = client.ask("start", spec=json.loads(json.dumps(to_dict(spec))))
    assert isinstance(summary, dict)
    return summary


def test_a_start_may_ask_for_what_it_needs_and_to_be_followed(host: AgentHost) -> None:
    spec = host.spec("true")
    value = json.loads(json.dumps(to_dict(spec)))
    needs = [{"name": "code", "digest": "0" * 40}]
    with connect(host) as client:
        client.hello()
        assert client.ask("start", spec=value, needs=needs, follow={}) == {"missing": needs}
        assert not host.root.attempt(spec.job, 1).path.exists()
        assert client.ask("start", spec=value, needs=[], follow={"cursors": {}, "manifests": []})["followed"]
        client.wait_type("exit", job=spec.job)
        assert b"succeeded" in client.stream("events", spec.job)
        # Again, and with cursors that are none: it is there all the same, and says that it is not followed.
        assert "followed" not in client.ask("start", spec=value, follow={"cursors": {"log": "x"}})


def test_hello_tells_the_machine_and_its_jobs(host: AgentHost) -> None:
    with connect(host) as client:
        first = client.hello(slots=3)
        assert (first["jobs"], first["root"]) == ([], str(host.root.path))
        assert first["machine"] and first["boot_id"] and first["python"] == sys.executable
        begin(client, host.spec("true"))
        assert [job["name"] for job in client.hello()["jobs"]] == ["a-job"]


def test_an_idle_dispatcher_stays_while_a_bridge_is_there_and_leaves_after_it(host: AgentHost) -> None:
    with connect(host) as client:
        client.hello()
        begin(client, host.spec("true"))
        until(lambda: not tickets.names(host.lease) and locks.is_locked(host.lease.lock), 10)
        stays(lambda: locks.is_locked(host.lease.lock), LINGER + FLOOR + 0.5, "the dispatcher stays")
    until(lambda: not locks.is_locked(host.lease.lock), 15, "the dispatcher leaves")


def test_a_job_runs_from_start_to_exit(host: AgentHost) -> None:
    with connect(host) as client:
        client.hello()
        spec = host.spec("sh", "-c", "echo hello; exit 3")
        assert begin(client, spec)["job"] == spec.job
        client.ask("follow", job=spec.job, attempt=1)
        outcome = client.wait_type("exit").header["exit"]
        assert (outcome["state"], outcome["exit_code"]) == ("failed", 3)
        assert client.stream("log") == b"hello\n"
        states = [json.loads(line)["params"].get("state") for line in client.stream("events").splitlines()]
        assert (states[0], states[-1]) == ("waiting", "failed")


def test_starting_twice_is_one_job(host: AgentHost) -> None:
    with connect(host) as client:
        client.hello()
        spec = host.spec("sh", "-c", "echo once")
        numbers = [client.post("start", spec=to_dict(spec)) for _ in range(5)]
        assert {client.reply(number)["job"] for number in numbers} == {spec.job}
        client.ask("follow", job=spec.job, attempt=1)
        client.wait_type("exit")
        assert client.stream("log") == b"once\n"
        assert begin(client, spec)["state"] == "succeeded"


def test_the_log_continues_over_bridges_that_are_killed(host: AgentHost) -> None:
    spec = host.spec(sys.executable, "-c", TICKER)
    received = b""
    for round_number in range(4):
        with connect(host) as client:
            client.hello()
            begin(client, spec)
            client.ask("follow", job=spec.job, attempt=1, cursors={"log": len(received)})
            client.wait_push(lambda frame: len(frame.payload) > 0 and frame.header["stream"] == "log")
            if round_number < 3:
                client.process.kill()
                client.wait_end()
            else:
                client.ask("stop", job=spec.job, attempt=1, kind="stop", grace=0)
                assert client.wait_type("exit").header["exit"]["state"] == "cancelled"
            received += client.stream("log", start=len(received))
    attempt = host.root.attempt(spec.job, 1)
    assert received == attempt.log.read_bytes()
    assert [int(line.split()[1]) for line in received.splitlines()] == list(range(len(received.splitlines())))


def test_jobs_outlive_the_bridge(host: AgentHost) -> None:
    with connect(host) as client:
        client.hello()
        spec = host.spec(sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)")
        begin(client, spec)
        attempt = host.root.attempt(spec.job, 1)
        pid = running(attempt)
    assert client.wait_end() == 0
    assert not gone(pid)
    log_has(attempt, "up")
    with connect(host) as client:
        client.hello()
        client.ask("stop", job=spec.job, attempt=1, kind="stop", grace=0)
        assert ended(attempt)["state"] == "cancelled"
        assert gone(pid)


def test_saving_is_for_recipes(host: AgentHost) -> None:
    with connect(host) as client:
        client.hello()
        spec = host.spec("sleep", "30")
        begin(client, spec)
        with pytest.raises(LtError) as caught:
            client.ask("save", job=spec.job, attempt=1)
        assert caught.value.code == "not_a_recipe"
        client.ask("stop", job=spec.job, attempt=1, kind="stop", grace=0)


def test_facts_come_over_the_bridge(host: AgentHost) -> None:
    with connect(host) as client:
        facts = client.ask("facts")
        assert facts["root"] == str(host.root.path) and facts["pythons"]
        disk = client.ask("disk")
        assert 0 < disk["free"] <= disk["total"] and str(host.root.path).startswith(disk["path"])


def test_the_oldest_python_without_any_dependency_serves_a_job(tmp_path: Path) -> None:
    oldest = find_python("3.9")
    if oldest is None:
        pytest.skip("Python 3.9 is not installed here")
    host = AgentHost(tmp_path, deps=False)
    try:
        with connect(host, oldest) as client:
            client.hello()
            spec = host.spec("sh", "-c", "echo from python $LT_ATTEMPT")
            begin(client, spec)
            client.ask("follow", job=spec.job, attempt=1)
            assert client.wait_type("exit").header["exit"]["state"] == "succeeded"
            assert client.stream("log") == b"from python 1\n"
            assert client.ask("facts")["python"]["version"].startswith("3.9")
    finally:
        host.close()


def test_a_bridge_that_serves_a_job_stays_small(host: AgentHost) -> None:
    with connect(host) as client:
        client.hello()
        spec = host.spec(sys.executable, "-c", TICKER)
        begin(client, spec)
        client.ask("follow", job=spec.job, attempt=1)
        client.wait_push(lambda frame: b"tick 500\n" in frame.payload)
        status = Path(f"/proc/{client.process.pid}/status").read_text()
        peak = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")))
        assert peak * 1024 < 40 << 20, status
        client.ask("stop", job=spec.job, attempt=1, kind="stop", grace=0)
