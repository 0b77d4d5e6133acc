"""The controller's own part of telling people: once each, over restarts, and never in anybody's way."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from lt_agent.protocol.records import ExitRecord, JobSpec, to_dict
from lt_agent.protocol.ulid import new_ulid
from lt_controller.engine import notifying, telling
from lt_controller.engine.notifying import Notifier
from lt_controller.engine.vault import FOR_NOTICES, Vault
from lt_controller.home import Home
from lt_controller.notify import pacing, ways
from lt_controller.store import hosts, jobs, queue, recovered, streams
from lt_controller.store.times import iso
from lt_controller.store.writer import Writer
from lt_inventory.model import Host
from support.hooks import OK, Got, Hooks, hooks
from support.wait import until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter pauses, and no proxy of the tester's."""
    for name in ("http_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LT_LANG", "en")
    monkeypatch.setattr(pacing, "GATHER", 0.3)
    monkeypatch.setattr(pacing, "SPACING", 0.0)
    monkeypatch.setattr(pacing, "FIRST_PAUSE", 0.1)
    monkeypatch.setattr(notifying, "LOOK_EVERY", 0.1)
    monkeypatch.setattr(notifying, "SETTLED", 0.2)


@pytest.fixture
def server() -> Iterator[Hooks]:
    with hooks() as made:
        yield made


class Scene:
    """A home with a database, a channel `lab` to the server, and a notifier that runs."""

    def __init__(self, path: Path, server: Hooks, more: str = "", general: str = "") -> None:
        self.home = Home(path / "home").make()
        self.inventory: dict[str, Host] = {}
        self.vault = Vault()
        text = f"[notify]\n{general}\n[notify.lab]\nto = 'slack'\nurl_secret = 'LAB_HOOK'\n{more}\n"
        self.home.config_file.write_text(text)
        self.vault.give(FOR_NOTICES, {"LAB_HOOK": server.url})
        self.writer = Writer(self.home.database)
        self.open()

    def open(self) -> None:
        self.notifier = Notifier(self.home, self.writer, self.vault, lambda: self.inventory)

    def end(self, record: ExitRecord | None = None, name: str = "", **fields: Any) -> str:
        """A job that has run on host `a` and ended; its name."""
        spec = JobSpec(new_ulid(), 1, name or new_ulid(), "me", "command", argv=("true",))
        spec = replace(spec, **fields)

        def write(db: Any) -> None:
            jobs.take_submit(db, "i", {"spec": to_dict(spec), "host": "a"})
            jobs.set_state(db, spec.job, 1, "running")
            if record is not None and jobs.end_attempt(db, spec.job, 1, record, 0.0):
                queue.begin_retry(db, spec.job, 1, record, 0.0)

        self.writer.run("jobs", write)
        self.notifier.poke()
        return spec.name

    def states(self) -> list[tuple[str, int]]:
        return self.writer.run(
            "", lambda db: db.execute("SELECT state, tries FROM deliveries ORDER BY notice").fetchall()
        )

    def close(self) -> None:
        self.notifier.close()
        self.writer.close()


@contextmanager
def scene(path: Path, server: Hooks, more: str = "", general: str = "") -> Iterator[Scene]:
    made = Scene(path, server, more, general)
    try:
        yield made
    finally:
        made.close()


def texts(server: Hooks) -> list[str]:
    return [value["text"].splitlines()[0] for value in server.values]


def ended(state: str = "failed", reason: str = "oom", **fields: Any) -> ExitRecord:
    return ExitRecord(state, reason, finished_at=time.time(), **fields)


def settled(made: Scene) -> Callable[[], bool]:
    return lambda: not made.notifier.busy()


def test_each_end_is_told_once_also_by_the_next_controller(tmp_path: Path, server: Hooks) -> None:
    with scene(tmp_path, server) as made:
        name = made.end(ended())
        until(lambda: made.states() == [("sent", 1)], 30, "told")
        made.notifier.close()
        made.open()
        other = made.end(ended("succeeded", "done"))
        until(lambda: made.states() == [("sent", 1), ("sent", 1)], 30, "the second is told")
        assert texts(server) == [f"lt: {name} failed on a: out of memory", f"lt: {other} succeeded on a"]


def test_many_at_once_are_one_message(tmp_path: Path, server: Hooks) -> None:
    with scene(tmp_path, server) as made:
        made.notifier.close()
        for _ in range(200):
            made.end(ended())
        made.open()
        until(lambda: made.states() == [("sent", 1)] * 200, 60, "all are told")
        assert texts(server) == ["lt: 200 things happened: 200 failed"]


def test_a_failing_service_is_tried_again_and_a_slow_one_holds_up_no_other(tmp_path: Path, server: Hooks) -> None:
    over = threading.Event()

    def slow(got: Got, number: int) -> tuple[int, bytes]:
        over.wait(120)
        return OK["slack"]

    with hooks(slow) as stuck:
        more = f"[notify.stuck]\nto = 'webhook'\nurl = '{stuck.url}'\n"
        server.answer = lambda got, number: (500, b"down") if number < 2 else OK["slack"]
        with scene(tmp_path, server, more) as made:
            made.end(ended())
            told = "SELECT state, tries, error FROM deliveries WHERE channel='lab'"
            until(
                lambda: made.writer.run("", lambda db: db.execute(told).fetchall()) == [("sent", 3, None)], 60, "told"
            )
            assert len(server.got) == 3
            until(lambda: stuck.got, 30, "the slow one was asked, too")
            over.set()
            until(settled(made), 60, "nothing is left to tell")


def test_one_that_drips_is_given_up_and_what_arrives_late_counts(
    tmp_path: Path, server: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "LIMIT", 0.3)
    monkeypatch.setattr(ways, "SECONDS", 120.0)
    over = threading.Event()
    server.answer = lambda got, number: (over.wait(120), OK["slack"])[1]
    with scene(tmp_path, server) as made:
        made.end(ended())
        until(lambda: made.states() == [("pending", 1)], 30, "it was given up")
        over.set()
        until(lambda: made.states() and made.states()[0][0] == "sent", 30, "it was told after all")


def test_what_no_try_can_cure_is_given_up_and_says_why(tmp_path: Path, server: Hooks) -> None:
    server.answer = lambda got, number: (404, b"no_service")
    with scene(tmp_path, server) as made:
        made.end(ended())
        until(lambda: made.states() == [("failed", 1)], 30, "given up")
        row = made.writer.run("", lambda db: db.execute("SELECT error FROM deliveries").fetchone())
        assert "no_service" in row[0] and server.url not in row[0]


def test_retries_moves_pauses_and_the_past_make_no_noise(tmp_path: Path, server: Hooks) -> None:
    with scene(tmp_path, server, "on = ['end', 'retry']") as made:
        made.end(ended("paused", "paused"))
        made.end(ended("cancelled", "moved"))
        made.end(ExitRecord("failed", "oom", finished_at=time.time() - 30 * 86400))
        now = time.time()
        again = ExitRecord(
            "failed", "oom", finished_at=now, retry={"attempt": 2, "tried": 1, "at": now + 60, "name": None}
        )
        name = made.end(again, retries=2)
        until(lambda: made.states() == [("sent", 1)], 30, "told")
        assert texts(server) == [f"lt: {name} failed on a: out of memory; it is tried again (1)"]


def test_what_was_before_a_recovery_is_no_news(tmp_path: Path, server: Hooks) -> None:
    with scene(tmp_path, server) as made:
        for age, name in ((3600.0, "old"), (-1.0, "new")):
            spec = JobSpec(new_ulid(), 1, name, "me", "command", argv=("true",))
            made.writer.run("", recovered.add_job, "a", "me", {1: spec}, name)
            record = ExitRecord("failed", "oom", finished_at=time.time() - age)
            made.writer.run("jobs", jobs.end_attempt, spec.job, 1, record, 0.0)
        until(lambda: made.states() == [("sent", 1)], 30, "told")
        assert "new" in texts(server)[0]


def test_a_hang_is_told_while_the_job_runs(tmp_path: Path, server: Hooks) -> None:
    with scene(tmp_path, server) as made:
        name = made.end()
        line = b'{"time": %d, "code": "hang", "params": {"phase": "step", "seconds": 1800}}\n' % time.time()

        def write(db: Any) -> None:
            job = db.execute("SELECT id FROM jobs WHERE name=?", (name,)).fetchone()[0]
            streams.add_events(db, job, 1, "a", 0, line, 0.0)

        made.writer.run("jobs", write)
        until(lambda: made.states() == [("sent", 1)], 30, "told")
        assert texts(server)[0].startswith(f"lt: {name} on a: nothing happened for 30m 00s")


def test_the_end_of_a_lease_and_a_host_that_is_away_are_told_once(tmp_path: Path, server: Hooks) -> None:
    with scene(tmp_path, server, general="unreachable_after = '1s'") as made:
        made.end()
        made.writer.run(
            "", hosts.missed, "a", telling.LtError("host_unreachable", host="a", why="dns"), "unreachable", 0
        )
        until_ = datetime.now(timezone.utc) + timedelta(hours=5)
        made.inventory.update(
            a=Host("a", "h"), b=Host("b", "h", until=until_), c=Host("c", "h", until=until_, closed="retired")
        )
        until(lambda: made.states() == [("sent", 1)] * 2, 60, "told")
        told = sorted(texts(server))
        assert told[0].startswith("lt: a has been unreachable") and told[1].startswith("lt: the lease of b ends in 4h")
        made.notifier.close()
        made.open()
        made.end(ended())
        until(lambda: made.states() == [("sent", 1)] * 3, 30, "the end alone is new")


def test_a_config_with_a_slip_loses_nothing_and_none_at_all_keeps_nothing(tmp_path: Path, server: Hooks) -> None:
    with scene(tmp_path, server) as made:
        good = made.home.config_file.read_text()
        made.notifier.close()
        made.home.config_file.write_text(good.replace("slack", "slak"))
        made.open()
        made.end(ended())
        assert not made.notifier.busy() and made.states() == []
        made.home.config_file.write_text(good)
        until(lambda: made.states() == [("sent", 1)], 30, "told when the slip was mended")
        made.notifier.close()
        made.home.config_file.write_text("[tui]\n")
        made.open()
        made.end(ended())
        until(lambda: not made.writer.run("", notifying.notices.waiting), 30, "looked at")
        assert len(made.states()) == 1


def test_a_secret_that_is_gone_is_waited_for(tmp_path: Path, server: Hooks) -> None:
    with scene(tmp_path, server) as made:
        made.notifier.close()
        made.vault = Vault()
        made.open()
        made.end(ended())
        until(lambda: made.states() and made.states()[0][1] > 0, 30, "it could not be told")
        made.vault.give(FOR_NOTICES, {"LAB_HOOK": server.url})
        until(lambda: made.states() and made.states()[0][0] == "sent", 30, "told")
        assert b"127.0.0.1" not in made.home.database.read_bytes()


def set_back(made: Scene, tries: int, days: float = 0.0, which: int = 1) -> None:
    """The notice is so old, was tried so often, and is due."""

    def write(db: Any) -> None:
        db.execute("UPDATE notices SET created_at=? WHERE id=?", (iso(time.time() - days * 86400), which))
        db.execute("UPDATE deliveries SET tries=?, due_at=NULL WHERE notice=?", (tries, which))

    made.writer.run("", write)


def lacking(made: Scene) -> None:
    """The controller starts anew, knows no secret, and has a notice that it could not tell; then it is closed."""
    made.notifier.close()
    made.vault = Vault()
    made.open()
    made.end(ended())
    until(lambda: made.states() and made.states()[0][1] > 0, 30, "it could not be told")
    made.notifier.close()


def test_who_waits_for_a_secret_keeps_no_controller_and_is_told_when_it_is_given(
    tmp_path: Path, server: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "FIRST_PAUSE", 600.0)
    with scene(tmp_path, server) as made:
        lacking(made)
        set_back(made, 40, days=3)
        made.open()
        until(lambda: made.states() == [("pending", 41)], 30, "tried once more, and not given up")
        assert not made.notifier.busy()
        made.vault.give(FOR_NOTICES, {"LAB_HOOK": server.url})
        made.notifier.given(["OTHER"])
        assert made.states() == [("pending", 41)], "it does not wait for that one"
        made.notifier.given(["LAB_HOOK"])
        until(lambda: made.states() == [("sent", 1)], 30, "told at once")


def test_an_old_notice_that_is_given_up_takes_no_other_along(
    tmp_path: Path, server: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "SINGLE", 0)
    monkeypatch.setattr(pacing, "FIRST_PAUSE", 600.0)
    with scene(tmp_path, server) as made:
        lacking(made)
        made.end(ended())
        made.open()
        until(lambda: [state for state in made.states() if state[1]] == made.states() and len(made.states()) == 2, 30)
        made.notifier.close()
        set_back(made, 40, days=8)
        set_back(made, 40, days=1, which=2)
        made.open()
        until(lambda: made.states() == [("failed", 41), ("pending", 41)], 30, "the old one alone is given up")


def test_much_that_waits_for_one_channel_starves_no_other(
    tmp_path: Path, server: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying.notices, "BATCH", 1)
    monkeypatch.setattr(pacing, "FIRST_PAUSE", 600.0)
    more = f"host = ['nowhere']\n[notify.plain]\nto = 'webhook'\nurl = '{server.url}'\n"
    with scene(tmp_path, server, more.replace("host = ['nowhere']\n", "")) as made:
        made.notifier.close()
        made.vault = Vault()
        made.open()
        for _ in range(6):
            made.end(ended())
        told = "SELECT count(*) FROM deliveries WHERE channel='plain' AND state='sent'"
        until(lambda: made.writer.run("", lambda db: db.execute(told).fetchone()[0]) == 6, 60, "all are told by it")


def test_a_file_that_is_just_being_written_takes_no_channel_away(
    tmp_path: Path, server: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying, "SETTLED", 3600.0)
    with scene(tmp_path, server) as made:
        good = made.home.config_file.read_text()
        long_ago = time.time() - 7200
        os.utime(made.home.config_file, (long_ago, long_ago))
        made.end(ended())
        until(lambda: made.states() == [("sent", 1)], 30, "told")
        made.home.config_file.write_text("")  # an editor has begun to save
        made.end(ended())
        until(lambda: made.states() == [("sent", 1)] * 2, 30, "told as before")
        made.home.config_file.write_text(good)
