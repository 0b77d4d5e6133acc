"""The agent as a folder that any Python on a host can run: content-addressed, made once, pushed once.

`__main__.py`, the `lt_agent` package, and under `deps/` what it likes to have: psutil, pynvml, watchdog.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.files import fsync_folder, write_json
from lt_controller import __version__
from lt_controller.home import Home

from .wheels import platform_tags, wheel_for

_MAIN = '''\
"""Starts the agent: `python3 -E -s -S <this folder> COMMAND …`."""

import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "deps"))

from lt_agent.cli import main  # noqa: E402

sys.exit(main(sys.argv[1:]))
'''
# Distribution -> what of it travels. Compiled parts belong to a platform; the rest is the same everywhere on Linux.
_DEPENDENCIES = {"psutil": "psutil/", "nvidia-ml-py": "pynvml.py", "watchdog": "watchdog/"}
_COMPILED = {"psutil"}
_OLDEST_PYTHON = "3.9"

_memory: dict[tuple[str, str], AgentBundle] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class AgentBundle:
    """One agent for one platform: `folder` on the laptop holds exactly what belongs into `agents/<digest>/`."""

    digest: str
    folder: Path
    notes: tuple[str, ...] = ()  # what had to be left out: the agent does without

    @classmethod
    def build(cls, facts: Mapping[str, Any], home: Home) -> AgentBundle:
        """The bundle for the platform that `facts` tell of, from `home.agents` where it is made already.

        A dependency that can be had neither here nor from the package index is left out, with a note.
        Raises LtError `host_no_python`.
        """
        if not facts.get("python"):
            raise LtError("host_no_python", host=str(facts.get("hostname", "")), old=facts.get("old_python"))
        key = _key(facts)
        with _lock:
            known = _memory.get((str(home.path), key))
            if known is None or not known.folder.is_dir():
                known = _from_disk(home, key) or _make(home, key, facts)
                _memory[str(home.path), key] = known
            return known

    def files(self) -> list[str]:
        """The names of its files, relative to `folder`."""
        return _walk(self.folder)


def _key(facts: Mapping[str, Any]) -> str:
    """Changes whenever the bundle might: cheap to compute, since every connection asks."""
    newest, count = 0, 0
    for folder, _, names in os.walk(_package()):
        if not folder.endswith("__pycache__"):
            for name in names:
                newest = max(newest, os.stat(os.path.join(folder, name)).st_mtime_ns)
                count += 1
    versions = [f"{name}={_version(name)}" for name in _DEPENDENCIES]
    text = "\0".join([__version__, str(_package()), str(newest), str(count), *versions, *platform_tags(facts)])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _from_disk(home: Home, key: str) -> AgentBundle | None:
    try:
        value = json.loads((home.agents / f"{key}.json").read_bytes())
        bundle = AgentBundle(str(value["digest"]), home.agents / str(value["digest"]), tuple(value["notes"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return bundle if bundle.folder.is_dir() else None


def _make(home: Home, key: str, facts: Mapping[str, Any]) -> AgentBundle:
    home.agents.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = Path(tempfile.mkdtemp(prefix=".making-", dir=home.agents))
    try:
        (aside / "__main__.py").write_text(_MAIN)
        _copy_tree(_package(), aside / "lt_agent")
        notes = [note for name in _DEPENDENCIES if (note := _add_dependency(name, aside / "deps", facts, home))]
        digest = _digest(aside)
        final = home.agents / digest
        if not final.is_dir():
            try:
                os.rename(aside, final)
            except OSError:
                if not final.is_dir():  # else another process was first, with the same bytes
                    raise
        fsync_folder(home.agents)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    # A bundle with something left out is asked for again by the next process: the index may answer then.
    if not notes:
        write_json(home.agents / f"{key}.json", {"digest": digest, "notes": notes}, durable=False)
    return AgentBundle(digest, final, tuple(notes))


def _add_dependency(name: str, deps: Path, facts: Mapping[str, Any], home: Home) -> str:
    """Puts one distribution into `deps`; returns why not, or an empty text."""
    wanted = _DEPENDENCIES[name]
    if facts.get("system") != "Linux":
        return f"{name}: not for {facts.get('system')}"
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        found = None
    here = found is not None and (name not in _COMPILED or _fits(found, facts))
    try:
        if here and found is not None:
            for file in found.files or []:
                if _belongs(str(file), wanted):
                    _copy_file(Path(str(found.locate_file(file))), deps / str(file))
            return ""
        wheel = wheel_for(name, _version(name), facts, home, python=_OLDEST_PYTHON)
    except (LtError, OSError) as error:
        return f"{name}: {error}"
    wheel.extract(deps, lambda member: _belongs(member, wanted))
    return ""


def _fits(found: importlib.metadata.Distribution, facts: Mapping[str, Any]) -> bool:
    """Whether the compiled parts installed here run there: by the wheel's own tags."""
    tags = [line[5:].strip() for line in (found.read_text("WHEEL") or "").splitlines() if line.startswith("Tag: ")]
    wanted = set(platform_tags(facts))
    return any(tag.split("-")[1] == "abi3" and set(tag.split("-")[2].split(".")) & wanted for tag in tags)


def _belongs(member: str, wanted: str) -> bool:
    return (member == wanted or (wanted.endswith("/") and member.startswith(wanted))) and not (
        "__pycache__" in member or "/tests/" in member or member.endswith((".pyc", ".pyi"))
    )


def _package() -> Path:
    # Found, not imported: what the agent's modules do is for the host.
    spec = importlib.util.find_spec("lt_agent")
    if spec is None or spec.origin is None:
        raise LtError("internal", why="lt_agent is not installed")
    return Path(spec.origin).parent


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _copy_tree(source: Path, dest: Path) -> None:
    for name in _walk(source):
        _copy_file(source / name, dest / name)


def _copy_file(source: Path, dest: Path) -> None:
    dest.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, dest)


def _walk(folder: Path) -> list[str]:
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            found.append(path.relative_to(folder).as_posix())
    return sorted(found)


def _digest(folder: Path) -> str:
    """Over names and contents; times and modes say nothing here."""
    total = hashlib.sha256()
    for name in _walk(folder):
        total.update(name.encode() + b"\0" + hashlib.sha256((folder / name).read_bytes()).digest())
    return total.hexdigest()[:40]
