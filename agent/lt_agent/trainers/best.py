"""The best checkpoint as the finished model: `eval.load_best_model_at_end`, by the words that were given for each."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Iterator, NamedTuple

from lt_agent.protocol.files import read_json
from lt_agent.protocol.paths import AttemptPaths

from .job import WorkerJob

_WEIGHTS = ("model*.safetensors", "model.safetensors.index.json", "adapter_model.safetensors")


class Best(NamedTuple):
    """A checkpoint that was the best when it was saved."""

    folder: Path
    step: int
    metric: float | None


def best_checkpoint(job: WorkerJob) -> Best | None:
    """The best one of this attempt; where none of it was better than what came before, of those it goes on from."""
    paths = job.paths
    found = list(_bests(paths))
    before = paths.attempt - 1
    while not found and before > 0 and job.resume is not None:
        step = job.resume.step
        earlier = AttemptPaths(paths.path.parent / str(before), paths.job, before)
        found = [best for best in _bests(earlier) if step is None or best.step <= step]
        before -= 1
    return max(found, key=lambda best: best.step, default=None)


def take_weights(best: Best, final: Path) -> bool:
    """Puts the checkpoint's weights into a model's folder, which has all else already. False where it has none."""
    weights = _weights(best.folder)
    if not weights:
        return False
    for old in _weights(final):
        old.unlink()
    for file in weights:
        shutil.copyfile(file, final / file.name)
    return True


def _bests(paths: AttemptPaths) -> Iterator[Best]:
    for word in paths.saved.iterdir() if paths.saved.is_dir() else []:
        said: Any = read_json(word) or {}
        folder = paths.out / word.name
        if said.get("best") and folder.is_dir():
            yield Best(folder, int(said["step"]), said.get("metric"))


def _weights(folder: Path) -> list[Path]:
    return [file for pattern in _WEIGHTS for file in folder.glob(pattern)]
