"""Verification of what came home: the paths a manifest may name, and the hashes of its files."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path, PurePosixPath

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import ExitRecord, FileEntry, Manifest
from lt_agent.protocol.states import RESTING

from ..store.numbers import finite
from ..store.told import cut, cut_table, plain

BLOCK = 1 << 20
MAX_COUNT = 1 << 50  # a petabyte; sums of many still fit into 64 bits
MAX_PATH = 4096  # bytes; more than any system opens
MAX_FILES = 200_000
_WORD = 100  # characters
KINDS = ("checkpoint", "final", "files", "trackers")
NoneType = type(None)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")  # never `.lt`, where our own records of the run lie
_SHA256 = re.compile(r"[0-9a-f]{64}")


def checked_entries(manifest: Manifest) -> list[FileEntry]:
    """The manifest's files, if every path stays inside its folder. Raises LtError `bad_manifest` otherwise."""
    seen = set()
    for entry in manifest.files:
        path = PurePosixPath(entry.path)
        parts = entry.path.split("/")
        if path.is_absolute() or not entry.path or "\0" in entry.path or any(part in ("", ".", "..") for part in parts):
            raise LtError("bad_manifest", name=manifest.name, why=f"a path leads outside: {entry.path!r}")
        if entry.path in seen or not is_count(entry.size) or len(entry.path.encode("utf-8", "replace")) > MAX_PATH:
            raise LtError("bad_manifest", name=manifest.name, why=f"a wrong entry: {entry.path!r}")
        seen.add(entry.path)
    return list(manifest.files)


def checked_manifest(manifest: Manifest) -> Manifest:
    """A manifest as a host sent it, if its name may name a folder at home and its values are what they should be.

    Raises LtError `bad_manifest`: hosts are not trusted.
    """
    name = manifest.name if isinstance(manifest.name, str) else ""
    if not _NAME.fullmatch(name):
        raise LtError("bad_manifest", name=repr(manifest.name), why="that is no name for a checkpoint")
    right = (
        manifest.kind in KINDS
        and (manifest.step is None or is_count(manifest.step))
        and isinstance(manifest.metric, (int, float, NoneType))
        and isinstance(manifest.created_at, (int, float))
        and isinstance(manifest.best, bool)
        and isinstance(manifest.resumable, bool)
        and isinstance(manifest.base, str)
        and isinstance(manifest.metric_name, (str, NoneType))
        and len(manifest.files) <= MAX_FILES
        and sum(entry.size for entry in manifest.files if is_count(entry.size)) <= MAX_COUNT
        and all(isinstance(entry.path, str) and _SHA256.fullmatch(str(entry.sha256)) for entry in manifest.files)
    )
    if not right:
        raise LtError("bad_manifest", name=name, why="its values are not what they should be")
    checked_entries(manifest)
    return replace(
        manifest,
        base=cut(manifest.base),
        metric=finite(manifest.metric),  # NaN is no JSON to SQLite
        metric_name=cut(manifest.metric_name),
        created_at=finite(manifest.created_at) or 0.0,
    )


def checked_exit(record: ExitRecord) -> ExitRecord:
    """An exit record as a host sent it, with what only tells more cut to what it should be.

    Raises LtError `bad_record` if it ends nothing or has values of wrong types.
    """
    right = (
        record.state in RESTING
        and isinstance(record.reason, str)
        and isinstance(record.message, str)
        and (record.exit_code is None or (isinstance(record.exit_code, int) and is_count(abs(record.exit_code))))
        and isinstance(record.finished_at, (int, float))
        and isinstance(record.killed, tuple)
    )
    if not right:
        raise LtError("bad_record", record="ExitRecord", problem="its values are not what they should be")
    return replace(
        record,
        reason=plain(record.reason)[:_WORD],
        message=cut(record.message),
        signal=record.signal if is_count(record.signal) else None,
        saved=cut(record.saved) if isinstance(record.saved, str) else None,
        killed=tuple(plain(word)[:_WORD] for word in record.killed[:20] if isinstance(word, str)),
        survivors=record.survivors if is_count(record.survivors) else 0,
        started_at=finite(record.started_at),
        finished_at=finite(record.finished_at) or 0.0,
        judged=record.judged is True,
        retry=cut_table(record.retry) or None,
    )


def is_count(value: object) -> bool:
    """Whether `value` is a whole number from 0 on, small enough for the database."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT


def sweep(folder: Path, entries: list[FileEntry]) -> None:
    """Deletes whatever lies in the folder beside the entries: a sender may bring files that nobody asked for, and links
    in the place of folders.
    """
    files = {entry.path for entry in entries}
    folders = {parent.as_posix() for path in files for parent in PurePosixPath(path).parents}
    for base, below, names in os.walk(folder, topdown=False):  # never through a link
        for name in (*below, *names):
            path = Path(base) / name
            inside = path.relative_to(folder).as_posix()
            if path.is_symlink() or not path.is_dir():
                if path.is_symlink() or inside not in files:
                    path.unlink()
            elif inside not in folders:
                shutil.rmtree(path)


def verify(folder: Path, entries: list[FileEntry], cancel: threading.Event | None = None) -> list[str]:
    """The paths whose file is missing, no plain file, of another size or another hash. Two files at a time.

    Raises LtError `transfer_cancelled`: the hashes of gigabytes must not hold up who wants to leave.
    """
    with ThreadPoolExecutor(2) as pool:
        good = pool.map(lambda entry: _is_right(folder, entry, cancel), entries)
        return [entry.path for entry, right in zip(entries, good, strict=True) if not right]


def sha256_of(path: Path, cancel: threading.Event | None = None) -> str:
    """The file's SHA-256 in hex; a link is not followed. Raises OSError, LtError `transfer_cancelled`."""
    digest = hashlib.sha256()
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(fd, "rb", buffering=0) as file:
        buffer = bytearray(BLOCK)
        view = memoryview(buffer)
        while read := file.readinto(buffer):
            if cancel is not None and cancel.is_set():
                raise LtError("transfer_cancelled", host="laptop")
            digest.update(view[:read])
    return digest.hexdigest()


def _is_right(folder: Path, entry: FileEntry, cancel: threading.Event | None) -> bool:
    path = folder / entry.path
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size != entry.size:
            return False
        return sha256_of(path, cancel) == entry.sha256
    except OSError:
        return False
