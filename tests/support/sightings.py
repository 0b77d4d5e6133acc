"""Looking for a secret where it must not be: on disks, in command lines, in environments."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

import psutil


def on_disk(value: str, folders: Iterable[Path]) -> list[Path]:
    """The files under `folders` that hold the value, as it is, in JSON or in a URL."""
    wanted = value.encode()
    found = []
    for folder in folders:
        for path in [folder, *folder.rglob("*")]:
            try:
                if path.is_file() and not path.is_symlink() and wanted in path.read_bytes():
                    found.append(path)
            except OSError:  # gone meanwhile
                continue
    return found


def in_processes(value: str, allowed: Collection[int] = ()) -> list[str]:
    """The processes, but those `allowed`, whose command line or environment holds the value."""
    wanted = value.encode()
    found = []
    for pid in psutil.pids():
        for name in ("cmdline", "environ"):
            if name == "environ" and pid in allowed:
                continue
            try:
                with open(f"/proc/{pid}/{name}", "rb") as file:
                    if wanted in file.read():
                        found.append(f"{pid} {name} {psutil.Process(pid).name()}")
            except (OSError, psutil.NoSuchProcess):
                continue
    return found


def environment_of(pid: int, name: str) -> str | None:
    """A variable of a process, by the kernel's word."""
    with open(f"/proc/{pid}/environ", "rb") as file:
        words = file.read().split(b"\0")
    prefix = os.fsencode(name) + b"="
    return next((word[len(prefix) :].decode() for word in words if word.startswith(prefix)), None)
