"""Verification of what came home: the paths a manifest may name, and the hashes of its files."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import FileEntry, Manifest

BLOCK = 1 << 20


def checked_entries(manifest: Manifest) -> list[FileEntry]:
    """The manifest's files, if every path stays inside its folder. Raises LtError `bad_manifest` otherwise."""
    seen = set()
    for entry in manifest.files:
        path = PurePosixPath(entry.path)
        parts = entry.path.split("/")
        if path.is_absolute() or not entry.path or "\0" in entry.path or any(part in ("", ".", "..") for part in parts):
            raise LtError("bad_manifest", name=manifest.name, why=f"a path leads outside: {entry.path!r}")
        if entry.path in seen or not isinstance(entry.size, int) or entry.size < 0:
            raise LtError("bad_manifest", name=manifest.name, why=f"a wrong entry: {entry.path!r}")
        seen.add(entry.path)
    return list(manifest.files)


def verify(folder: Path, entries: list[FileEntry]) -> list[str]:
    """The paths whose file is missing, no plain file, of another size or another hash. Two files at a time."""
    with ThreadPoolExecutor(2) as pool:
        good = pool.map(lambda entry: _is_right(folder, entry), entries)
        return [entry.path for entry, right in zip(entries, good, strict=True) if not right]


def sha256_of(path: Path) -> str:
    """The file's SHA-256 in hex; a link is not followed. Raises OSError."""
    digest = hashlib.sha256()
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(fd, "rb", buffering=0) as file:
        buffer = bytearray(BLOCK)
        view = memoryview(buffer)
        while read := file.readinto(buffer):
            digest.update(view[:read])
    return digest.hexdigest()


def _is_right(folder: Path, entry: FileEntry) -> bool:
    path = folder / entry.path
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size != entry.size:
            return False
        return sha256_of(path) == entry.sha256
    except OSError:
        return False
