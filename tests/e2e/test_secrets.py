"""Secrets end to end: from the shell that submits to the worker's environment, and nowhere else on the way."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from uuid import uuid4

import pytest

from lt_agent.protocol.paths import LeaseDir
from support.agent_host import gone, the_dispatcher
from support.laptop import Laptop, job_processes
from support.sightings import environment_of, in_processes, on_disk
from support.sshd import SshHost
from support.wait import until

# One process, that starts no other: whatever else has the secret is a finding.
SCRIPT = "import os, time\nwhile not os.path.exists('{end}'): time.sleep(0.05)\n"


@pytest.fixture
def value() -> str:
    return f"hf_{uuid4().hex}"


@pytest.fixture
def end(laptop: Laptop, tmp_path: Path) -> Path:
    """The file that lets the jobs of `waiting.py` end."""
    path = tmp_path / "end"
    (laptop.work / "waiting.py").write_text(SCRIPT.format(end=path))
    return path


def reason(laptop: Laptop, name: str) -> str | None:
    found: str | None = laptop.job(name).get("reason")
    return found


def needs_secret(laptop: Laptop, name: str) -> bool:
    """Whether the job waits for a secret, as far as the laptop knows; a controller is started where none runs."""
    if laptop.controller() is None:
        laptop.lt("ps")
    return reason(laptop, name) == "needs_secret"


def test_a_secret_reaches_the_worker_and_is_found_nowhere_else(
    laptop: Laptop, box: SshHost, end: Path, tmp_path: Path, value: str
) -> None:
    env = {"HF_TOKEN": value, "LT_NOTE": "x"}
    name = laptop.run("box", "python3", "waiting.py", options=["--secret", "HF_TOKEN"], env=env)
    job = laptop.wait_state(name, "running")["id"]
    [worker] = [process.pid for process in job_processes(job)]
    assert environment_of(worker, "HF_TOKEN") == value
    assert in_processes(value, {worker}) == []
    # The host's disk and leases, LT_HOME with the database, the audit and the controller's log.
    assert on_disk(value, [tmp_path]) == []
    end.touch()
    laptop.wait_state(name, "succeeded")
    assert value not in laptop.lt("audit", "--json").stdout
    laptop.lt("audit", "--verify")
    acts = json.loads(laptop.lt("audit", "--json").stdout)
    assert [act["act"] for act in acts if "HF_TOKEN" in json.dumps(act["params"])] == ["submit", "secret send"]
    laptop.lt("controller", "stop")
    assert on_disk(value, [tmp_path]) == [] and in_processes(value) == []


def test_a_host_that_lost_the_secret_is_given_it_again_by_the_controller(
    laptop: Laptop, box: SshHost, end: Path, tmp_path: Path, value: str
) -> None:
    first = laptop.run("box", "python3", "waiting.py")
    laptop.wait_state(first, "running")
    second = laptop.run("box", "python3", "waiting.py", options=["--secret", "HF_TOKEN"], env={"HF_TOKEN": value})
    job = laptop.wait_state(second, "waiting")["id"]
    lease = LeaseDir(box.host.lease_dir)
    pid = the_dispatcher(lease)
    os.kill(pid, signal.SIGKILL)
    until(lambda: gone(pid))
    third = laptop.run("box", "true")  # has the bridge start the next dispatcher
    code = "SELECT count(*) FROM events WHERE job_id=? AND code=?"
    until(lambda: laptop.query(code, job, "secrets_here")[0][0] == 1, 60)
    assert laptop.query(code, job, "needs_secret")[0][0] == 1
    end.touch()
    for name in (first, second, third):
        laptop.wait_state(name, "succeeded")
    assert on_disk(value, [tmp_path]) == []


def test_a_job_whose_secret_is_gone_waits_until_a_person_gives_it(
    laptop: Laptop, box: SshHost, end: Path, value: str
) -> None:
    first = laptop.run("box", "python3", "waiting.py")
    laptop.wait_state(first, "running")
    second = laptop.run("box", "python3", "waiting.py", options=["--secret", "HF_TOKEN"], env={"HF_TOKEN": value})
    laptop.wait_state(second, "waiting")
    laptop.kill_controller()
    pid = the_dispatcher(LeaseDir(box.host.lease_dir))
    os.kill(pid, signal.SIGKILL)
    until(lambda: needs_secret(laptop, second), 60)
    assert "lt secret give" in laptop.lt("show", second).stdout
    laptop.lt("secret", "give", second, stdin=f"{value}\n")
    end.touch()
    laptop.wait_state(second, "succeeded")
    assert "HF_TOKEN" in laptop.lt("audit", "--act", "secret give", "--json").stdout


def test_a_secret_that_is_nowhere_stops_the_submit(laptop: Laptop, box: SshHost, end: Path, value: str) -> None:
    done = laptop.lt("run", "box", "--secret", "HF_TOKEN", "--", "true", code=2)
    assert "neither in the environment nor in the keyring" in done.stderr and "lt secret set HF_TOKEN" in done.stderr
    done = laptop.lt("run", "box", "--secret", "HF_TOKEN", "--", "echo", value, code=2, env={"HF_TOKEN": value})
    assert "Nothing was submitted" in done.stderr and value not in done.stderr
    done = laptop.lt("run", "box", "--secret", "LD_PRELOAD", "--", "true", code=2, env={"LD_PRELOAD": ""})
    assert "LD_PRELOAD can't be a secret's name" in done.stderr


def test_without_a_keyring_nothing_is_kept(laptop: Laptop, value: str, tmp_path: Path) -> None:
    env = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    done = laptop.lt("secret", "set", "HF_TOKEN", stdin=f"{value}\n", code=1, env=env)
    assert "no keyring" in done.stderr and value not in done.stderr
    assert on_disk(value, [tmp_path]) == []
