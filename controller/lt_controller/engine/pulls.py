"""Bringing checkpoints home: pinned on the host, received aside, verified by hash, then renamed into place."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.files import fsync_folder, write_json
from lt_agent.protocol.records import FileEntry, Manifest, from_dict, to_dict
from lt_agent.protocol.ulid import new_ulid

from .. import room
from ..home import Home
from ..store import checkpoints, transfers
from ..store.writer import Writer
from ..transport.base import Bulk
from .keepsake import keep_job
from .link import BridgeLink
from .staging import progress_note
from .steps import PullStep, passed
from .verify import checked_entries, sweep, verify


@dataclass(frozen=True)
class Puller:
    """Pulls from one host, one checkpoint at a time."""

    host: str
    home: Home
    writer: Writer
    link: BridgeLink
    bulk: Bulk

    def pull(self, wish: dict[str, Any], cancel: threading.Event) -> Path:
        """Brings one checkpoint (a row of `store.checkpoints.next_pull`) home; its folder there.

        Raises LtError: the transfer's, `hash_mismatch`, `bad_manifest`, `checkpoint_gone`. The staging folder stays,
        so that the next try goes on from what has arrived.
        """
        job, attempt, name = wish["job"], wish["attempt"], wish["name"]
        self.writer.run("checkpoints", checkpoints.set_pull, job, attempt, name, "pulling")
        passed(PullStep.BEGUN, self.home.path)
        pinned = self.link.request("pin", job=job, attempt=attempt, name=name)
        passed(PullStep.PINNED, self.home.path)
        try:
            manifest = wish["manifest"]
            if from_dict(Manifest, pinned["manifest"]).files != manifest.files:
                raise LtError("bad_manifest", name=name, why="it differs from the one that was announced")
            target = self._place(wish, manifest, str(pinned["path"]), cancel)
        finally:
            with contextlib.suppress(LtError):  # the end of the link lets go of it as well
                self.link.request("unpin", job=job, attempt=attempt, name=name)
        self.writer.run("checkpoints", checkpoints.set_pull, job, attempt, name, "pulled", str(target))
        passed(PullStep.RECORDED, self.home.path)
        if manifest.kind == "checkpoint" and wish["which"] in (None, "last", "best"):
            self._drop_older(job, attempt, name, wish["which"])
        return target

    def _place(self, wish: dict[str, Any], manifest: Manifest, source: str, cancel: threading.Event) -> Path:
        folder = self.home.run(wish["job_name"])
        target = folder / home_name(wish["name"], manifest.kind, wish["attempt"], folder)
        if _is_there(target, manifest, cancel):  # a controller that died between the rename and its record
            return target
        entries = checked_entries(manifest)
        staging = folder / ".lt" / "staging" / f"{wish['name']}.{wish['attempt']}"
        staging.mkdir(parents=True, exist_ok=True, mode=0o700)
        _check_space(staging, entries)
        earlier = [target] if target.is_dir() else []
        transfer = new_ulid()
        begin = (transfer, wish["job"], self.host, "pull", f"{wish['job_name']}/{wish['name']}", manifest.size)
        self.writer.run("transfers", transfers.begin, *begin)
        try:
            note = progress_note(self.writer, transfer)
            self.bulk.pull(source, entries, staging, earlier, note, cancel)
            passed(PullStep.RECEIVED, self.home.path)
            sweep(staging, entries)
            wrong = verify(staging, entries, cancel)
            if wrong:
                for path in wrong:  # sent anew at the next try
                    (staging / path).unlink(missing_ok=True)
                raise LtError("hash_mismatch", name=wish["name"], path=wrong[0], host=self.host)
        except BaseException:
            self.writer.run("transfers", transfers.end, transfer, "failed")
            raise
        passed(PullStep.VERIFIED, self.home.path)
        self._rename(staging, target, folder, wish, manifest)
        passed(PullStep.PLACED, self.home.path)
        self.writer.run("transfers", transfers.progress, transfer, manifest.size, len(entries))
        self.writer.run("transfers", transfers.end, transfer, "done")
        return target

    def _rename(self, staging: Path, target: Path, folder: Path, wish: dict[str, Any], manifest: Manifest) -> None:
        record = _record(target)
        record.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside = folder / ".lt" / f"replaced.{target.name}"
        if aside.exists():
            shutil.rmtree(aside)
        if manifest.kind == "files":
            self._step_aside(target, wish)
        if target.exists():
            target.rename(aside)
        passed(PullStep.CLEARED, self.home.path)
        staging.rename(target)
        fsync_folder(folder)
        keep_job(self.home, wish["job"])
        write_json(record, {**to_dict(manifest), "job": wish["job"], "attempt": wish["attempt"], "host": self.host})
        if aside.exists():
            shutil.rmtree(aside)

    def _step_aside(self, target: Path, wish: dict[str, Any]) -> None:
        """The files of an earlier attempt give up their place, and keep its number: what a command made before it began
        anew is not made again.

        Record and row say the new place first: whoever dies in between does all of it again. The old record goes before
        the newcomer stands there, which would else be taken for what it replaced.
        """
        attempt, _ = _held_by(target)
        if attempt in (None, wish["attempt"]):
            return
        if target.is_dir():
            number = 1
            place = target.with_name(f"{target.name}.{attempt}")
            while place.exists():
                number += 1
                place = target.with_name(f"{target.name}.{attempt}.{number}")
            write_json(_record(place), json.loads(_record(target).read_bytes()))
            paths = str(target), str(place)
            self.writer.run("checkpoints", checkpoints.stepped_aside, wish["job"], attempt, *paths)
            target.rename(place)
        _record(target).unlink()

    def _drop_older(self, job: str, attempt: int, name: str, which: str | None) -> None:
        """Policies `last` and `best` keep one at home: the one that has just been verified."""
        for path in self.writer.run("checkpoints", checkpoints.superseded, job, attempt, name, which):
            folder = Path(path)
            if folder.parent.parent == self.home.runs and folder.is_dir():
                shutil.rmtree(folder)
                _record(folder).unlink(missing_ok=True)


def home_name(name: str, kind: str, attempt: int, folder: Path) -> str:
    """The folder's name at home: the checkpoint's own, `files` for a script's newest files.

    A checkpoint of the same name that an earlier attempt brought home keeps its place; the newcomer names its attempt.
    Of a script's files the newest are `files`: those of an earlier attempt are `files.1`, and an older collection that
    a person asks for has its own name.
    """
    if kind == "files":
        there, held = _held_by(folder / "files")
        if there is not None and there > attempt:
            return f"files.{attempt}"
        return name if there == attempt and _number(held) > _number(name) else "files"
    taken, _ = _held_by(folder / name)
    return name if taken in (None, attempt) else f"{name}.{attempt}"


def _held_by(place: Path) -> tuple[int | None, str]:
    """The attempt and the name of what was put there; (None, "") where nothing was."""
    try:
        value = json.loads(_record(place).read_bytes())
        return int(value["attempt"]), str(value.get("name", ""))
    except (OSError, ValueError, KeyError, TypeError):
        return None, ""


def _number(name: str) -> int:
    """Of the collection `files-3`: 3."""
    digits = name.rpartition("-")[2]
    return int(digits) if digits.isdigit() else 0


def _record(place: Path) -> Path:
    return place.parent / ".lt" / "manifests" / f"{place.name}.json"


def _is_there(target: Path, manifest: Manifest, cancel: threading.Event) -> bool:
    try:
        same = from_dict(Manifest, json.loads(_record(target).read_bytes())).files == manifest.files
    except (OSError, ValueError, LtError):
        return False
    return same and target.is_dir() and not verify(target, checked_entries(manifest), cancel)


def _check_space(staging: Path, entries: list[FileEntry]) -> None:
    here = sum(os.path.getsize(staging / entry.path) for entry in entries if (staging / entry.path).is_file())
    needed = sum(entry.size for entry in entries) - here
    free = max(0, room.left(staging))
    if needed > free:
        raise LtError("disk_full", where="laptop", path=str(staging), needed=needed, free=free)
