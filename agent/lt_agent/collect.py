"""A script's output files: those that its pull patterns match are copied when they are quiet, hashed, and listed.

Nobody tells when a script has finished a file, so a file counts as finished when it has not been written to for a
while; a copy during which inode, size or time moved is thrown away and tried again later.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import checkpoints
from .protocol.errors import LtError
from .protocol.files import read_json, write_json
from .protocol.paths import AttemptPaths
from .protocol.records import FileEntry, Manifest, to_dict

QUIET = 10.0  # seconds
_BLOCK = 1 << 20
_MEMORY = "collected.json"  # in control/: what was there at the start, and what has been collected


def remember_start(attempt: AttemptPaths, patterns: Sequence[str]) -> None:
    """Notes the files that came with the code: unchanged, they are nobody's output."""
    if patterns:
        start = {path: list(mark) for path, mark in find(attempt.code, patterns).items()}
        write_json(attempt.control / _MEMORY, {"start": start, "files": {}, "number": 0}, durable=False)


def collect(attempt: AttemptPaths, patterns: Sequence[str], on_event: Callable[..., None], *, quiet: float) -> bool:
    """Copies new and changed files that have been quiet for `quiet` seconds to `out/files/`, and lists them.

    The manifest `files-<n>` lists every file collected so far; the one before it goes, unless it is being pulled.
    Returns whether there was anything new. Raises OSError (a full disk): nothing half-done is listed.
    """
    memory = _memory(attempt)
    changed = False
    for path, mark in sorted(find(attempt.code, patterns).items()):
        known = memory["files"].get(path)
        if list(mark) in (memory["start"].get(path), known["mark"] if known else None):
            continue
        age = time.time() - mark[2] / 1e9
        if quiet and -QUIET < age < quiet:
            continue
        try:
            size, sha256 = _copy(attempt.code / path, attempt.out / "files" / path)
        except (LtError, FileNotFoundError):
            continue  # moved under the copy, or gone: the next collection sees
        memory["files"][path] = {"mark": list(mark), "size": size, "sha256": sha256}
        changed = True
    if changed:
        memory["number"] += 1
        _publish(attempt, memory, on_event)
    return changed


def find(folder: Path, patterns: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """The regular files under `folder` that a pattern matches, with inode, size and time (ns). Links are left out."""
    matchers = [to_regex(pattern) for pattern in patterns]
    found: dict[str, tuple[int, int, int]] = {}
    for start in _starts(patterns):
        todo = [start]
        while todo:
            prefix = todo.pop()
            with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                for entry in os.scandir(folder / prefix):
                    path = f"{prefix}/{entry.name}" if prefix else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(path)
                    elif entry.is_file(follow_symlinks=False) and any(m.fullmatch(path) for m in matchers):
                        with contextlib.suppress(FileNotFoundError):
                            found[path] = checkpoints.signature(entry.stat(follow_symlinks=False))
    return found


def to_regex(pattern: str) -> re.Pattern[str]:
    """A pull pattern as a regular expression: `*` and `?` within one folder, `**` across folders.

    A pattern also means all that lies under what it names: `out` is `out/**`.
    """
    parts = []
    for part in _clean(pattern):
        if part == "**":
            parts.append("(?:[^/]+/)*")
        else:
            text = "".join("[^/]*" if c == "*" else "[^/]" if c == "?" else re.escape(c) for c in part)
            parts.append(text + "/")
    body = "".join(parts)
    if body.endswith("(?:[^/]+/)*"):
        return re.compile(body + "[^/]+", re.DOTALL)
    return re.compile(body[:-1] + "(?:/.*)?", re.DOTALL)


def _clean(pattern: str) -> list[str]:
    return [part for part in pattern.split("/") if part not in ("", ".", "..")]


def _starts(patterns: Sequence[str]) -> set[str]:
    """The folders to walk: what of each pattern has no wildcard, so that `out/*.pt` reads no other folder."""
    starts = set()
    for pattern in patterns:
        fixed: list[str] = []
        for part in _clean(pattern)[:-1]:
            if "*" in part or "?" in part:
                break
            fixed.append(part)
        starts.add("/".join(fixed))
    return {one for one in starts if not any(one != other and _under(one, other) for other in starts)}


def _under(path: str, folder: str) -> bool:
    return not folder or path.startswith(folder + "/")


def _copy(source: Path, target: Path) -> tuple[int, str]:
    os.makedirs(target.parent, mode=0o700, exist_ok=True)
    aside = target.with_name(f".{target.name}.lt-part")
    digest = hashlib.sha256()
    try:
        with open(os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW), "rb", buffering=0) as file:
            before = os.fstat(file.fileno())
            with open(aside, "wb") as copy:
                while True:
                    block = file.read(_BLOCK)
                    if not block:
                        break
                    digest.update(block)
                    copy.write(block)
                copy.flush()
                os.fsync(copy.fileno())
        # By name, not by descriptor: a script that replaces the file leaves the old inode unchanged.
        if checkpoints.signature(os.stat(source, follow_symlinks=False)) != checkpoints.signature(before):
            raise LtError("file_changed", path=str(source))
        os.replace(aside, target)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    return before.st_size, digest.hexdigest()


def _publish(attempt: AttemptPaths, memory: dict[str, Any], on_event: Callable[..., None]) -> None:
    name = f"files-{memory['number']}"
    files = tuple(FileEntry(path, item["size"], item["sha256"]) for path, item in sorted(memory["files"].items()))
    manifest = Manifest(name, checkpoints.FILES, "out/files", files, created_at=time.time())
    write_json(attempt.manifest(name), to_dict(manifest))
    write_json(attempt.control / _MEMORY, memory, durable=False)
    on_event("checkpoint", name=name, kind=manifest.kind, step=None, size=manifest.size)
    for other in checkpoints.manifests(attempt):
        if other.kind == checkpoints.FILES and other.name != name and checkpoints.remove(attempt, other.name):
            on_event("rotated", name=other.name)


def is_being_pulled(attempt: AttemptPaths) -> bool:
    """Whether a pull reads `out/files/` right now, whose files a collection would replace under it."""
    return any(
        m.kind == checkpoints.FILES and checkpoints.is_pinned(attempt, m.name) for m in checkpoints.manifests(attempt)
    )


def _memory(attempt: AttemptPaths) -> dict[str, Any]:
    try:
        memory = read_json(attempt.control / _MEMORY)
    except ValueError:
        memory = None
    return memory if isinstance(memory, dict) else {"start": {}, "files": {}, "number": 0}
