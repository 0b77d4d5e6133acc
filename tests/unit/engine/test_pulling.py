"""What comes home, in which order, and where it stands: nothing that was brought is lost to what comes after it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import FileEntry, Manifest, to_dict
from lt_controller.engine.connect import Connected
from lt_controller.engine.pulling import Pulling
from lt_controller.store import checkpoints, leases
from lt_controller.store.times import iso
from lt_controller.store.writer import Writer
from lt_controller.transport.base import Progress, ProgressCallback
from lt_controller.transport.copy import CopyBulk
from lt_controller.transport.local import LocalTransport
from support.peer import Peer, reply
from support.store import START, Store
from support.wait import until


class Slow(CopyBulk):
    """Copies; the transfer of a checkpoint in `held` takes until it is cancelled, once."""

    def __init__(self) -> None:
        super().__init__()
        self.held: set[str] = set()
        self.begun: list[str] = []

    def pull(
        self,
        source: str,
        files: Sequence[FileEntry],
        dest: Path,
        link_dest: Sequence[Path] = (),
        progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None,
    ) -> Progress:
        name = Path(source).name
        self.begun.append(name)
        if name in self.held:
            assert cancel is not None and cancel.wait(60), "nobody asked it to make way"
            self.held.discard(name)
            raise LtError("transfer_cancelled", host="box")
        return super().pull(source, files, dest, link_dest, progress, cancel)


class Scene:
    """A laptop with one job, and the host's folder with its checkpoints."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = Store(path / "home")
        self.writer = Writer(self.store.home.database)
        self.bulk = Slow()
        self.made: dict[str, Manifest] = {}
        self.peer = Peer(self._answer)
        self.job = self.store.job("j", "running", attempt=2, pull={"which": "all"})
        self.there = Connected(LocalTransport(), self.peer.link, self.bulk, {}, {}, "", 0.0)
        self.pulling = Pulling("box", self.store.home, self.writer, self.there, lambda: None)

    def make(self, name: str, *, attempt: int = 1, kind: str = "checkpoint", at: float = 0.0, **files: bytes) -> None:
        """A checkpoint on the host, known here and to come home."""
        folder = self.path / "host" / f"{attempt}" / name
        folder.mkdir(parents=True)
        entries = []
        for path, data in (files or {"weights": name.encode()}).items():
            (folder / path).write_bytes(data)
            entries.append(FileEntry(path, len(data), hashlib.sha256(data).hexdigest()))
        manifest = Manifest(name, kind, f"out/{name}", tuple(entries), step=int(at), created_at=START + at)
        self.made[f"{attempt}/{name}"] = manifest
        self.writer.run("", checkpoints.add, self.job, attempt, manifest, "all", 0.0)

    def pull(self) -> None:
        """All that waits."""
        self.pulling.wake()
        until(lambda: not self.writer.read(checkpoints.wait_on, "box"), 30, "nothing waits to come home")

    def home(self, place: str) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.store.home.runs / "j" / place).iterdir()}

    def places(self) -> dict[tuple[int, str], str]:
        rows = self.store.db.execute("SELECT attempt, name, path FROM checkpoints WHERE pull_state='pulled'")
        return {(row[0], row[1]): Path(row[2]).name for row in rows}

    def _answer(self, request: dict[str, Any]) -> bytes:
        if request["op"] != "pin":
            return reply(request)
        key = f"{request['attempt']}/{request['name']}"
        return reply(request, manifest=to_dict(self.made[key]), path=str(self.path / "host" / key))

    def close(self) -> None:
        self.peer.link.close()
        self.pulling.close()
        self.writer.close()
        self.store.close()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.close()


def test_a_checkpoint_that_a_leases_end_asks_for_waits_for_no_transfer_under_way(scene: Scene) -> None:
    scene.store.insert("host_history", host="box", since=iso(START), data={"until": iso(START + 9000)})
    scene.bulk.held = {"checkpoint-1"}
    scene.make("checkpoint-1", at=1.0)
    scene.pulling.wake()
    until(lambda: scene.bulk.begun == ["checkpoint-1"], 30, "a transfer that takes its time")
    scene.writer.run("", leases.asked, scene.job, 2, "box", START + 50)
    scene.make("checkpoint-9", attempt=2, at=60.0)
    scene.pulling.wake()
    until(lambda: (2, "checkpoint-9") in scene.places(), 30, "what was asked for is at home")
    scene.pull()
    assert scene.bulk.begun[:2] == ["checkpoint-1", "checkpoint-9"]
    assert scene.home("checkpoint-1") == {"weights": b"checkpoint-1"}


def test_another_checkpoint_waits_for_the_transfer_under_way(scene: Scene) -> None:
    scene.bulk.held = {"checkpoint-1"}
    scene.make("checkpoint-1", at=1.0)
    scene.pulling.wake()
    until(lambda: scene.bulk.begun == ["checkpoint-1"], 30, "a transfer that takes its time")
    scene.make("checkpoint-2", at=2.0)
    scene.pulling.wake()
    scene.pulling.cancel()  # as the end of a connection does
    scene.pulling.close()
    assert scene.bulk.begun == ["checkpoint-1"]


def test_files_of_an_earlier_attempt_stay_beside_those_of_the_next(scene: Scene) -> None:
    scene.make("files-1", kind="files", at=1.0, made_first=b"ten hours of work", both=b"1")
    scene.pull()
    scene.make("files-1", attempt=2, kind="files", at=2.0, both=b"2")
    scene.pull()
    assert scene.home("files") == {"both": b"2"}
    assert scene.home("files.1") == {"made_first": b"ten hours of work", "both": b"1"}
    assert scene.places() == {(1, "files-1"): "files.1", (2, "files-1"): "files"}
    scene.make("files-2", attempt=2, kind="files", at=3.0, both=b"3")
    scene.pull()
    assert scene.home("files") == {"both": b"3"} and scene.home("files.1")["both"] == b"1"


def test_an_older_collection_that_a_person_asks_for_replaces_no_newer_one(scene: Scene) -> None:
    scene.make("files-1", kind="files", at=1.0, part=b"old")
    scene.writer.run("", checkpoints.set_pull, scene.job, 1, "files-1", "none")
    scene.make("files-2", kind="files", at=2.0, part=b"newer")
    scene.make("files-1", attempt=2, kind="files", at=3.0, part=b"newest")
    scene.pull()
    scene.writer.run("", checkpoints.request, scene.job, ["files-1", "files-2"])
    scene.pull()
    assert scene.home("files") == {"part": b"newest"}
    old = {name: scene.home(place)["part"] for (attempt, name), place in scene.places().items() if attempt == 1}
    assert old["files-1"] == b"old" or old["files-2"] == b"newer"
