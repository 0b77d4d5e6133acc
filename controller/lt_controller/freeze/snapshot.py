"""Frozen code and data manifests, both named by their content."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.files import write_json

from ..home import Home
from .hashes import HashCache, same_file, sha256_of
from .walk import Found, Limits, Skipped, Survey, walk_code, walk_data

_DIGEST_LETTERS = 40
DEFAULT_LIMITS = Limits()
#: Called with (bytes done, bytes of all) while hashing and copying.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Frozen:
    """What will be pushed as `data/<name>/<digest>/`: the manifest's files, taken from `source`."""

    name: str
    digest: str
    source: Path
    manifest: Path
    files: int
    size: int
    skipped: tuple[Skipped, ...] = ()
    rest: str = ""  # the path inside the snapshot that the person meant: the file's name where it was one file

    @property
    def reference(self) -> str:
        """How a recipe points at it: `data:<name>/<digest>/<rest>`."""
        return f"data:{self.name}/{self.digest}" + (f"/{self.rest}" if self.rest else "")

    def intent(self) -> dict[str, str]:
        """The form in which a submit intent names it."""
        return {
            "name": self.name,
            "digest": self.digest,
            "source": str(self.source),
            "manifest": str(self.manifest),
        }


def survey_code(folder: Path, limits: Limits = DEFAULT_LIMITS) -> Survey:
    """What `freeze_code` would take, without copying.

    Raises LtError `no_such_folder`, `folder_unreadable`, `folder_too_big`.
    """
    if not folder.is_dir():
        raise LtError("no_such_folder", folder=str(folder))
    survey = walk_code(folder.resolve())
    survey.check(limits)
    return survey


def freeze_code(folder: Path, home: Home, limits: Limits = DEFAULT_LIMITS, progress: Progress | None = None) -> Frozen:
    """Copies the working folder to `cache/code/<digest>/` and writes its manifest.

    The same content gives the same copy.
    Raises as `survey_code`, and `file_unreadable` for a file that vanished or cannot be read.
    """
    survey = survey_code(folder, limits)
    name = "code-" + segment(survey.root.name or "root")
    with HashCache(home.cache / "hashes.db") as cache:
        entries = [_hashed(found, cache) for found in survey.files]
        digest = _digest(entries)
        place = home.code_cache / digest
        if not place.is_dir():
            place, entries = _copy(survey, entries, home.code_cache, cache, progress)
            digest = place.name
    manifest = _write_manifest(home, name, digest, place, _restat(place, entries))
    return Frozen(name, digest, place, manifest, len(entries), survey.size, tuple(survey.skipped))


def data_manifest(path: Path, name: str, home: Home, progress: Progress | None = None) -> Frozen:
    """Records a dataset's (or model's) file or folder as it is now, in `cache/manifests/`; copies nothing.

    Raises LtError `no_such_path`, `not_a_file`, `empty_folder`, `folder_unreadable`, `file_unreadable`.
    """
    path = path.expanduser()
    try:
        found = path.stat()
    except OSError as error:
        raise LtError("no_such_path", path=str(path), why=error.strerror or str(error)) from None
    name = segment(name)
    if stat.S_ISDIR(found.st_mode):
        survey, rest = walk_data(path.absolute()), ""
        if not survey.files:
            outside = sum(item.why == "link_outside" for item in survey.skipped)
            raise LtError("empty_folder", folder=str(path), links_outside=outside or None)
    elif stat.S_ISREG(found.st_mode):
        whole = path.absolute()
        rest = whole.name
        survey = Survey(whole.parent, [Found(rest, str(whole), found)], [], found.st_size)
    else:
        raise LtError("not_a_file", path=str(path))
    entries, done = [], 0
    with HashCache(home.cache / "hashes.db") as cache:
        for item in survey.files:
            entries.append(_hashed(item, cache, _further(progress, done, survey.size)))
            done += item.stat.st_size
    digest = _digest(entries)
    manifest = _write_manifest(home, name, digest, survey.root, entries)
    return Frozen(name, digest, survey.root, manifest, len(entries), survey.size, tuple(survey.skipped), rest)


def segment(text: str) -> str:
    """`text` as a harmless folder name: letters (of any script), digits, `.`, `-`, `_`, at most 60 of them."""
    clean = re.sub(r"[^\w.-]+", "_", text).strip("._-")[:60]
    while len(clean.encode()) > 120:
        clean = clean[:-1]
    return clean or "data"


def _further(progress: Progress | None, before: int, total: int) -> Callable[[int], None] | None:
    """Turns one file's progress into that of all."""
    return None if progress is None else lambda done: progress(before + done, total)


def _hashed(found: Found, cache: HashCache, note: Callable[[int], None] | None = None) -> dict[str, Any]:
    try:
        sha256 = cache.hash(found.source, found.stat, note)
    except OSError as error:
        raise LtError("file_unreadable", path=found.source, why=error.strerror or str(error)) from None
    return _entry(found.path, found.stat, sha256)


def _entry(path: str, found: os.stat_result, sha256: str) -> dict[str, Any]:
    entry = {"path": path, "size": found.st_size, "sha256": sha256, "mtime_ns": found.st_mtime_ns}
    if found.st_mode & 0o111:
        entry["executable"] = True
    return entry


def _digest(entries: list[dict[str, Any]]) -> str:
    """Names the content: paths, hashes and the executable bit; not the times, so a fresh checkout is no new data."""
    digest = hashlib.sha256()
    for entry in entries:
        mark = "x" if entry.get("executable") else "-"
        digest.update(f"{entry['sha256']} {entry['size']} {mark} {entry['path']}\0".encode())
    return digest.hexdigest()[:_DIGEST_LETTERS]


def _copy(
    survey: Survey, entries: list[dict[str, Any]], into: Path, cache: HashCache, progress: Progress | None
) -> tuple[Path, list[dict[str, Any]]]:
    """Copies aside, then renames. A file written to meanwhile is hashed again: the copy decides, not the plan."""
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = into / f".{os.getpid()}-{time.monotonic_ns()}.tmp"
    aside.mkdir(mode=0o700)
    try:
        final, done = [], 0
        for found, entry in zip(survey.files, entries, strict=True):
            target = aside / found.path
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(found.source, target)
                untouched = same_file(os.stat(found.source), found.stat)
            except OSError as error:
                raise LtError("file_unreadable", path=found.source, why=error.strerror or str(error)) from None
            os.chmod(target, 0o700 if entry.get("executable") else 0o600)
            os.utime(target, ns=(entry["mtime_ns"], entry["mtime_ns"]))
            copied = target.stat()
            sha256 = entry["sha256"] if untouched else sha256_of(target)
            final.append(_entry(found.path, copied, sha256))
            cache.remember(copied, sha256)
            done += found.stat.st_size
            if progress is not None:
                progress(done, survey.size)
        place = into / _digest(final)
        try:
            aside.rename(place)
        except OSError:
            if not place.is_dir():  # else somebody froze the same content at the same moment
                raise
        return place, final
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _restat(place: Path, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries with the copy's own times: an older copy of the same content is what will be pushed."""
    return [{**entry, "mtime_ns": (place / entry["path"]).stat().st_mtime_ns} for entry in entries]


def _write_manifest(home: Home, name: str, digest: str, source: Path, entries: list[dict[str, Any]]) -> Path:
    """The protocol's data manifest, with each file's time beside its hash, and where the files lie on the laptop.

    The path holds a stamp of source and times: the same content from another folder is another manifest, and neither
    overwrites the other while it is being pushed. The file itself is called what the host expects it to be.
    """
    stamp = hashlib.sha256(json.dumps([name, str(source), entries]).encode()).hexdigest()[:12]
    path = home.manifests / f"{digest}-{stamp}" / "manifest.json"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        value = {
            "name": name,
            "digest": digest,
            "kind": "data",
            "base": "files",
            "source": str(source),
            "created_at": time.time(),
            "files": entries,
        }
        write_json(path, value)
    return path
