"""Checkpoints on the host: hashing what the worker finished, manifests, rotation, pins.

A checkpoint exists from the moment its manifest is renamed in until that moment undone: rotation takes the manifest
away first, and never while somebody holds its pin.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from . import locks
from .protocol.errors import LtError
from .protocol.files import fsync_folder, read_json, write_json
from .protocol.paths import AttemptPaths
from .protocol.records import FileEntry, Manifest, from_dict, to_dict

CHECKPOINT = "checkpoint"
FINAL = "final"
FILES = "files"
TRACKERS = "trackers"
_LOOSE = (FILES, TRACKERS)  # beside what was trained, and no checkpoint
_ROTATED = ".rotated"
_BLOCK = 1 << 20


def pending(attempt: AttemptPaths) -> list[str]:
    """The names that the worker has declared finished and that have no manifest of that state yet, oldest first."""
    try:
        entries = [entry for entry in os.scandir(attempt.saved) if not entry.name.startswith(".")]
    except FileNotFoundError:
        return []
    return [entry.name for entry in sorted(entries, key=lambda entry: entry.stat().st_mtime_ns)]


def has_final(attempt: AttemptPaths) -> bool:
    """Whether the worker has saved its finished model, hashed already or not."""
    if any(manifest.kind == FINAL for manifest in manifests(attempt)):
        return True
    return any(_read_word(attempt, name).get("kind") == FINAL for name in pending(attempt))


def complete(attempt: AttemptPaths, name: str, on_event: Callable[..., None]) -> bool:
    """Hashes `out/<name>` and renames its manifest in; the worker's word is then used up.

    Every file is on the disk before it is hashed, so that a power cut after the manifest finds what it lists. False
    if the folder is not there or changed meanwhile: the event `checkpoint_failed` says why. Raises OSError when the
    manifest can't be written; the word then stays for another try.
    """
    word = _read_word(attempt, name)
    try:
        files = hash_folder(attempt.out / name)
        if not files:
            raise LtError("checkpoint_empty", name=name)
    except (OSError, LtError) as error:
        on_event("checkpoint_failed", name=name, why=str(error))
        (attempt.saved / name).unlink(missing_ok=True)
        return False
    kind = word.get("kind")
    manifest = Manifest(
        name=name,
        kind=FINAL if kind == FINAL else CHECKPOINT,
        base=f"out/{name}",
        files=tuple(files),
        step=_optional(word.get("step"), int),
        metric=_optional(word.get("metric"), float),
        metric_name=_optional(word.get("metric_name"), str),
        best=bool(word.get("best")),
        resumable=bool(word.get("resumable")),
        created_at=time.time(),
    )
    write_json(attempt.manifest(name), to_dict(manifest))
    (attempt.saved / name).unlink(missing_ok=True)
    on_event("checkpoint", name=name, kind=manifest.kind, step=manifest.step, size=manifest.size)
    return True


def complete_all(attempt: AttemptPaths, limit: int | None, on_event: Callable[..., None]) -> int:
    """Completes all that is pending and rotates after each; returns how many checkpoints were completed.

    What fails for want of disk (`checkpoint_failed`) is left for the next call.
    """
    count = 0
    for name in pending(attempt):
        try:
            count += complete(attempt, name, on_event)
        except OSError as error:
            on_event("checkpoint_failed", name=name, why=str(error))
            break
        rotate(attempt, limit, on_event)
    return count


def hash_folder(folder: Path) -> list[FileEntry]:
    """All regular files under `folder`, fsynced and hashed; links and devices are left out.

    Raises LtError `file_changed{path}` if one is written to meanwhile, OSError.
    """
    found = []
    for path in sorted(regular_files(folder)):
        found.append(FileEntry(path, *hash_file(folder / path)))
    for inner, _, _ in os.walk(folder):
        fsync_folder(Path(inner))
    return found


def regular_files(folder: Path) -> list[str]:
    """The paths, relative and with `/`, of the regular files under `folder`. Raises FileNotFoundError without it."""
    found: list[str] = []
    todo = [(folder, "")]
    while todo:
        here, prefix = todo.pop()
        for entry in os.scandir(here):
            if entry.is_dir(follow_symlinks=False):
                todo.append((Path(entry.path), prefix + entry.name + "/"))
            elif entry.is_file(follow_symlinks=False):
                found.append(prefix + entry.name)
    return found


def hash_file(path: Path) -> tuple[int, str]:
    """(size, sha256) of a file that is first made durable. Raises LtError `file_changed{path}`, OSError."""
    digest = hashlib.sha256()
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    with open(fd, "rb", buffering=0) as file:
        os.fsync(fd)
        before = os.fstat(fd)
        block = memoryview(bytearray(_BLOCK))
        while True:
            count = file.readinto(block)
            if not count:
                break
            digest.update(block[:count])
        after = os.fstat(fd)
    if signature(before) != signature(after):
        raise LtError("file_changed", path=str(path))
    return after.st_size, digest.hexdigest()


def signature(info: os.stat_result) -> tuple[int, int, int]:
    """What must be equal before and after a file is read, for it to have been read whole."""
    return info.st_ino, info.st_size, info.st_mtime_ns


def manifests(attempt: AttemptPaths) -> list[Manifest]:
    """All complete checkpoints and collections, oldest first; a torn file counts as none."""
    found = []
    for path in attempt.manifests.glob("[!.]*.json"):
        with contextlib.suppress(ValueError, LtError):
            value = read_json(path)
            if value is not None:
                found.append(from_dict(Manifest, value))
    return sorted(found, key=_age)


def newest(attempt: AttemptPaths) -> str | None:
    """The name of the last complete checkpoint or final model."""
    names = [manifest.name for manifest in manifests(attempt) if manifest.kind not in _LOOSE]
    return names[-1] if names else None


def newest_resumable(attempt: AttemptPaths) -> str | None:
    """The name of the last complete checkpoint that a training can go on from."""
    names = [manifest.name for manifest in manifests(attempt) if manifest.resumable and manifest.kind == CHECKPOINT]
    return names[-1] if names else None


def superfluous(found: Sequence[Manifest], limit: int | None, pinned: Collection[str] = ()) -> list[str]:
    """The checkpoints that rotation may delete, oldest first.

    Kept are the newest `limit`, the best (the last that was the best when it was written), finals, what is pinned,
    and a script's collected files. No limit: nothing goes.
    """
    if limit is None:
        return []
    checkpoints = sorted((manifest for manifest in found if manifest.kind == CHECKPOINT), key=_age)
    keep = {manifest.name for manifest in checkpoints[-max(1, limit) :]}
    keep.update([manifest.name for manifest in checkpoints if manifest.best][-1:])
    return [manifest.name for manifest in checkpoints if manifest.name not in keep and manifest.name not in pinned]


def rotate(attempt: AttemptPaths, limit: int | None, on_event: Callable[..., None]) -> list[str]:
    """Deletes what is superfluous and not being pulled, and returns the names. Finishes what a crash left half done."""
    for leftover in attempt.manifests.glob(f".*{_ROTATED}"):
        _delete_folder(attempt, leftover)
    gone = []
    for name in superfluous(manifests(attempt), limit):
        if remove(attempt, name):
            gone.append(name)
            on_event("rotated", name=name)
    return gone


def remove(attempt: AttemptPaths, name: str) -> bool:
    """Deletes one checkpoint, the manifest first; False if somebody is pulling it. A `files` manifest goes alone."""
    held = _lock_pin(attempt, name, fcntl.LOCK_EX)
    if held is None:
        return False
    try:
        manifest = attempt.manifest(name)
        value = read_json(manifest)
        aside = attempt.manifests / f".{name}{_ROTATED}"
        os.rename(manifest, aside)
        if isinstance(value, dict) and value.get("kind") in _LOOSE:
            aside.unlink()
        else:
            _delete_folder(attempt, aside)
        (attempt.pins / name).unlink(missing_ok=True)
    finally:
        os.close(held)
    return True


def pin(attempt: AttemptPaths, name: str) -> int:
    """Keeps a checkpoint from rotation until the returned descriptor is closed, or this process ends.

    Raises LtError `no_such_checkpoint{job, attempt, name}`.
    """
    held = _lock_pin(attempt, name, fcntl.LOCK_SH)
    if held is None or not attempt.manifest(name).is_file():
        if held is not None:
            os.close(held)
        raise LtError("no_such_checkpoint", job=attempt.job, attempt=attempt.attempt, name=name)
    return held


def is_pinned(attempt: AttemptPaths, name: str) -> bool:
    """Whether somebody is pulling that checkpoint at this moment."""
    if not (attempt.pins / name).exists():
        return False
    held = locks.try_lock(attempt.pins / name)  # pins are shared locks: only the exclusive one tells
    if held is not None:
        os.close(held)
    return held is None


def _lock_pin(attempt: AttemptPaths, name: str, kind: int) -> int | None:
    os.makedirs(attempt.pins, mode=0o700, exist_ok=True)
    path = attempt.pins / attempt.manifest(name).name[: -len(".json")]
    if kind == fcntl.LOCK_EX:
        return locks.try_lock(path)
    return locks.lock(path, 5.0, shared=True)


def _delete_folder(attempt: AttemptPaths, aside: Path) -> None:
    name = aside.name[1 : -len(_ROTATED)]
    # Saved again under the same name meanwhile: the folder is the new checkpoint's.
    if not attempt.manifest(name).exists() and not (attempt.saved / name).exists():
        shutil.rmtree(attempt.out / name, ignore_errors=True)
    aside.unlink(missing_ok=True)


def _read_word(attempt: AttemptPaths, name: str) -> dict[str, Any]:
    try:
        word = read_json(attempt.saved / name)
    except ValueError:
        word = None
    return word if isinstance(word, dict) else {}


def _age(manifest: Manifest) -> tuple[int, float]:
    return (manifest.step if manifest.step is not None else -1, manifest.created_at)


def _optional(value: Any, kind: Callable[[Any], Any]) -> Any:
    return kind(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else None
