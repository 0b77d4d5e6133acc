"""What a host tells of its processes and its disk, asked over a real bridge."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lt_agent import holdings
from lt_agent.protocol.files import write_json
from lt_agent.protocol.paths import HostRoot
from lt_agent.protocol.ulid import new_ulid
from support.bridge_client import BridgeClient
from support.wait import until


@pytest.fixture
def job() -> Iterator[tuple[str, int]]:
    """A process that carries a job's marker and has a secret among its arguments."""
    name = new_ulid()
    code = "import sys; print(flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "--token", "s3cret"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "LT_JOB": name},
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield name, process.pid
    process.communicate()


def test_a_jobs_process_is_marked_and_its_arguments_stay_private(tmp_path: Path, job: tuple[str, int]) -> None:
    root = HostRoot(tmp_path / "root")
    with BridgeClient(root.path, tmp_path / "lease") as bridge:
        answer = bridge.ask("processes")
    found = next(item for item in answer["processes"] if item["pid"] == job[1])
    assert found["job"] == job[0]
    assert found["memory"] > 1 << 20
    assert found["name"].startswith("python")
    assert "s3cret" not in str(answer)


def test_what_lies_under_the_root_is_counted(tmp_path: Path) -> None:
    root = HostRoot(tmp_path / "root")
    (root.envs / "e1" / "lib").mkdir(parents=True)
    (root.envs / "e1" / "lib" / "one").write_bytes(b"x" * 100_000)
    os.link(root.envs / "e1" / "lib" / "one", root.envs / "e1" / "lib" / "the-same")
    root.data("train", "d1").mkdir(parents=True)
    write_json(root.data_manifest("train", "d1"), {"files": [{"path": "a", "size": 7}, {"path": "b", "size": 5}]})
    job = new_ulid()
    root.attempt(job, 1).out.mkdir(parents=True)
    with BridgeClient(root.path, tmp_path / "lease") as bridge:
        answer = bridge.ask("holdings")["disk"]
    sizes = {(item["kind"], item["name"]): item["size"] for item in answer["items"]}
    assert not answer["partial"]
    assert 100_000 <= sizes["env", "e1"] < 200_000
    assert sizes["data", "train"] == 12
    assert ("job", job) in sizes


def test_a_program_is_named_by_what_it_runs(tmp_path: Path) -> None:
    script = tmp_path / "train me.py"
    script.write_text("import sys; sys.stdin.read()")
    process = subprocess.Popen(
        [sys.executable, "-u", str(script), "--password=x"],
        stdin=subprocess.PIPE,
        env={**os.environ, "LT_JOB": new_ulid()},
    )
    try:
        found = until(lambda: [item for item in holdings.processes() if item["pid"] == process.pid and item["job"]], 20)
        assert found[0]["name"].endswith(" train me.py")
    finally:
        process.communicate(b"")
