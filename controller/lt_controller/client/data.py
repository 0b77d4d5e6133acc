"""The data of a submit: recorded as it is now, checked row by row, or what another job has made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_agent.protocol.errors import LtError

from ..freeze import Frozen, HashCache, data_manifest
from ..home import Home

if TYPE_CHECKING:
    from .client import Client
    from .details import HostInfo


def recorded(client: Client, path: Path) -> Frozen:
    """The manifest of a file or folder that a recipe names, as it is now. Raises as `data_manifest`."""
    return data_manifest(path, path.name, client.home, lambda done, total: client.progress(path.name, done, total))


def bad_recipe(recipe: str, problems: Iterable[Any]) -> LtError:
    """A recipe's problems as an error of ours."""
    told = [
        {"file": p.file, "line": p.line, "key": p.key, "message": p.message, "hint": p.hint, "text": str(p)}
        for p in problems
    ]
    return LtError("bad_recipe", recipe=recipe, problems=told, count=len(told))


def check_data(
    recipe: Any, paths: Mapping[str, Path], home: Home | None = None, frozen: Mapping[Path, Frozen] | None = None
) -> None:
    """Reads the datasets that travel, once for each content where `frozen` names it.

    Raises LtError `bad_dataset` with the lines that do not fit their type, `empty_dataset`.
    """
    from lt_recipes.dataset_check import check_dataset

    from .. import __version__

    for block, datasets in (("datasets", recipe.datasets), ("eval.datasets", recipe.eval.datasets)):
        for index, dataset in enumerate(datasets):
            path = paths.get(f"{block}.{index}.path")
            if path is None:
                continue
            known = (frozen or {}).get(path)
            token = repr((__version__, known.digest, dataset.type, sorted(dataset.columns.items()))) if known else ""
            if token and home is not None and _passed(home, token):
                continue
            report = check_dataset(path, dataset.type, dataset.columns)
            if report.problems:
                told = [str(problem) for problem in report.problems]
                raise LtError("bad_dataset", path=str(path), type=dataset.type, problems=told[:20], count=len(told))
            if report.rows == 0 and not report.notes:
                raise LtError("empty_dataset", path=str(path))
            if token and home is not None:
                _passed(home, token, now=True)


def output_of(client: Client, info: HostInfo, facts: Mapping[str, Any], wanted: str) -> tuple[str, list[Frozen]]:
    """What `job:NAME[/CHECKPOINT]` stands for: the path on the host where the job ran there, else what came home.

    Raises LtError `no_such_job`, `no_output`, `output_not_home`.
    """
    ref, _, which = wanted.partition("/")
    job = client.job(ref)
    made = [c for c in client.checkpoints(job.id) if c.kind in ("checkpoint", "final") and which in ("", c.name)]
    made.sort(key=lambda c: (c.kind == "final", c.attempt, c.step or 0))
    if not made:
        raise LtError("no_output", job=job.name, name=which or None)
    newest = made[-1]
    attempts = {item.attempt: item.host for item in client.attempts(job.id)}
    root = facts.get("root")
    if attempts.get(newest.attempt) == info.name and newest.host_state == "present" and isinstance(root, str):
        return f"{root}/jobs/{job.id}/{newest.attempt}/out/{newest.name}", []
    if newest.path is None or not newest.path.is_dir():
        raise LtError("output_not_home", job=job.name, name=newest.name, host=info.name)
    frozen = data_manifest(newest.path, f"{job.name}-{newest.name}", client.home)
    return frozen.reference, [frozen]


def _passed(home: Home, token: str, *, now: bool = False) -> bool:
    """Whether a dataset of this content and type was found right before; with `now`, that it is from now on."""
    with HashCache(home.cache / "hashes.db") as cache:
        if now:
            cache.note_passed(token)
        return cache.passed(token)
