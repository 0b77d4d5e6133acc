"""The bridge over real pipes: requests, pins, removal, and whatever the other side does."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lt_agent.protocol import frames
from lt_agent.protocol.errors import LtError
from lt_agent.protocol.paths import HostRoot
from lt_agent.protocol.ulid import new_ulid
from support.bridge_client import AGENT, BridgeClient, agent_argv
from support.bridge_scene import (
    connect,
    cpu_seconds,
    finish,
    follow,
    make_attempt,
    make_manifest,
    rss,
)


@pytest.fixture
def root(tmp_path: Path) -> HostRoot:
    return HostRoot(tmp_path / "ro'ot dir")


@pytest.mark.parametrize(
    "garbage",
    [
        struct.pack(">II", 1 << 31, 0),
        struct.pack(">II", 2, 1 << 30),
        struct.pack(">II", 3, 0) + b"{]}",
        struct.pack(">II", 2, 0) + b"[]",
    ],
    ids=["huge header", "huge payload", "no JSON", "no object"],
)
def test_garbage_ends_the_bridge_cleanly(root: HostRoot, garbage: bytes) -> None:
    with connect(root) as client:
        client.ask("ping")
        client.send_raw(garbage)
        assert client.wait_end() == 2
        assert "Traceback" not in client.stderr()


def test_odd_requests_are_answered_with_errors(root: HostRoot) -> None:
    paths = make_attempt(root)
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("dance", {}, "unknown_op"),
        ("follow", {"job": "../../etc", "attempt": 1}, "bad_job_id"),
        ("follow", {"job": paths.job, "attempt": "1"}, "bad_request"),
        ("follow", {"job": paths.job, "attempt": 2}, "no_such_job"),
        ("follow", {"job": paths.job, "attempt": 1, "cursors": {"log": "0"}}, "bad_request"),
        ("follow", {"job": paths.job, "attempt": 1, "cursors": {"shadow": 0}}, "bad_request"),
        ("stage", {"name": "../x", "digest": "d"}, "bad_name"),
        ("have", {"items": 3}, "bad_request"),
        ("pin", {"job": paths.job, "attempt": 1, "name": "../../x"}, "bad_name"),
        ("start", {"spec": {"job": 1}}, "bad_record"),
        ("disk", {"path": "/no/such/place"}, "no_such_path"),
    ]
    with connect(root) as client:
        for op, params, code in cases:
            with pytest.raises(LtError) as caught:
                client.ask(op, **params)
            assert caught.value.code == code, op
        client.send_raw(frames.encode({"type": "request", "id": 99, "op": ["x"]}))
        with pytest.raises(LtError) as caught:
            client.reply(99)
        assert caught.value.code == "bad_request"


def test_closed_stdin_ends_the_bridge(root: HostRoot) -> None:
    with connect(root) as client:
        client.ask("ping")
        assert client.process.stdin is not None
        client.process.stdin.close()
        assert client.wait_end() == 0


def test_a_reader_that_went_away_ends_the_bridge(root: HostRoot) -> None:
    with connect(root, read=False) as client:
        assert client.process.stdout is not None
        client.process.stdout.close()
        client.post("ping")
        assert client.wait_end() == 0


def test_noise_before_the_magic_is_passed_over_on_both_sides(root: HostRoot) -> None:
    argv = agent_argv("bridge", "--root", str(root.path), "--lease-dir", str(root.path / "lease"))
    ping = frames.encode({"type": "request", "id": 1, "op": "ping"})
    said = b"Welcome to this machine!\n" + frames.MAGIC + ping
    done = subprocess.run(argv, input=said, capture_output=True, timeout=20, check=True)
    found = list(frames.FrameReader().feed(b"Last login: never\n" + done.stdout))
    assert [frame.header["ok"] for frame in found if frame.header["type"] == "reply"] == [True]


def test_it_beats(root: HostRoot) -> None:
    with connect(root) as client:
        assert abs(client.wait_type("beat").header["time"] - time.time()) < 5


def test_a_pin_holds_until_it_is_let_go_or_the_bridge_dies(root: HostRoot) -> None:
    paths = make_attempt(root)
    manifest = make_manifest(paths, "checkpoint-1")

    def is_pinned() -> bool:
        with open(paths.pins / "checkpoint-1", "a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False

    wanted = {"job": paths.job, "attempt": 1, "name": "checkpoint-1"}
    with connect(root) as client, connect(root) as second:
        pinned = client.ask("pin", **wanted)
        assert pinned == {"manifest": manifest, "path": str(paths.out / "checkpoint-1")}
        assert client.ask("pin", **wanted) == pinned
        second.ask("pin", **wanted)
        client.ask("unpin", **wanted)
        assert is_pinned()
        second.process.kill()
        second.wait_end()
        assert not is_pinned()
        paths.manifest("checkpoint-1").unlink()
        with pytest.raises(LtError) as caught:
            client.ask("pin", **wanted)
        assert caught.value.code == "no_such_checkpoint"


def test_only_an_ended_job_is_removed(root: HostRoot) -> None:
    paths = make_attempt(root)
    with connect(root) as client:
        with pytest.raises(LtError) as caught:
            client.ask("remove", job=paths.job)
        assert caught.value.code == "job_alive"
        finish(paths)
        client.ask("remove", job=paths.job)
        assert not paths.path.parent.exists()
        assert client.ask("remove", job=paths.job) == {}
        assert os.listdir(root.jobs) == []


def test_jobs_are_listed_and_unreadable_ones_passed_over(root: HostRoot) -> None:
    paths = make_attempt(root)
    make_manifest(paths, "checkpoint-1")
    make_attempt(root).spec.write_text("{torn")
    with connect(root) as client:
        (summary,) = client.ask("jobs")
    assert (summary["job"], summary["attempt"], summary["name"], summary["owner"]) == (paths.job, 1, "tiny", "test")
    assert summary["manifests"] == ["checkpoint-1"]


def test_a_question_about_one_job_is_answered_for_that_alone(root: HostRoot) -> None:
    one, _ = make_attempt(root), make_attempt(root)
    make_manifest(one, "checkpoint-1")
    with connect(root) as client:
        [found] = client.ask("jobs", job=one.job)
        assert (found["job"], found["manifests"]) == (one.job, ["checkpoint-1"])
        assert client.ask("jobs", job="../..") == []


def test_thousands_of_jobs_fit_one_reply(root: HostRoot) -> None:
    value = {"type": "reply", "id": 1, "ok": True, "result": [{"job": new_ulid(), "n": n} for n in range(150_000)]}
    packed = frames.encode(value)
    assert len(packed) < 5 << 20
    (frame,) = frames.FrameReader(expect_magic=False).feed(packed)
    assert frame.header == value


def test_an_idle_bridge_is_small_and_quiet(root: HostRoot) -> None:
    paths = make_attempt(root)
    paths.log.write_bytes(b"x\n")
    with connect(root) as client:
        follow(client, paths)
        client.wait_type("stream")
        assert rss(client) < 40 << 20
        before = cpu_seconds(client)
        client.wait_push(lambda frame: len([1 for kind in client.order if kind == "beat"]) >= 2, timeout=15)
        assert cpu_seconds(client) - before < 0.5  # a tight loop would take seconds


@pytest.mark.skipif(sys.platform != "linux", reason="hosts are Linux")
def test_nothing_that_is_printed_gets_between_the_frames(root: HostRoot) -> None:
    """The bridge owns its stdout; fd 1 goes to stderr, so that a stray print of a library harms nothing."""
    with connect(root) as client:
        client.ask("ping")
        fds = Path(f"/proc/{client.process.pid}/fd")
        assert os.readlink(fds / "1") == os.readlink(fds / "2")
        assert os.readlink(fds / "0") == "/dev/null"


def test_a_bridge_whose_own_folder_is_gone_leaves_so_that_it_is_brought_again(tmp_path: Path) -> None:
    agent = tmp_path / "agents" / "digest"
    shutil.copytree(AGENT / "lt_agent", agent / "lt_agent", ignore=shutil.ignore_patterns("__pycache__", "trainers"))
    argv = agent_argv("bridge", "--root", str(tmp_path / "root"), "--lease-dir", str(tmp_path / "lease"))
    argv[argv.index(str(AGENT))] = str(agent)
    with BridgeClient(tmp_path / "root", tmp_path / "lease", argv=argv) as bridge:
        bridge.ask("ping")
        shutil.rmtree(agent)
        assert bridge.process.wait(30) == 3
