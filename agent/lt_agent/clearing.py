"""What of ours on a host nothing needs any more, and deleting it: snapshots, environments, old agents, leftovers.

Jobs are not cleared here: whether one is at home is the laptop's to know (`bridge.removal`). Everything else can be
brought or built again, so the one thing to hold is that nobody is using it or about to.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from pathlib import Path
from typing import Any, Dict, Iterable, List, Set, Tuple

from . import snapshots
from .protocol.errors import LtError
from .protocol.files import read_json
from .protocol.paths import HostRoot, LeaseDir
from .protocol.records import JobSpec, from_dict

REST = 3600.0  # seconds: what was touched later may be for a job that is on its way
Item = Dict[str, Any]


def unneeded(root: HostRoot, lease: LeaseDir, bundle: Path, rest: float = REST) -> List[Item]:
    """`{kind, name, detail}` of all that no unfinished attempt on this root uses, whoever owns it, and that has been
    left alone for `rest` seconds. `bundle` is the agent that asks. Kinds: data, env, agent, leftover.
    """
    data, envs = _in_use(root)
    before = time.time() - rest
    found: List[Item] = []
    for name in _names(root.path / "data"):
        for file in sorted((root.path / "data" / name).glob("*.json")):
            if (name, file.stem) not in data and _older(file, before):
                found.append({"kind": "data", "name": name, "detail": file.stem})
        for part in sorted((root.path / "data" / name).glob(".*.part")):
            if _older(part, before) and _older(part / "files", before):
                found.append({"kind": "leftover", "name": f"data/{name}/{part.name}", "detail": ""})
    for name in _names(root.envs):
        if name not in envs and _older(root.envs / name, before):
            found.append({"kind": "env", "name": name, "detail": ""})
    agents = _agents_in_use(lease, bundle)
    for name in _names(root.agents):
        if name not in agents and _older(root.agents / name, before):
            found.append({"kind": "agent", "name": name, "detail": ""})
    for path in sorted(root.jobs.glob(".removed-*")):
        found.append({"kind": "leftover", "name": f"jobs/{path.name}", "detail": ""})
    return found


def clear(
    root: HostRoot, lease: LeaseDir, bundle: Path, items: Iterable[Item], rest: float = REST
) -> Dict[str, List[Item]]:
    """Deletes those of `items` that are unneeded still; `{"cleared": …, "kept": …}`. Again is harmless."""
    free = {_key(item) for item in unneeded(root, lease, bundle, rest)}
    cleared: List[Item] = []
    kept: List[Item] = []
    for item in items:
        done = _key(item) in free and _delete(root, item)
        (cleared if done else kept).append({key: item.get(key) for key in ("kind", "name", "detail")})
    return {"cleared": cleared, "kept": kept}


def _key(item: Item) -> Tuple[str, str, str]:
    return str(item.get("kind")), str(item.get("name")), str(item.get("detail") or "")


def _delete(root: HostRoot, item: Item) -> bool:
    kind, name, detail = _key(item)
    try:
        if kind == "data":
            snapshots.remove(root, name, detail)
        elif kind == "env":
            return _delete_env(root, name)
        else:
            # `unneeded` has named it, so it is one of its own paths below the root.
            shutil.rmtree(root.agents / name if kind == "agent" else root.path / name, ignore_errors=True)
    except (OSError, LtError):
        return False
    return True


def _delete_env(root: HostRoot, digest: str) -> bool:
    """Unless somebody is building it at this moment."""
    fd = os.open(root.envs / f".{digest}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (root.envs / digest / "complete").unlink(missing_ok=True)
        shutil.rmtree(root.envs / digest, ignore_errors=True)
    finally:
        os.close(fd)
    return True


def _in_use(root: HostRoot) -> Tuple[Set[Tuple[str, str]], Set[str]]:
    """Snapshots and environments of every attempt that has no outcome."""
    data: Set[Tuple[str, str]] = set()
    envs: Set[str] = set()
    for paths in root.attempts():
        if paths.exit.exists():
            continue
        with contextlib.suppress(LtError, OSError, ValueError):
            spec = from_dict(JobSpec, read_json(paths.spec))
            data |= {(link.name, link.digest) for link in (*spec.data, *([spec.code] if spec.code else []))}
            envs.add(spec.env.digest)
    return data, envs


def _agents_in_use(lease: LeaseDir, bundle: Path) -> Set[str]:
    """Agents that run, or that a ticket names to be run."""
    from . import tickets

    found = {bundle.name}
    for name in tickets.names(lease):
        with contextlib.suppress(LtError, OSError):
            ticket = tickets.read(lease, name)
            if ticket is not None:
                found.add(Path(ticket.agent).name)
    for pid in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if pid.isdigit():
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                found |= {Path(os.fsdecode(word)).name for word in words if b"/agents/" in word}
    return found


def _older(path: Path, moment: float) -> bool:
    try:
        return os.stat(path).st_mtime < moment
    except OSError:
        return True


def _names(folder: Path) -> List[str]:
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError:
        return []
