"""The data of a submit: recorded as it is now, checked row by row, or what another job has made."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_agent.protocol.errors import LtError

from ..freeze import Frozen, HashCache, data_manifest
from ..home import Home

if TYPE_CHECKING:
    from lt_recipes.paths import LocalPath
    from lt_recipes.schema import Recipe

    from .client import Client
    from .details import Checkpoint, HostInfo

FILES = "files"  # what a command's pull patterns collected, and the folder it lies in on its host


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


def read_recipe(
    client: Client, recipe: str, overrides: Sequence[str], folder: Path
) -> tuple[Recipe, list[LocalPath], dict[Path, Frozen]]:
    """A recipe, the paths of this machine that it names, and what lies there, recorded and checked.

    Raises LtError `bad_recipe{problems}`, `no_such_path`, and as `check_data`.
    """
    from lt_recipes.loading import load
    from lt_recipes.paths import local_paths
    from lt_recipes.problems import RecipeError

    try:
        loaded = load(recipe, overrides, folder)
        found = local_paths(loaded, folder)
    except RecipeError as error:
        raise bad_recipe(recipe, error.problems) from None
    frozen = {path: recorded(client, path) for path in dict.fromkeys(item.path for item in found)}
    check_data(loaded, {item.key: item.path for item in found}, client.home, frozen)
    return loaded, found, frozen


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
    """What `job:NAME[/CHECKPOINT][/PATH]` stands for: the path on the host where the job ran there, else what came
    home. Of a recipe's job the finished model or a checkpoint, of a command's its collected files: `job:NAME[/PATH]`.

    Raises LtError `no_such_job`, `no_output`, `output_not_home`.
    """
    made, inside = made_by(client, wanted)
    job = client.job(wanted.partition("/")[0])
    attempts = {item.attempt: item.host for item in client.attempts(job.id)}
    root = facts.get("root")
    if attempts.get(made.attempt) == info.name and made.host_state == "present" and isinstance(root, str):
        folder = FILES if made.kind == FILES else made.name  # where the host collects a command's files
        return "/".join(filter(None, (f"{root}/jobs/{job.id}/{made.attempt}/out/{folder}", inside))), []
    if made.path is None or not made.path.is_dir():
        raise LtError("output_not_home", job=job.name, name=made.name, host=info.name)
    frozen = data_manifest(made.path / inside, "-".join(filter(None, (job.name, made.name, inside))), client.home)
    return frozen.reference, [frozen]


def made_by(client: Client, wanted: str) -> tuple[Checkpoint, str]:
    """What `NAME[/CHECKPOINT][/PATH]` means: the newest that the job has made, and the path inside it.

    Raises LtError `no_such_job`, `no_output{job, name}`.
    """
    ref, _, inside = wanted.partition("/")
    job = client.job(ref)
    made = client.checkpoints(job.id)
    if job.kind == "command":
        made, name = [item for item in made if item.kind == FILES], ""
    else:
        name, _, inside = inside.partition("/")
        made = [item for item in made if item.kind in ("checkpoint", "final") and name in ("", item.name)]
    made.sort(key=lambda item: (item.kind == "final", item.attempt, item.step or 0))
    if not made or not _holds(client, job.id, made[-1], inside):
        raise LtError("no_output", job=job.name, name=wanted.partition("/")[2] or None)
    return made[-1], inside


def named_job(value: str) -> str:
    """The job that `job:NAME/…` names."""
    return value.removeprefix("job:").partition("/")[0]


def input_place(
    client: Client, info: HostInfo, facts: Mapping[str, Any], value: str, later: Collection[str]
) -> tuple[str, list[Frozen]]:
    """Where a command finds an input on its host, and what must be sent for it: `job:…`, `host:/…`, or a path of the
    laptop. Raises as `output_of` and `recorded`.
    """
    if value.startswith("host:"):
        return value.removeprefix("host:"), []
    if value.startswith("job:"):
        return (value, []) if named_job(value) in later else output_of(client, info, facts, value.removeprefix("job:"))
    frozen = recorded(client, Path(value))
    return frozen.reference, [frozen]


def _holds(client: Client, job: str, made: Checkpoint, inside: str) -> bool:
    if not inside:
        return True
    row = client.reader.row(
        "SELECT 1 FROM checkpoints, json_each(checkpoints.manifest, '$.files') AS file WHERE job_id=? AND attempt=?"
        " AND name=? AND (json_extract(file.value, '$.path')=?4 OR json_extract(file.value, '$.path') GLOB ?5) LIMIT 1",
        (job, made.attempt, made.name, inside, _literal(inside) + "/*"),
    )
    return row is not None


def _literal(text: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in text)


def _passed(home: Home, token: str, *, now: bool = False) -> bool:
    """Whether a dataset of this content and type was found right before; with `now`, that it is from now on."""
    with HashCache(home.cache / "hashes.db") as cache:
        if now:
            cache.note_passed(token)
        return cache.passed(token)
