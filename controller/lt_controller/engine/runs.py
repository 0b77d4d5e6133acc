"""`runs/<job>/` at home: whose files they are, and which of its checkpoints lie there whole."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import Manifest, from_dict
from lt_agent.protocol.ulid import is_ulid

from .verify import checked_entries, checked_manifest, verify


def at_home(folder: Path, job: str, cancel: threading.Event | None = None) -> Iterator[tuple[int, Manifest, Path]]:
    """(attempt, manifest, folder) of each checkpoint of the job that lies in `runs/<name>`, every hash as it should be.

    Raises LtError `transfer_cancelled`.
    """
    for record in sorted((folder / ".lt" / "manifests").glob("*.json")):
        try:
            value = json.loads(record.read_bytes())
            manifest = checked_manifest(from_dict(Manifest, value))
            attempt = int(value["attempt"])
        except (OSError, ValueError, KeyError, TypeError, LtError):
            continue
        place = folder / record.stem
        mine = value.get("job") == job and attempt > 0 and place.is_dir()
        if mine and not verify(place, checked_entries(manifest), cancel):
            yield attempt, manifest, place


def belongs_to_other(folder: Path, job: str) -> bool:
    """Whether `runs/<name>` holds files of another job."""
    return any(owner != job for owner in jobs_of(folder))


def jobs_of(folder: Path) -> set[str]:
    """The ids of the jobs whose files lie in `runs/<name>`."""
    found = set()
    place = folder / ".lt"
    for path in (place / "job.json", *place.glob("manifests/*.json"), *place.glob("*/spec.json")):
        try:
            value = json.loads(path.read_bytes())
        except (OSError, ValueError):
            continue
        job = (value.get("id") or value.get("job")) if isinstance(value, dict) else None
        if isinstance(job, str) and is_ulid(job):
            found.add(job)
    return found
