"""The checkpoints that this bridge's controller is pulling: rotation keeps them as long as the bridge lives."""

from __future__ import annotations

import os
from typing import Any, Dict, Tuple

from .. import snapshots
from ..protocol.errors import LtError
from ..protocol.files import read_json
from ..protocol.paths import AttemptPaths

Key = Tuple[str, int, str]


class Pins:
    """Shared flocks on `control/pins/<name>`: rotation takes the same lock alone, or leaves the checkpoint be.

    They end with the process, however it ends. Used from one thread.
    """

    def __init__(self) -> None:
        self._held: Dict[Key, int] = {}

    def pin(self, paths: AttemptPaths, name: str) -> Dict[str, Any]:
        """Keeps checkpoint `name` and tells what it consists of: `{manifest, path}`. Again: the same answer.

        Raises LtError `no_such_checkpoint{job, attempt, name}` if it was rotated or never was.
        """
        from ..checkpoints import pin

        key = (paths.job, paths.attempt, name)
        if key not in self._held:
            self._held[key] = pin(paths, name)
        # Read with the lock in hand: what is here now stays.
        try:
            value = read_json(paths.manifest(name))
        except ValueError:
            value = None
        if value is None:
            self.unpin(*key)
            raise LtError("no_such_checkpoint", job=paths.job, attempt=paths.attempt, name=name)
        base = snapshots.safe_path(snapshots.read_manifest(value).base)
        return {"manifest": value, "path": str((paths.path / base).absolute())}

    def unpin(self, job: str, attempt: int, name: str) -> None:
        """Lets it go; what was not pinned is passed over."""
        fd = self._held.pop((job, attempt, name), None)
        if fd is not None:
            os.close(fd)

    def close(self) -> None:
        """Lets go of all."""
        for key in list(self._held):
            self.unpin(*key)
