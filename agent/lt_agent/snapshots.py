"""Data snapshots on the host: what is here, where the next one is pushed to, and the check that makes it one.

`data/<name>/<digest>/` holds the files and `data/<name>/<digest>.json` the manifest, which is renamed in last: a
snapshot without it does not exist. It is pushed into `data/<name>/.<digest>.part/files/`.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import stat
import threading
from collections import deque
from pathlib import Path
from typing import Any, Deque, Iterator, Sequence

from .protocol.errors import LtError
from .protocol.files import fsync_folder, read_json, write_json
from .protocol.paths import HostRoot
from .protocol.records import FileEntry, Manifest, from_dict

BLOCK = 1 << 20
HASHERS = 2
LINK_DEST = 3


def missing(root: HostRoot, items: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """Those of `items` (`{name, digest}`) that are not here as complete snapshots."""
    wanted = [{"name": str(item.get("name", "")), "digest": str(item.get("digest", ""))} for item in items]
    found = []
    for item in wanted:
        if is_complete(root, item["name"], item["digest"]):
            with contextlib.suppress(OSError):
                os.utime(root.data_manifest(item["name"], item["digest"]))  # it is about to be used: see `clearing`
        else:
            found.append(item)
    return found


def is_complete(root: HostRoot, name: str, digest: str) -> bool:
    """Whether the snapshot is here, verified once and renamed in."""
    return root.data_manifest(name, digest).is_file() and root.data(name, digest).is_dir()


def stage(root: HostRoot, name: str, digest: str) -> tuple[Path, list[Path]]:
    """Where to push the snapshot to, and the earlier ones of that name that rsync may link from, newest first.

    The staging folder keeps what an interrupted push left: the next one goes on from there. Two controllers that push
    the same digest write the same bytes into it, each file by rename.
    """
    staging = root.data_staging(name, digest)
    os.makedirs(staging / "files", mode=0o700, exist_ok=True)
    return staging, _earlier(root, name, digest)[:LINK_DEST]


def commit(root: HostRoot, name: str, digest: str) -> None:
    """Verifies what was pushed against its manifest and makes it a snapshot. Done already: nothing happens.

    A file that is a hard link into an earlier snapshot, with the same hash there, was verified when that one came and
    is not read again. Raises LtError `incomplete{name, digest, missing}` while files are absent,
    `data_mismatch{path}` for wrong content (the file is removed, so that the next push sends it), `bad_manifest{path}`.
    """
    staging = root.data_staging(name, digest)
    with _locked(root.data(name, digest).parent, digest):
        if is_complete(root, name, digest):
            shutil.rmtree(staging, ignore_errors=True)
            return
        manifest = _read_manifest(staging / "manifest.json", name, digest)
        files = staging / "files"
        target = root.data(name, digest)
        # A commit cut between its two renames left the folder in its place: it is verified there again.
        if target.is_dir() and not any(files.glob("*")):
            files = target
        elif target.is_dir():
            _remove(target)
        _check_complete(files, manifest, name, digest)
        _verify(files, manifest.files, _verified_inodes(root, name, digest))
        _only(files, {entry.path for entry in manifest.files})
        times = _make_read_only(files, manifest.files)
        if files != target:
            os.rename(files, target)
            fsync_folder(target.parent)
        value = read_json(staging / "manifest.json")
        value["mtimes_ns"] = times
        write_json(root.data_manifest(name, digest), value)
        shutil.rmtree(staging, ignore_errors=True)


def check_unchanged(root: HostRoot, name: str, digest: str) -> None:
    """A stat of every file against what it was when the snapshot was committed.

    Raises LtError `data_changed{path, name}` if one was touched or is gone, `data_missing{name, digest}` without the
    snapshot. It reads no content: what changed a file and put its time back is not found.
    """
    value = read_json(root.data_manifest(name, digest))
    folder = root.data(name, digest)
    if value is None or not folder.is_dir():
        raise LtError("data_missing", name=name, digest=digest)
    manifest = from_dict(Manifest, value)
    times = value.get("mtimes_ns") or []
    for number, entry in enumerate(manifest.files):
        try:
            info = os.stat(folder / entry.path, follow_symlinks=False)
        except OSError:
            raise LtError("data_changed", path=entry.path, name=name) from None
        changed = number < len(times) and info.st_mtime_ns != times[number]
        if changed or info.st_size != entry.size or not stat.S_ISREG(info.st_mode):
            raise LtError("data_changed", path=entry.path, name=name)


def remove(root: HostRoot, name: str, digest: str) -> None:
    """Deletes a snapshot, its manifest first: without it, it does not exist. The caller knows that nobody uses it."""
    with _locked(root.data(name, digest).parent, digest):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(root.data_manifest(name, digest))
        if root.data(name, digest).is_dir():
            _remove(root.data(name, digest))


def safe_path(path: str) -> str:
    """`path` if it is relative and stays inside its folder. Raises LtError `bad_manifest{path}` otherwise."""
    parts = path.split("/")
    if not path or "\0" in path or path.startswith("/") or any(part in ("", ".", "..") for part in parts):
        raise LtError("bad_manifest", path=path)
    return path


def read_manifest(value: Any) -> Manifest:
    """A manifest from parsed JSON whose paths all stay inside. Raises LtError `bad_record` or `bad_manifest`."""
    manifest = from_dict(Manifest, value)
    for entry in manifest.files:
        safe_path(entry.path)
    return manifest


def sha256(path: Path) -> str:
    """The file's hash, read in blocks of 1 MiB; a link is refused. Raises OSError."""
    digest = hashlib.sha256()
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    with open(fd, "rb", buffering=0) as file:
        block = memoryview(bytearray(BLOCK))
        while True:
            count = file.readinto(block)
            if not count:
                return digest.hexdigest()
            digest.update(block[:count])  # releases the GIL for blocks of this size


def earlier_inodes(folders: Sequence[Path]) -> dict[tuple[int, int], str]:
    """(device, inode) → sha256 for the files of these committed snapshot folders that are as they were verified."""
    found: dict[tuple[int, int], str] = {}
    for folder in folders:
        try:
            value = read_json(folder.with_name(folder.name + ".json"))
            manifest = read_manifest(value)
        except (OSError, ValueError, LtError):
            continue
        for entry, time_ns in zip(manifest.files, value.get("mtimes_ns") or []):
            with contextlib.suppress(OSError):
                info = os.stat(folder / entry.path, follow_symlinks=False)
                # Written to since its commit, it is no longer what was verified.
                if (info.st_size, info.st_mtime_ns) == (entry.size, time_ns):
                    found[info.st_dev, info.st_ino] = entry.sha256
    return found


def _verified_inodes(root: HostRoot, name: str, digest: str) -> dict[tuple[int, int], str]:
    # A few more than `stage` named: others may have been committed since. What is not among them is read again.
    return earlier_inodes(_earlier(root, name, digest)[: LINK_DEST + 5])


def _earlier(root: HostRoot, name: str, digest: str) -> list[Path]:
    folder = root.data(name, digest).parent
    found: list[tuple[float, Path]] = []
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            other = entry.name[:-5]
            if entry.name.endswith(".json") and not entry.name.startswith(".") and other != digest:
                snapshot = folder / other
                if snapshot.is_dir():
                    found.append((entry.stat().st_mtime, snapshot))
    return [path for _, path in sorted(found, reverse=True)]


def _read_manifest(path: Path, name: str, digest: str) -> Manifest:
    try:
        value = read_json(path)
    except ValueError:
        raise LtError("bad_manifest", path="manifest.json") from None
    if value is None:
        raise LtError("incomplete", name=name, digest=digest, missing=["manifest.json"], count=1)
    return read_manifest(value)


def _check_complete(files: Path, manifest: Manifest, name: str, digest: str) -> None:
    absent = []
    for entry in manifest.files:
        info = lstat_inside(files, entry.path)
        if info is None or info.st_size != entry.size:
            absent.append(entry.path)
    if absent:
        raise LtError("incomplete", name=name, digest=digest, missing=absent[:20], count=len(absent))


def lstat_inside(folder: Path, path: str) -> os.stat_result | None:
    """The stat of a regular file under `folder`, or None if it is absent. Raises LtError `data_mismatch{path}` if it is
    anything else, or if a folder on the way is a link: that leads elsewhere."""
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        try:
            info = os.stat(folder.joinpath(*parts[:depth]), follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None
        wanted = stat.S_ISREG if depth == len(parts) else stat.S_ISDIR
        if not wanted(info.st_mode):
            raise LtError("data_mismatch", path=path)
    return info


def _verify(files: Path, entries: Sequence[FileEntry], verified: dict[tuple[int, int], str]) -> None:
    todo: Deque[FileEntry] = deque()
    for entry in entries:
        info = lstat_inside(files, entry.path)
        if info is None or verified.get((info.st_dev, info.st_ino)) != entry.sha256:
            todo.append(entry)
    problems: list[Exception] = []

    def work() -> None:
        while not problems:
            try:
                entry = todo.popleft()
            except IndexError:
                return
            try:
                if sha256(files / entry.path) != entry.sha256:
                    os.unlink(files / entry.path)
                    raise LtError("data_mismatch", path=entry.path)
            except Exception as error:
                problems.append(error)

    helpers = [threading.Thread(target=work, daemon=True) for _ in range(min(HASHERS, len(todo)) - 1)]
    for helper in helpers:
        helper.start()
    work()
    for helper in helpers:
        helper.join()
    if problems:
        raise problems[0]


def _only(files: Path, wanted: set[str]) -> None:
    """Removes what the manifest does not name: leftovers of a transfer, links among them."""
    for folder, folders, names in os.walk(files, topdown=False):
        for name in [*names, *folders]:
            path = os.path.join(folder, name)
            if name in folders and not os.path.islink(path):
                with contextlib.suppress(OSError):
                    os.rmdir(path)  # goes only if it is empty
            elif os.path.relpath(path, files) not in wanted:
                os.unlink(path)


def _make_read_only(files: Path, entries: Sequence[FileEntry]) -> list[int]:
    times = []
    for entry in entries:
        path = files / entry.path
        info = os.stat(path, follow_symlinks=False)
        # Folders stay writable for their owner, so that a plain copy or removal of a snapshot needs no special care.
        if info.st_mode & 0o222:
            os.chmod(path, stat.S_IMODE(info.st_mode) & ~0o222)
        times.append(info.st_mtime_ns)
    return times


def _remove(path: Path) -> None:
    aside = path.with_name(f".{path.name}.gone")
    shutil.rmtree(aside, ignore_errors=True)
    os.rename(path, aside)
    shutil.rmtree(aside, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder: Path, digest: str) -> Iterator[None]:
    """One commit of a digest at a time. The lock's file stays: removing it would let two in."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    fd = os.open(folder / f".{digest}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
