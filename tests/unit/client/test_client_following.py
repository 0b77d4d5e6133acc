"""Following: what is written while somebody reads arrives at once, whole, and the end is the job's end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lt_agent.protocol.errors import LtError
from lt_controller.client import Client, LogChunk, watch
from lt_controller.client.models import Job
from lt_controller.engine.server import Server
from support.store import Store


@pytest.fixture
def server(store: Store) -> Iterator[Server]:
    """The controller's socket with nothing behind it: this test is the one that writes."""
    made = Server(store.home.controller_sock, lambda request: {})
    yield made
    made.close()


@contextmanager
def writing(store: Store, work: object) -> Iterator[None]:
    """Runs `work(store)` on a thread with a connection of its own."""
    assert callable(work)

    def run() -> None:
        other = Store(store.home.path)
        try:
            work(other)
        finally:
            other.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_a_growing_log_arrives_whole_and_in_order(store: Store, client: Client, server: Server) -> None:
    job = store.job("j")
    lines = [b"step %d\n" % number for number in range(400)]

    def work(other: Store) -> None:
        for at in range(0, 400, 10):
            other.log(job, b"".join(lines[at : at + 10]))
            server.announce({"logs"})
        other.set(job, state="succeeded")
        server.announce({"jobs"})

    got = b""
    with writing(store, work):
        for chunk in client.follow_log(job):
            assert chunk.offset == len(got)
            got += chunk.data
    assert got == b"".join(lines)


def test_a_line_is_told_not_found_at_the_next_look(
    store: Store, client: Client, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "FLOOR_SECONDS", 3600.0)
    job = store.job("j")
    got = 0

    def work(other: Store) -> None:
        for _ in range(20):
            taken.wait(60)
            taken.clear()
            other.log(job, b"a line\n")
            server.announce({"logs"})
        taken.wait(60)
        other.set(job, state="succeeded")
        server.announce({"jobs"})

    taken = threading.Event()
    with writing(store, work):
        taken.set()
        for _chunk in client.follow_log(job):
            got += 1
            taken.set()
    assert got == 20


def test_without_anybody_who_tells_the_floor_finds_it(store: Store, client: Client) -> None:
    job = store.job("j", "paused")
    seen = []
    with writing(store, lambda other: other.job("new", "succeeded")):
        for changed in client.changes(timeout=10):
            seen.append(changed)
            if any(found.name == "new" for found in client.jobs(all=True)):
                break
    assert client.job(job).name == "j"


def test_following_passes_into_the_next_attempt(store: Store, client: Client, server: Server) -> None:
    job = store.job("j")
    store.log(job, b"one")

    def work(other: Store) -> None:
        other.db.execute("BEGIN")
        other.insert("attempts", job_id=job, attempt=2, host="box", state="running")
        other.set(job, attempt=2)
        other.db.execute("COMMIT")
        other.log(job, b"two", attempt=2)
        other.set(job, state="succeeded")
        server.announce({"jobs", "logs"})

    got = []
    states = []
    for news in client.follow(job):
        if isinstance(news, LogChunk):
            got.append((news.attempt, news.data))
            if news.data == b"one":
                with writing(store, work):
                    pass
        elif isinstance(news, Job):
            states.append((news.state, news.attempt))
    assert got == [(1, b"one"), (2, b"two")]
    assert states[0] == ("running", 1) and states[-1] == ("succeeded", 2)


def test_an_ended_job_is_read_without_a_controller(store: Store, client: Client) -> None:
    job = store.job("j", "failed")
    store.log(job, b"all of it")
    assert b"".join(chunk.data for chunk in client.follow_log(job, offset=4)) == b"of it"
    assert not store.home.controller_sock.exists()


def test_wait_returns_at_the_end_and_gives_up_in_time(store: Store, client: Client, server: Server) -> None:
    job = store.job("j")
    with pytest.raises(LtError) as caught:
        client.wait(job, 0.05)
    assert caught.value.code == "wait_timeout"

    def work(other: Store) -> None:
        other.set(job, state="succeeded", pull_state="pulling")
        server.announce({"jobs"})

    with writing(store, work):
        assert client.wait(job, 10).state == "succeeded"
    with pytest.raises(LtError):
        client.wait(job, 0.05, pulled=True)
    store.set(job, pull_state="pulled")
    assert client.wait(job, 10, pulled=True).pull_state == "pulled"


def test_a_request_settles_with_its_reason(store: Store, client: Client, server: Server) -> None:
    job = store.job("j")
    request = client.stop(job)
    assert request.open and client.requests(job)[0].kind == "stop"

    def work(other: Store) -> None:
        error = '{"code": "host_unreachable", "params": {"host": "box"}}'
        other.db.execute("UPDATE intents SET state='failed', error=? WHERE id=?", (error, request.id))
        server.announce({"jobs"})

    with writing(store, work), pytest.raises(LtError) as caught:
        client.settle(request, 10)
    assert caught.value.code == "host_unreachable"
