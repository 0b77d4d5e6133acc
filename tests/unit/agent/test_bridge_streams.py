"""What the bridge follows, over real pipes: nothing lost, nothing doubled, nothing stuck."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
import time
from pathlib import Path

import pytest

from lt_agent.protocol.files import write_json
from lt_agent.protocol.paths import HostRoot
from support.bridge_scene import (
    connect,
    finish,
    follow,
    make_attempt,
    make_manifest,
    rss,
    wait_asleep,
    write_slowly,
)
from support.wait import until


@pytest.fixture
def root(tmp_path: Path) -> HostRoot:
    return HostRoot(tmp_path / "ro'ot dir")


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


def test_a_line_is_sent_when_it_is_written_not_at_the_next_look(root: HostRoot) -> None:
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
        assert sorted(delays)[10] < 1.0, delays  # the floor looks every two seconds: it was told


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


def test_a_manifest_too_large_for_a_frame_is_a_problem_not_an_end(root: HostRoot) -> None:
    large, other = make_attempt(root), make_attempt(root)
    names = ((hashlib.sha256(b"%d" % number).hexdigest(), number) for number in range(60_000))
    files = [{"path": f"{name}/{name[::-1]}", "size": number, "sha256": name} for name, number in names]
    write_json(large.manifest("files-1"), {"name": "files-1", "kind": "files", "base": "out/files", "files": files})
    finish(large)
    other.log.write_bytes(b"line\n")
    with connect(root) as client:
        follow(client, large)
        follow(client, other)
        assert client.wait_type("problem").header["error"]["code"] == "manifest_too_large"
        client.wait_type("exit", job=large.job)
        client.wait_type("stream", job=other.job)


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


def test_a_log_travels_compressed_for_whoever_asks_for_it(root: HostRoot) -> None:
    paths = make_attempt(root)
    log = b"".join(b"step %d loss 0.123 0.123 0.123 0.123\n" % n for n in range(100_000))
    paths.log.write_bytes(log)
    with connect(root) as client:
        client.ask("hello", owner="test", version="test", slots=1, gpus_wanted=[], deflate=True)
        follow(client, paths)
        until(lambda: len(client.stream("log")) == len(log))
        assert client.stream("log") == log
        assert client.received < len(log) // 3
