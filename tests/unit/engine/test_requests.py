"""A person's requests over one link: what is slow holds up nothing, what is closed meanwhile is not done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.frames import encode
from lt_controller.engine.requests import Requests
from lt_controller.store import intents
from lt_controller.store.writer import Writer
from support.peer import Peer, refuse, reply
from support.store import Store
from support.wait import until


class Scene:
    """A database, and a host that answers everything but what `held` names."""

    def __init__(self, path: Path) -> None:
        self.store = Store(path / "home")
        self.writer = Writer(self.store.home.database)
        self.held: list[str] = []
        self.peer = Peer(lambda request: b"" if request["op"] in self.held else reply(request))
        self.poked = threading.Event()
        self.requests = Requests(
            "box", self.writer, self.peer.link, self.store.home.path, lambda job, attempt: None, self.poked.set
        )

    def ask(self, kind: str, job: str, **params: Any) -> str:
        self.store.insert("intents", id=f"{kind}-{job}", kind=kind, job_id=job, params=params, created_at="")
        return f"{kind}-{job}"

    def pending(self) -> list[intents.Intent]:
        return self.writer.read(intents.pending_on, "box")

    def state(self, intent: str) -> str:
        return str(self.store.db.execute("SELECT state FROM intents WHERE id=?", (intent,)).fetchone()[0])

    def close(self) -> None:
        self.peer.link.close()
        self.requests.close()
        self.writer.close()
        self.store.close()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("kind", ["remove", "clear"])
def test_a_stop_does_not_wait_until_a_million_files_are_deleted(scene: Scene, kind: str) -> None:
    scene.held = ["remove"]
    large, other = scene.store.job("large", "succeeded"), scene.store.job("other", "running")
    deletion, stop = scene.ask(kind, large), scene.ask("stop", other)
    scene.requests.carry_out(scene.pending())
    assert scene.state(stop) == "done" and scene.peer.asked_for("stop")
    until(lambda: scene.peer.asked_for("remove"), 30, "the deletion is asked for")
    scene.requests.carry_out(scene.pending())
    assert scene.state(deletion) == "pending" and len(scene.peer.asked_for("remove")) == 1, "not once a pass"
    scene.peer.ours.sendall(reply(scene.peer.asked_for("remove")[0]))
    until(lambda: scene.state(deletion) == "done", 30, "it is deleted")
    assert scene.poked.wait(30)


def test_a_deletion_that_the_link_cuts_short_is_asked_for_again(scene: Scene) -> None:
    scene.held = ["remove"]
    deletion = scene.ask("remove", scene.store.job("large", "succeeded"))
    scene.requests.carry_out(scene.pending())
    until(lambda: scene.peer.asked_for("remove"), 30, "the deletion is asked for")
    scene.peer.link.close()
    scene.requests.close()
    assert scene.state(deletion) == "pending"


@pytest.mark.parametrize("kind", ["remove", "clear"])
def test_nothing_is_deleted_of_which_the_host_has_more_than_is_known_here(scene: Scene, kind: str) -> None:
    job = scene.store.job("j", "succeeded")
    scene.store.checkpoint(job, "checkpoint-1", 1, pull_state="pulled")
    has = [{"job": job, "attempt": 1, "manifests": ["checkpoint-1"]}, {"job": "another", "manifests": ["x"]}]

    def answer(request: dict[str, Any]) -> bytes:
        if request["op"] == "jobs":
            return encode({"type": "reply", "id": request["id"], "ok": True, "result": has})
        return reply(request)

    peer = Peer(answer)
    requests = Requests("box", scene.writer, peer.link, scene.store.home.path, print, scene.poked.set)
    has[0]["manifests"] = ["checkpoint-1", "checkpoint-2"]
    intent = scene.ask(kind, job)
    requests.carry_out(scene.pending())
    until(lambda: scene.state(intent) == "failed", 30, "it is refused")
    assert "not_yet_home" in scene.store.db.execute("SELECT error FROM intents").fetchone()[0]
    assert not peer.asked_for("remove")
    has[0]["manifests"] = ["checkpoint-1"]
    scene.store.db.execute("UPDATE intents SET state='pending', error=NULL")
    requests.carry_out(scene.pending())
    until(lambda: scene.state(intent) == "done", 30, "all of it is at home")
    peer.link.close()
    requests.close()


@pytest.mark.parametrize("kind", ["stop", "resume", "remove", "pull"])
def test_what_was_closed_since_it_was_read_is_not_carried_out(scene: Scene, kind: str) -> None:
    job = scene.store.job("j", "succeeded")
    intent = scene.ask(kind, job)
    read = scene.pending()
    scene.writer.run("", intents.failed, intent, LtError("host_retired", host="box"))
    scene.requests.carry_out(read)
    scene.requests.close()
    assert scene.state(intent) == "failed" and scene.peer.asked == []
    assert scene.store.db.execute("SELECT attempt, removed FROM jobs").fetchone() == (1, 0)


def test_a_refusal_of_the_host_is_told_and_is_no_end_of_the_link(scene: Scene) -> None:
    scene.peer = Peer(lambda request: refuse(request, "disk_full", path="/data"))
    scene.requests = Requests("box", scene.writer, scene.peer.link, scene.store.home.path, print, scene.poked.set)
    stop = scene.ask("stop", scene.store.job("j", "running"))
    scene.requests.carry_out(scene.pending())
    assert scene.state(stop) == "failed" and scene.peer.link.ended is None
