"""What the supervisor hands to the worker: `worker.json`, typed."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

from lt_agent.protocol.files import read_json
from lt_agent.protocol.paths import AttemptPaths

from .failures import TrainingFailure


@dataclass(frozen=True)
class Resume:
    """The checkpoint to go on from."""

    path: Path
    step: int | None


@dataclass(frozen=True)
class WorkerJob:
    """One attempt as the worker sees it. `recipe` is resolved: all paths in it are this host's own."""

    recipe: Mapping[str, Any]
    paths: AttemptPaths
    resume: Resume | None
    name: str = ""  # what trackers call the run: the job's, and from the second attempt on its number

    @property
    def method(self) -> str:
        """The recipe's `method`, which names the trainer."""
        return str(self.recipe.get("method", ""))

    @property
    def processes(self) -> int:
        """How many processes train together: one per GPU; without GPUs what `parallel:` says, else one."""
        asked = self.section("parallel").get("processes") or self.section("resources").get("gpus")
        return max(1, int(asked or 0))

    @property
    def trackers(self) -> list[str]:
        """What `train.report_to` names and this interpreter has: a training is worth more than its tracker."""
        return [name for name in self.section("train").get("report_to") or () if importlib.util.find_spec(name)]

    @property
    def cache(self) -> Path:
        """For prepared rows, as long as the worker runs."""
        return self.paths.path / "cache"

    @property
    def seed(self) -> int:
        """Of weights, row order and the held-out rows; 42 where the recipe has none."""
        seed = self.recipe.get("seed")
        return 42 if seed is None else int(seed)

    def section(self, name: str) -> Mapping[str, Any]:
        """A block of the recipe; empty where it is absent."""
        return self.recipe.get(name) or {}


def load_job(file: str | os.PathLike[str]) -> WorkerJob:
    """Reads a worker file. Raises TrainingFailure `bad_recipe` for one that is not whole."""
    path = Path(file)
    value = read_json(path)
    try:
        spec = value.get("spec") or {}
        attempt = AttemptPaths(Path(value.get("attempt_dir") or path.parent), spec["job"], int(spec["attempt"]))
        resume = value.get("resume")
        called = str(spec.get("name") or spec["job"])
        return WorkerJob(
            recipe=dict(value["recipe"]),
            paths=attempt,
            resume=Resume(Path(resume["path"]), resume.get("step")) if resume else None,
            name=called if attempt.attempt == 1 else f"{called}-{attempt.attempt}",
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise TrainingFailure("bad_recipe", f"{path} is no worker file: {error!r}") from None


def is_main() -> bool:
    """Whether this process speaks for the job: the first of all that train together."""
    return os.environ.get("RANK", "0") == "0"


def say(text: str) -> None:
    """A line in the log, from the first process alone."""
    if is_main():
        print(text, flush=True)  # noqa: T201
