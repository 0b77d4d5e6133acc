"""What is checked after every fault, by reading both sides: the host's files and the laptop's database and disk."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import stat
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.faults.model import Result
from lt_agent.protocol.states import ENDED, MOVED, RESTING
from lt_controller.home import Home
from support.laptop import Laptop


def audit(laptop: Laptop, roots: list[Path], disks: list[Path], result: Result) -> None:
    """Adds to `result` all that is lost, doubled or wrong. `roots` are the hosts' roots, `disks` their home folders."""
    if not (laptop.home / "lt.db").exists():
        return
    with closing(sqlite3.connect(f"file:{laptop.home / 'lt.db'}?mode=ro", uri=True, timeout=60)) as db:
        db.row_factory = sqlite3.Row
        for attempt in db.execute(
            "SELECT j.name, j.id, j.removed, a.attempt, a.exit, a.state FROM attempts a JOIN jobs j ON j.id = a.job_id"
            " WHERE a.fenced=0"  # given up with its host, by a person's word: what that tells is not taken in
        ).fetchall():
            folder = _folder(roots, attempt["id"], attempt["attempt"])
            who = f"{attempt['name']}/{attempt['attempt']}"
            moved = json.loads(attempt["exit"] or "{}").get("reason") == MOVED  # it never began: nobody follows it
            if folder is not None and not attempt["removed"] and not moved:
                _streams(db, attempt, folder, who, result)
            _end(attempt, folder, who, result)
        _pulled(db, result)
        _unknown(db, roots, Home(laptop.home).owner(), result)
    _started_once(disks, result)
    for root in roots:
        _snapshots(root, result)


def _folder(roots: list[Path], job: str, attempt: int) -> Path | None:
    for root in roots:
        folder = root / "jobs" / job / str(attempt)
        if (folder / "spec.json").exists():
            return folder
    return None


def _streams(db: sqlite3.Connection, attempt: sqlite3.Row, folder: Path, who: str, result: Result) -> None:
    key = (attempt["id"], attempt["attempt"])
    _log(db, key, folder / "log", who, result)
    _metrics(db, key, folder / "metrics.jsonl", who, result)
    _events(db, key, folder / "events.jsonl", who, result)


def _log(db: sqlite3.Connection, key: tuple[str, int], path: Path, who: str, result: Result) -> None:
    there, at = _digest(path), 0
    here = hashlib.sha256()
    for offset, data in db.execute("SELECT offset, data FROM logs WHERE job_id=? AND attempt=? ORDER BY offset", key):
        if offset != at:
            (result.doubled if offset < at else result.lost).append(f"{who}: log bytes between {at} and {offset}")
        here.update(data)
        at = offset + len(data)
    size = path.stat().st_size if path.exists() else 0
    if at != size:
        result.lost.append(f"{who}: {size - at} of {size} log bytes")
    elif here.hexdigest() != there:
        result.wrong.append(f"{who}: the log differs")


def _metrics(db: sqlite3.Connection, key: tuple[str, int], path: Path, who: str, result: Result) -> None:
    expected: dict[tuple[str, int], float] = {}
    for line in _lines(path):
        point = _parsed(line)
        if isinstance(point, dict) and isinstance(point.get("step"), int):
            step, _ = point.pop("step"), point.pop("time", None)
            expected |= {(name, step): value for name, value in point.items() if isinstance(value, (int, float))}
    query = "SELECT name, step, value FROM metrics WHERE job_id=? AND attempt=?"
    rows = [(row[0], row[1], row[2]) for row in db.execute(query, key)]
    here = {(name, step): value for name, step, value in rows if not name.startswith(("sys/", "gpu"))}
    doubled = [point for point, count in Counter((name, step) for name, step, _ in rows).items() if count > 1]
    if doubled:
        result.doubled.append(f"{who}: metrics {doubled[:3]} and {len(doubled)} in all")
    missing = expected.keys() - here.keys()
    if missing:
        result.lost.append(f"{who}: {len(missing)} of {len(expected)} metrics, {sorted(missing)[:2]}")
    different = [point for point, value in here.items() if point in expected and expected[point] != value]
    if different:
        result.wrong.append(f"{who}: {len(different)} metrics differ")


def _events(db: sqlite3.Connection, key: tuple[str, int], path: Path, who: str, result: Result) -> None:
    there = len(_lines(path))
    here = db.execute("SELECT count(*) FROM events WHERE job_id=? AND attempt=? AND seq >= 0", key).fetchone()[0]
    if here != there:
        (result.lost if here < there else result.doubled).append(f"{who}: {here} events of {there}")


def _end(attempt: sqlite3.Row, folder: Path | None, who: str, result: Result) -> None:
    """The laptop says how it ended only after the host, and the same; what never reached the host ends here."""
    record = _parsed((folder / "exit.json").read_bytes()) if folder and (folder / "exit.json").exists() else None
    said = json.loads(attempt["exit"]) if attempt["exit"] else None
    if record is None and said is not None and folder is not None and not attempt["removed"]:
        result.wrong.append(f"{who}: called {said['state']}, but the host has no exit.json")
    if attempt["state"] in RESTING and said is None:
        result.wrong.append(f"{who}: {attempt['state']} without an outcome")
    if record and said and record["state"] != said["state"]:
        result.wrong.append(f"{who}: {said['state']} here, {record['state']} on the host")
    if record and said is None and not attempt["removed"]:
        result.lost.append(f"{who}: its end, {record['state']}")
    if record and record.get("survivors"):
        result.wrong.append(f"{who}: {record['survivors']} processes survived its end")


def _pulled(db: sqlite3.Connection, result: Result) -> None:
    """Every checkpoint called pulled is at home, whole, and nothing else is in its folder."""
    for row in db.execute("SELECT name, path, manifest, host_state FROM checkpoints WHERE pull_state='pulled'"):
        folder = Path(row["path"] or "/nowhere")
        listed = {entry["path"]: entry["sha256"] for entry in json.loads(row["manifest"])["files"]}
        newer = db.execute("SELECT 1 FROM checkpoints WHERE path=? AND name<>?", (row["path"], row["name"])).fetchone()
        if newer is not None or not folder.is_dir():
            continue  # superseded by a later one in the same place, or taken away by the policy `last`
        for path, digest in listed.items():
            if _digest(folder / path) != digest:
                result.wrong.append(f"{row['name']}: {path} is called pulled and is not what its hash says")
        links = [path for path in folder.rglob("*") if stat.S_ISLNK(os.lstat(path).st_mode)]
        if links:
            result.wrong.append(f"{row['name']}: links came home: {links}")


def _started_once(disks: list[Path], result: Result) -> None:
    for disk in disks:
        counts = Counter(_lines(disk / "starts"))
        for word, count in counts.items():
            if count > 1:
                result.doubled.append(f"{word.decode(errors='replace')} was started {count} times")


def _unknown(db: sqlite3.Connection, roots: list[Path], owner: str, result: Result) -> None:
    """An attempt of ours on a host that the laptop does not know of was begun once too often."""
    known = {(row[0], str(row[1])) for row in db.execute("SELECT job_id, attempt FROM attempts")}
    for path in {path for root in roots for path in root.glob("jobs/*/[0-9]*/spec.json")}:
        spec = _parsed(path.read_bytes())
        if isinstance(spec, dict) and spec.get("owner") == owner and path.parts[-3:-1] not in known:
            result.doubled.append(f"{spec.get('name')}/{path.parts[-2]}: an attempt that nobody asked for")


def _snapshots(root: Path, result: Result) -> None:
    """A snapshot with its manifest beside it is called complete: then it is."""
    for manifest in root.glob("data/*/*.json"):
        folder = manifest.with_suffix("")
        listed = _parsed(manifest.read_bytes())
        for entry in listed["files"] if isinstance(listed, dict) else ():
            if _digest(folder / entry["path"]) != entry["sha256"]:
                result.wrong.append(f"snapshot {folder.name}: {entry['path']} is not what was sent")


def falsely_ended(laptop: Laptop, roots: list[Path]) -> list[str]:
    """Jobs that the laptop calls ended at this moment while their host has no outcome. Asked again and again."""
    try:
        rows = laptop.query(
            "SELECT j.id, j.name, j.attempt, j.state FROM jobs j"
            " JOIN attempts a ON a.job_id=j.id AND a.attempt=j.attempt WHERE j.removed=0 AND a.fenced=0"
        )
    except sqlite3.Error:
        return []
    found = []
    for row in rows:
        folder = _folder(roots, row["id"], row["attempt"])
        if row["state"] in ENDED and folder is not None and not (folder / "exit.json").exists():
            found.append(f"{row['name']}: called {row['state']} while it had not ended")
    return found


def _digest(path: Path) -> str:
    try:
        digest = hashlib.sha256()
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()
    except OSError:
        return hashlib.sha256().hexdigest() if path.name == "log" else "missing"


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except OSError:
        return []


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None
