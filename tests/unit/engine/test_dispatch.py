"""One pass over a host: what it can't start is never called failed while it may run there."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lt_agent.protocol.frames import encode
from lt_agent.protocol.records import EnvPlan, ExitRecord, JobSpec, to_dict
from lt_agent.protocol.ulid import new_ulid
from lt_controller.engine.connect import Connected
from lt_controller.engine.dispatch import Dispatch
from lt_controller.engine.intake import Intake
from lt_controller.store import due, jobs, relocations
from lt_controller.store.due import Due
from lt_controller.store.writer import Writer
from lt_controller.transport.copy import CopyBulk
from lt_controller.transport.local import LocalTransport
from lt_inventory.model import local_host
from support.peer import Peer, refuse, reply
from support.store import new_home


class Scene:
    """A database with a submitted job, and a host whose answers the test says: op → an error's code, or a result."""

    def __init__(self, path: Path) -> None:
        self.home = new_home(path / "home")
        self.writer = Writer(self.home.database)
        self.answers: dict[str, Any] = {}
        self.peer = Peer(self._answer)
        intake = Intake("local", self.home.path, self.writer, lambda: None, lambda why: None)
        there = Connected(LocalTransport(), self.peer.link, CopyBulk(), {}, {}, "", 0.0)
        self.dispatch = Dispatch(local_host(), self.home, self.writer, there, intake, threading.Event().set)
        spec = JobSpec(new_ulid(), 1, "j", "me", "command", argv=("true",), env=EnvPlan("existing"))
        self.job = self.writer.run("", jobs.take_submit, "i", {"spec": to_dict(spec), "host": "local"})

    def look(self) -> Due:
        return self.writer.read(due.on_host, "local")

    def row(self) -> tuple[str, int, str]:
        """State, attempt, and the code of what is said of it."""
        row = self.writer.read(_row, self.job)
        return row[0], row[1], json.loads(row[2] or "{}").get("code", "")

    def _answer(self, request: dict[str, Any]) -> bytes:
        said = self.answers.get(request["op"], {})
        if isinstance(said, list):
            return encode({"type": "reply", "id": request["id"], "ok": True, "result": said})
        return refuse(request, said) if isinstance(said, str) else reply(request, **said)

    def close(self) -> None:
        self.peer.link.close()
        self.dispatch.close()
        self.writer.close()


def _row(db: Any, job: str) -> Any:
    return db.execute("SELECT state, attempt, message FROM jobs WHERE id=?", (job,)).fetchone()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("taken_back", [{"withdrawn": True}, "no_such_job"])
def test_a_job_that_its_host_could_not_start_has_failed_once_it_never_will(scene: Scene, taken_back: Any) -> None:
    scene.answers = {"start": "agent_failed", "withdraw": taken_back}
    scene.dispatch.pass_once(scene.look())
    assert scene.row() == ("failed", 1, "agent_failed")


@pytest.mark.parametrize("taken_back", [{"withdrawn": False}, "disk_full"])
def test_a_job_that_may_still_begin_on_its_host_is_not_called_failed_and_is_asked_for_again(
    scene: Scene, taken_back: Any
) -> None:
    scene.answers = {"start": "agent_failed", "withdraw": taken_back}
    scene.dispatch.pass_once(scene.look())
    assert scene.row() == ("staging", 1, "agent_failed")
    scene.answers = {}
    scene.dispatch.pass_once(scene.look())
    assert scene.row()[0] == "waiting" and len(scene.peer.asked_for("start")) == 2


def test_a_job_that_went_elsewhere_since_the_look_is_not_begun_here_too(scene: Scene) -> None:
    stale = scene.look()

    def go_elsewhere(db: Any) -> None:
        relocations.retire(db, "local")
        relocations.relocate(db, scene.job, {"host": "b", "env": to_dict(EnvPlan("existing")), "variables": {}})

    scene.writer.run("", go_elsewhere)
    scene.dispatch.pass_once(stale)
    assert scene.peer.asked_for("start") == [] and scene.row()[:2] == ("queued", 2)


def test_a_host_is_asked_to_stop_what_was_given_up_and_then_owes_nothing(scene: Scene) -> None:
    scene.dispatch.pass_once(scene.look())
    scene.writer.run("", relocations.retire, "local")
    assert scene.writer.read(relocations.fences_asked, "local")
    scene.dispatch.pass_once(scene.look())
    [stop] = scene.peer.asked_for("stop")
    assert (stop["job"], stop["attempt"], stop["kind"]) == (scene.job, 1, "stop")
    assert not scene.writer.read(relocations.fences_asked, "local")


def test_a_recovered_job_that_had_ended_is_asked_for_the_checkpoints_that_had_not_come_home(scene: Scene) -> None:
    ended = ExitRecord("succeeded", "done")
    scene.writer.run("", jobs.end_attempt, scene.job, 1, ended, 0.0)
    scene.writer.run("", _ask_to_recover)
    spec = scene.writer.read(jobs.order, scene.job).spec
    owner = scene.home.owner()
    seen = {
        "job": scene.job,
        "attempt": 1,
        "name": "j",
        "owner": owner,
        "by": "",
        "kind": "command",
        "state": "succeeded",
    }
    scene.answers = {"records": {scene.job: {"owner": owner, "attempts": {"1": to_dict(spec)}}}, "jobs": [seen]}
    for _ in range(2):
        scene.dispatch.pass_once(scene.look())
    [follow] = scene.peer.asked_for("follow")
    assert (follow["job"], follow["attempt"], follow["manifests"]) == (scene.job, 1, [])
    assert scene.row()[0] == "succeeded"


def _ask_to_recover(db: Any) -> None:
    params = json.dumps({"host": "local"})
    db.execute("INSERT INTO intents (id, kind, job_id, params, created_at) VALUES ('r','recover','',?,'')", (params,))
