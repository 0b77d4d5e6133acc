"""The controller's loop in this process: how it leaves, and what it does not trip over."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import JobSpec, to_dict
from lt_agent.protocol.ulid import new_ulid
from lt_controller.client.database import write_intent
from lt_controller.client.socket import call
from lt_controller.engine import controller as engine
from lt_controller.engine.controller import Controller
from lt_controller.engine.moving import Mover
from lt_controller.engine.server import Server, somebody_listens
from lt_controller.engine.session import HostSession
from lt_controller.home import Home
from lt_controller.store import notices
from lt_controller.store.times import now
from lt_inventory.hosts_file import HostsFile
from lt_inventory.model import Host
from support.hooks import hooks
from support.store import Store
from support.wait import until


@pytest.fixture
def home(tmp_path: Path) -> Home:
    store = Store(tmp_path / "home")
    store.close()
    return store.home


def submit(home: Home) -> None:
    """What a client writes, for a host that is not in the inventory."""
    spec = JobSpec(job=new_ulid(), attempt=1, name="j", owner="me", kind="command", argv=("true",))
    write_intent(home.database, "submit", spec.job, {"spec": to_dict(spec), "host": "nowhere"})


def jobs(home: Home) -> int:
    store = Store(home.path)
    try:
        return int(store.db.execute("SELECT count(*) FROM jobs").fetchone()[0])
    finally:
        store.close()


def test_an_intent_that_comes_as_the_door_is_shut_is_seen(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    shut = Server.close
    late = iter([submit])

    def knock_then_shut(server: Server) -> None:
        for submit in late:
            submit(home)
            assert call(home, "wake", 10.0) == {}  # the client is content, and goes
        shut(server)

    monkeypatch.setattr(Server, "close", knock_then_shut)
    Controller(home, linger=0).run()
    assert jobs(home) == 1


def test_a_successor_waits_for_a_controller_that_is_leaving(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with home.controller_lock.open("w") as leaving:  # it holds the lock, and listens no more
        fcntl.flock(leaving, fcntl.LOCK_EX)
        monkeypatch.setattr(engine, "TURN_LIMIT", 0.3)
        with pytest.raises(BlockingIOError):
            Controller(home, linger=0)
        monkeypatch.setattr(engine, "TURN_LIMIT", 20.0)
        threading.Timer(0.3, lambda: fcntl.flock(leaving, fcntl.LOCK_UN)).start()
        Controller(home, linger=0).run()


def test_an_intent_that_cannot_be_read_stops_none_after_it(home: Home) -> None:
    write_intent(home.database, "submit", new_ulid(), {"spec": {"created_at": "x"}, "host": 5})
    write_intent(home.database, "submit", new_ulid(), {"spec": None})
    submit(home)
    Controller(home, linger=0).run()
    assert jobs(home) == 1


def test_a_fault_in_one_corner_of_a_pass_does_not_end_the_controller(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(home)
    faults = iter([KeyError("a row that nobody expects")] * 2)

    def look(self: Mover, inventory: object) -> bool:
        for fault in faults:
            raise fault
        return False

    monkeypatch.setattr(Mover, "look", look)
    monkeypatch.setattr(engine, "LOOK_EVERY", 0.05)
    Controller(home, linger=0).run()
    assert jobs(home) == 1 and next(faults, None) is None


def test_an_inventory_that_cannot_be_read_fails_no_request(home: Home) -> None:
    submit(home)
    Controller(home, linger=0).run()
    home.hosts_file.write_text("[[[")
    store = Store(home.path)
    job = store.db.execute("SELECT id FROM jobs").fetchone()[0]
    store.insert("intents", id="i", kind="stop", job_id=job, created_at="")
    Controller(home, linger=0).run()
    assert store.db.execute("SELECT state FROM intents WHERE id='i'").fetchone() == ("pending",)
    home.hosts_file.write_text("")
    Controller(home, linger=0).run()
    assert store.db.execute("SELECT state FROM intents WHERE id='i'").fetchone() == ("done",)
    store.close()


def test_who_asks_while_the_inventory_is_being_read_waits_for_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    HostsFile(home.hosts_file).add(Host(name="box", address="127.0.0.1", port=1, user="nobody"))
    reading, go_on = threading.Event(), threading.Event()

    class Slow(HostsFile):
        def load(self) -> dict[str, Host]:
            reading.set()
            assert go_on.wait(30)
            return super().load()

    monkeypatch.setattr(engine, "HostsFile", Slow)
    controller = Controller(home, linger=60)
    running = threading.Thread(target=controller.run)
    running.start()
    assert reading.wait(30)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(call, home, "connect", 60.0, name="box")
        wait([asked], timeout=0.5)  # for it to be answered wrongly; the right answer takes as long as the reading
        go_on.set()
        with pytest.raises(LtError) as caught:
            asked.result()
    controller.stop()
    running.join()
    assert caught.value.code == "host_unreachable"


def test_a_secret_that_is_given_for_telling_people_is_used_at_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    home.config_file.write_text("[notify.lab]\nto = 'slack'\nurl_secret = 'LAB_HOOK'\n")
    os.utime(home.config_file, (1.7e9, 1.7e9))
    store = Store(home.path)
    about = (None, "", None, "a", "")
    notices.add(store.db, lambda *_: ["lab"], "one", "lease", "lease", now(), {"left": 60.0}, about)
    unknown = LtError("notify_no_secret", names=["LAB_HOOK"])
    notices.missed(store.db, "lab", [1], unknown, time.time() + 86400)
    store.close()
    with hooks() as server, ThreadPoolExecutor(1) as pool:
        controller = Controller(home, linger=60)
        running = pool.submit(controller.run)
        try:
            until(lambda: somebody_listens(home.controller_sock), 30, "it listens")
            assert call(home, "confide", 10.0, job="notify", values={"LAB_HOOK": server.url}) == {}
            until(lambda: server.got, 30, "it was told")
        finally:
            controller.stop()
            running.result(30)


def test_who_has_other_things_to_do_waits_for_no_host_longer_than_that(home: Home) -> None:
    box = Host(name="box", address="127.0.0.1", port=1)
    session = HostSession(box, home, "me", None, None, None)  # type: ignore[arg-type]
    with pytest.raises(LtError) as told:  # nobody serves it: its thread was never started
        session.answer("probe", limit=0.05)
    assert (told.value.code, told.value.params) == ("host_unreachable", {"host": "box", "why": "timeout"})
