"""Sending what a job needs: its frozen code and its data, as content-addressed snapshots that the host verifies."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.ulid import new_ulid

from ..store import hosts, transfers
from ..store.writer import Writer
from ..transport.base import Bulk, Progress
from .link import BridgeLink
from .steps import SubmitStep, passed

PROGRESS_EVERY = 0.25  # seconds between two notes of progress in the database
HASHING = 7 * 86400.0  # seconds: terabytes take days on a slow disk, and the end of the link ends the wait before


@dataclass(frozen=True)
class Snapshot:
    """A folder or file of the laptop as it was at submit. `manifest` is the JSON file that lists it."""

    name: str
    digest: str
    source: Path
    manifest: Path

    @classmethod
    def from_params(cls, value: dict[str, Any]) -> Snapshot:
        """From the submit intent."""
        return cls(value["name"], value["digest"], Path(value["source"]), Path(value["manifest"]))


@dataclass(frozen=True)
class Stager:
    """Pushes snapshots to one host over its bulk transport, with the bridge to say where and to verify."""

    host: str
    home: Path
    writer: Writer
    link: BridgeLink
    bulk: Bulk

    def push(self, job: str, snapshot: Snapshot, cancel: threading.Event) -> None:
        """Sends one snapshot and has it verified; what the host has of it already is not sent again.

        Raises LtError `data_changed` if a file is no longer what was submitted, or the transfer's error.
        """
        manifest = _read_manifest(snapshot)
        check_unchanged(snapshot, manifest)
        where = self.link.request("stage", name=snapshot.name, digest=snapshot.digest)
        files = [entry["path"] for entry in manifest["files"]]
        total = sum(int(entry["size"]) for entry in manifest["files"])
        transfer = new_ulid()
        self.writer.run("transfers", transfers.begin, transfer, job, self.host, "push", snapshot.name, total)
        try:
            self._send(snapshot, files, where["path"], where["link_dest"], transfer, cancel)
            if not self._commit(snapshot, manifest):
                where = self.link.request("stage", name=snapshot.name, digest=snapshot.digest)
                self._send(snapshot, files, where["path"], (), transfer, cancel)
                self._commit(snapshot, manifest, last=True)
        except BaseException:
            self.writer.run("transfers", transfers.end, transfer, "failed")
            raise
        self.writer.run("transfers", transfers.progress, transfer, total, len(files))
        self.writer.run("transfers", transfers.end, transfer, "done")
        self.writer.run(
            "hosts",
            hosts.data_arrived,
            self.host,
            snapshot.name,
            snapshot.digest,
            total,
            len(files),
            str(snapshot.source),
        )

    def _send(
        self,
        snapshot: Snapshot,
        files: list[str],
        path: str,
        link_dest: Sequence[str],
        transfer: str,
        cancel: threading.Event,
    ) -> None:
        note = progress_note(self.writer, transfer)
        self.bulk.push(snapshot.source, files, path + "/files", link_dest, note, cancel)
        self.bulk.push(snapshot.manifest.parent, [snapshot.manifest.name], path, (), None, cancel)
        passed(SubmitStep.SENT, self.home)

    def _commit(self, snapshot: Snapshot, manifest: dict[str, Any], *, last: bool = False) -> bool:
        """Whether the host found every file right.

        A file of an earlier snapshot with the same size and time but other content is linked, not sent, and found
        out here: False, and all is to be sent again without links.
        """
        try:
            self.link.request("commit", timeout=HASHING, name=snapshot.name, digest=snapshot.digest)
        except LtError as error:
            if error.code != "data_mismatch":
                raise
            check_unchanged(snapshot, manifest)  # the laptop's file moved under the transfer: say that instead
            if last:
                raise
            return False
        passed(SubmitStep.COMMITTED, self.home)
        return True


def check_unchanged(snapshot: Snapshot, manifest: dict[str, Any]) -> None:
    """Raises LtError `data_changed` for the first file whose size or time differs from what was submitted."""
    for entry in manifest["files"]:
        path = snapshot.source / entry["path"]
        try:
            stat = path.stat()
        except OSError as error:
            raise LtError("data_changed", path=str(path), why=error.strerror or "unreadable") from None
        if stat.st_size != entry["size"] or ("mtime_ns" in entry and stat.st_mtime_ns != entry["mtime_ns"]):
            raise LtError("data_changed", path=str(path), why="edited after the submit")


def progress_note(writer: Writer, transfer: str) -> Callable[[Progress], None]:
    """A callback that notes progress in the database a few times a second."""
    last = 0.0

    def note(progress: Progress) -> None:
        nonlocal last
        if time.monotonic() - last >= PROGRESS_EVERY:
            last = time.monotonic()
            writer.add("transfers", transfers.progress, transfer, progress.done, progress.files)

    return note


def _read_manifest(snapshot: Snapshot) -> dict[str, Any]:
    try:
        value: dict[str, Any] = json.loads(snapshot.manifest.read_bytes())
    except (OSError, ValueError) as error:
        raise LtError("cache_damaged", path=str(snapshot.manifest), why=str(error)) from None
    return value
