"""Event files that a tracker has left beside the metrics: listed when the worker has ended, so that they come home."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from . import checkpoints
from .protocol.files import write_json
from .protocol.paths import AttemptPaths
from .protocol.records import Manifest, to_dict

NAME = "tensorboard"


def present(attempt: AttemptPaths) -> bool:
    """Whether there is anything to list."""
    folder = attempt.path / NAME
    return folder.is_dir() and bool(checkpoints.regular_files(folder))


def publish(attempt: AttemptPaths, on_event: Callable[..., Any]) -> None:
    """Hashes `tensorboard/` and renames its manifest in. For after the worker's end: its files grow until then.

    Raises OSError, LtError `file_changed`.
    """
    files = checkpoints.hash_folder(attempt.path / NAME)
    manifest = Manifest(NAME, checkpoints.TRACKERS, NAME, tuple(files), created_at=time.time())
    write_json(attempt.manifest(NAME), to_dict(manifest))
    on_event("checkpoint", name=NAME, kind=manifest.kind, step=None, size=manifest.size)
