"""The bridge over real pipes: nothing lost, nothing doubled, nothing stuck, whatever the other side does."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from lt_agent.protocol import frames
from lt_agent.protocol.errors import LtError
from lt_agent.protocol.files import write_json
from lt_agent.protocol.paths import AttemptPaths, HostRoot
from lt_agent.protocol.ulid import new_ulid
from support.bridge_client import AGENT, BridgeClient, agent_argv
from support.wait import until


@pytest.fixture
def root(tmp_path: Path) -> HostRoot:
    return HostRoot(tmp_path / "ro'ot dir")


def connect(root: HostRoot, **more: Any) -> BridgeClient:
    return BridgeClient(root.path, root.path.parent / "lease", **more)


def make_attempt(root: HostRoot, number: int = 1, job: str | None = None) -> AttemptPaths:
    """An attempt as a supervisor that has gone would have left it."""
    paths = root.attempt(job or new_ulid(), number)
    for folder in (paths.control, paths.manifests, paths.out):
        folder.mkdir(parents=True)
    spec = {"job": paths.job, "attempt": number, "name": "tiny", "owner": "test", "kind": "command", "argv": ["true"]}
    write_json(paths.spec, spec)
    return paths


def make_manifest(paths: AttemptPaths, name: str, step: int = 1) -> dict[str, Any]:
    value = {"name": name, "kind": "checkpoint", "base": f"out/{name}", "step": step}
    value["files"] = [{"path": "model.bin", "size": 3, "sha256": "0" * 64}]
    write_json(paths.manifest(name), value)
    return value


def finish(paths: AttemptPaths, state: str = "succeeded") -> None:
    write_json(paths.exit, {"state": state, "reason": "done", "exit_code": 0})


def follow(client: BridgeClient, paths: AttemptPaths, **more: Any) -> None:
    assert client.ask("follow", job=paths.job, attempt=paths.attempt, **more) == {}


def test_a_followed_attempt_arrives_whole_and_its_exit_comes_last(root: HostRoot) -> None:
    paths = make_attempt(root)
    paths.log.write_bytes(os.urandom(700_000))
    paths.metrics.write_text('{"step": 1}\n{"step": 2}\n')
    paths.events.write_text('{"code": "state", "params": {"state": "running"}, "time": 1}\n')
    manifest = make_manifest(paths, "checkpoint-1")
    finish(paths)
    with connect(root) as client:
        follow(client, paths)
        ended = client.wait_type("exit", job=paths.job)
        assert ended.header["exit"]["state"] == "succeeded"
        assert client.order[-1] == "exit"
        assert client.stream("log") == paths.log.read_bytes()
        assert client.stream("metrics") == paths.metrics.read_bytes()
        assert client.stream("events") == paths.events.read_bytes()
        assert client.wait_type("manifest").header["manifest"] == manifest
        assert max(len(frame.payload) for _, frame in client.pushes) <= 256 << 10


def test_a_line_is_sent_within_milliseconds_of_its_writing(root: HostRoot) -> None:
    paths = make_attempt(root)
    with connect(root) as client, open(paths.log, "ab", buffering=0) as log:
        follow(client, paths)
        delays = []
        for number in range(20):
            # The log's first byte may only be found by the floor if inotify is not to be had: it is here.
            before, size = time.monotonic(), log.tell()
            log.write(b"line %d\n" % number)
            client.wait_type("stream", offset=size)
            delays.append(client.pushes[-1][0] - before)
        assert sorted(delays)[10] < 0.1, delays


def test_a_log_that_appears_later_is_followed(root: HostRoot) -> None:
    paths = make_attempt(root)
    with connect(root) as client:
        follow(client, paths)
        paths.log.write_bytes(b"here I am\n")
        client.wait_type("stream", stream="log")
        assert client.stream("log") == b"here I am\n"


def test_cursors_resume_after_kills_without_a_byte_lost_or_doubled(root: HostRoot) -> None:
    paths = make_attempt(root)
    content = os.urandom(6 << 20)
    half = len(content) // 2
    paths.log.write_bytes(content[:half])
    received = b""
    for round_number in range(4):
        with connect(root) as client:
            follow(client, paths, cursors={"log": len(received)})
            if round_number == 3:
                finish(paths)
                client.wait_type("exit")
            else:
                client.wait_type("stream", stream="log")
                if round_number == 1:
                    with open(paths.log, "ab") as log:
                        log.write(content[half:])
                client.process.kill()
                client.wait_end()
            received += client.stream("log", start=len(received))
    assert received == content


def test_a_half_line_waits_for_its_end_or_for_the_exit(root: HostRoot) -> None:
    paths = make_attempt(root)
    paths.metrics.write_text('{"step": 1}\n{"st')
    with connect(root) as client:
        follow(client, paths)
        assert client.wait_type("stream", stream="metrics").payload == b'{"step": 1}\n'
        with open(paths.metrics, "a") as metrics:
            metrics.write('ep": 2}\n{"step')
        assert client.wait_type("stream", stream="metrics", offset=12).payload == b'{"step": 2}\n'
        finish(paths)
        client.wait_type("exit")
        assert client.stream("metrics") == paths.metrics.read_bytes()
        assert client.stream("metrics").endswith(b'{"step')


def test_a_line_longer_than_a_frame_is_sent_in_one_piece(root: HostRoot) -> None:
    paths = make_attempt(root)
    line = json.dumps({"text": "x" * (1 << 20)}).encode() + b"\n"
    paths.events.write_bytes(line)
    with connect(root) as client:
        follow(client, paths)
        assert client.wait_type("stream", stream="events").payload == line


def test_the_exit_waits_for_the_supervisors_last_event(root: HostRoot) -> None:
    paths = make_attempt(root)
    with open(paths.claim, "w") as claim, connect(root) as client:
        fcntl.flock(claim, fcntl.LOCK_EX)
        follow(client, paths)
        finish(paths)
        with open(paths.events, "w") as events:
            events.write('{"time": 1, "code": "checkpoint", "params": {}}\n')
        client.wait_type("stream", stream="events")
        assert "exit" not in client.order
        with open(paths.events, "a") as events:
            events.write('{"time": 2, "code": "state", "params": {"state": "succeeded"}}\n')
        client.wait_type("exit")
        assert client.stream("events") == paths.events.read_bytes()


@pytest.mark.parametrize("change", ["truncate", "replace", "link", "fifo", "folder", "delete"])
def test_a_stream_that_changes_its_nature_hurts_nobody(root: HostRoot, change: str) -> None:
    paths, other = make_attempt(root), make_attempt(root)
    paths.log.write_bytes(b"first\n")
    secret = root.path / "secret"
    secret.write_bytes(b"SECRET" * 100)
    with connect(root) as client:
        follow(client, paths)
        follow(client, other)
        client.wait_type("stream", job=paths.job)
        if change == "truncate":
            os.truncate(paths.log, 0)
        else:
            paths.log.unlink()
        if change == "replace":
            paths.log.write_bytes(b"other\nmore\n")
        elif change == "link":
            paths.log.symlink_to(secret)
        elif change == "fifo":
            os.mkfifo(paths.log)
        elif change == "folder":
            paths.log.mkdir()
        other.log.write_bytes(b"alive\n")
        client.wait_type("stream", job=other.job)
        finish(paths)
        client.wait_type("exit", job=paths.job)
        assert client.stream("log", job=paths.job) == (b"first\nmore\n" if change == "replace" else b"first\n")


def test_manifests_are_told_once_and_rotated_ones_are_told_as_gone(root: HostRoot) -> None:
    paths = make_attempt(root)
    make_manifest(paths, "checkpoint-1")
    with connect(root) as client:
        follow(client, paths, manifests=["checkpoint-0", "checkpoint-1"])
        client.wait_type("gone", name="checkpoint-0")
        make_manifest(paths, "checkpoint-2")
        client.wait_type("manifest")
        paths.manifest("checkpoint-1").unlink()
        client.wait_type("gone", name="checkpoint-1")
        told = [frame.header["manifest"]["name"] for _, frame in client.pushes if frame.header["type"] == "manifest"]
        assert told == ["checkpoint-2"]


def test_a_torn_manifest_is_a_problem_not_an_end(root: HostRoot) -> None:
    paths = make_attempt(root)
    paths.manifest("checkpoint-1").write_text("{")
    with connect(root) as client:
        follow(client, paths)
        assert client.wait_type("problem").header["error"]["code"] == "manifest_unreadable"
        assert client.ask("ping")["time"] > 0


def test_a_huge_log_does_not_starve_the_others_nor_fill_the_memory(root: HostRoot) -> None:
    big, small = make_attempt(root), make_attempt(root)
    with open(big.log, "wb") as log:
        log.truncate(20 << 30)
    small.log.write_bytes(b"small\n")
    with connect(root) as client:
        follow(client, big)
        client.wait_type("stream", job=big.job)
        follow(client, small)
        client.wait_type("stream", job=small.job)
        sent = max(frame.header["offset"] for _, frame in client.pushes if frame.header.get("job") == big.job)
        assert sent < 2 << 30  # of 20: the small one did not wait for the big one
        assert rss(client) < 60 << 20
        client.process.kill()


def test_attempts_are_served_in_turn(root: HostRoot) -> None:
    several = [make_attempt(root) for _ in range(3)]
    for paths in several:
        with open(paths.log, "wb") as log:
            log.truncate(20 << 30)
    with connect(root) as client:
        for paths in several:
            follow(client, paths)
        for paths in several:
            client.wait_type("stream", job=paths.job, offset=8 * (256 << 10))
        client.process.kill()


def test_a_reader_that_stalls_costs_bounded_memory_and_loses_nothing(root: HostRoot) -> None:
    paths = make_attempt(root)
    content = os.urandom(1 << 20) * 24
    paths.log.write_bytes(content)
    finish(paths)
    with connect(root, read=False) as client:
        client.post("follow", job=paths.job, attempt=1)
        wait_asleep(client)
        assert rss(client) < 60 << 20
        client.start_reading()
        client.wait_type("exit")
        assert client.stream("log") == content


def test_replies_go_ahead_of_bulk(root: HostRoot) -> None:
    paths = make_attempt(root)
    with open(paths.log, "wb") as log:
        log.truncate(64 << 20)
    finish(paths)
    with connect(root) as client:
        client.post("follow", job=paths.job, attempt=1)
        number = client.post("ping")
        client.reply(number)
        assert "exit" not in client.order
        client.wait_type("exit")


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
        assert cpu_seconds(client) - before < 0.05


def test_two_bridges_follow_the_same_attempt(root: HostRoot) -> None:
    paths = make_attempt(root)
    with connect(root) as one, connect(root) as two:
        follow(one, paths)
        follow(two, paths)
        writer = threading.Thread(target=write_slowly, args=(paths.log,))
        writer.start()
        writer.join()
        finish(paths)
        for client in (one, two):
            client.wait_type("exit")
            assert client.stream("log") == paths.log.read_bytes()


def write_slowly(path: Path) -> None:
    with open(path, "ab", buffering=0) as log:
        for number in range(2000):
            log.write(b"line %d\n" % number)


def rss(client: BridgeClient) -> int:
    for line in Path(f"/proc/{client.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def cpu_seconds(client: BridgeClient) -> float:
    fields = Path(f"/proc/{client.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_asleep(client: BridgeClient) -> None:
    """Until the bridge has nothing more to do for now: it used no processor time for a while."""
    seen: list[float] = []

    def quiet() -> bool:
        seen.append(cpu_seconds(client))
        return len(seen) > 20 and seen[-1] > 0 and seen[-20] == seen[-1]

    until(quiet, what="the bridge to stall")


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
