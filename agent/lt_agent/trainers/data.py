"""The recipe's data sets as one `datasets.Dataset` to learn from, and one to evaluate on."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any, Iterator, Mapping, NamedTuple, Sequence

from lt_agent.formats import BadRow, convert, data_files, read_rows

from .failures import TrainingFailure
from .hub import is_hub_id
from .job import WorkerJob, say


class Data(NamedTuple):
    """`train` and `eval` (or None) are `datasets.Dataset`s; `digest` names their content, for a resume to compare."""

    train: Any
    eval: Any
    digest: str


def load_data(job: WorkerJob) -> Data:
    """Reads, converts and splits. Raises BadRow (with file and line), or TrainingFailure `bad_data`/`bad_recipe`."""
    entries = [dict(entry) for entry in job.recipe.get("datasets") or []]
    if not entries:
        raise TrainingFailure("bad_recipe", "datasets is empty: there is nothing to learn from")
    evaluate = job.section("eval")
    apart = [dict(entry) for entry in evaluate.get("datasets") or []]
    parts = [_load(entry, job) for entry in entries]
    picked, held_out = pick_rows(
        [len(part) for part in parts],
        [float(entry.get("weight") or 1.0) for entry in entries],
        evaluate.get("val_set_size") or 0,
        job.seed,
    )
    everything = _join(parts, entries)
    train = everything if picked is None else everything.select(picked)
    held = everything.select(held_out) if held_out else None
    if apart:
        held = _join([_load(entry, job) for entry in apart], apart)
    if len(train) == 0:
        raise TrainingFailure("bad_data", "no row is left to learn from")
    return Data(train, held, data_digest(entries + apart))


def pick_rows(
    sizes: Sequence[int], weights: Sequence[float], held_out: float, seed: int
) -> tuple[list[int] | None, list[int]]:
    """Indices into the concatenated data sets: (to learn from, to evaluate on). None means all, in order.

    `held_out` below 1 is a fraction of all rows, else a number of them. They are taken before weights repeat rows, so
    that none is on both sides. A weight of 2.5 takes every row twice, and half of them, drawn by `seed`, once more.
    """
    total = sum(sizes)
    count = round(total * held_out) if held_out < 1 else int(held_out)
    if held_out and not 0 < count < total:
        raise TrainingFailure(
            "bad_recipe", f"eval.val_set_size {held_out} holds out {count} of {total} rows: leave some on either side"
        )
    draw = random.Random(seed)  # noqa: S311
    evaluation = sorted(draw.sample(range(total), count)) if count else []
    if not evaluation and all(weight == 1 for weight in weights):
        return None, []
    away = set(evaluation)
    picked: list[int] = []
    start = 0
    for size, weight in zip(sizes, weights):
        own = [index for index in range(start, start + size) if index not in away]
        whole, part = divmod(weight, 1)
        picked += own * int(whole) + sorted(draw.sample(own, round(len(own) * part)))
        start += size
    return picked, evaluation


def data_digest(entries: Sequence[Mapping[str, Any]]) -> str:
    """A digest of the rows that entries mean: file contents and settings, not where the files lie."""
    digest = hashlib.sha256()
    for entry in entries:
        settings = {key: value for key, value in entry.items() if key != "path"}
        digest.update(json.dumps(settings, sort_keys=True, default=str).encode())
        path = Path(str(entry["path"]))
        if not path.exists():
            digest.update(str(entry["path"]).encode())  # a data set of the hub
            continue
        for file in data_files(path):
            digest.update(file.name.encode("utf-8", "surrogateescape") + b"\0")
            with file.open("rb") as stream:
                for block in iter(lambda: stream.read(1 << 20), b""):
                    digest.update(block)
    return digest.hexdigest()


def _load(entry: Mapping[str, Any], job: WorkerJob) -> Any:
    import datasets

    path = str(entry["path"])
    if is_hub_id(path):
        return _load_from_hub(entry)
    data_files(Path(path))
    try:
        # Rows go to an Arrow file and are mapped from there: memory stays flat, and the ranks share one file.
        return datasets.Dataset.from_generator(
            _rows,
            gen_kwargs={"entry": json.dumps(entry, sort_keys=True)},
            cache_dir=str(job.cache),
        )
    except datasets.exceptions.DatasetGenerationError as error:
        if isinstance(error.__cause__, BadRow):
            raise error.__cause__ from None
        raise


def _rows(entry: str) -> Iterator[dict[str, Any]]:
    values = json.loads(entry)
    path, left = Path(values["path"]), values.get("max_samples")
    for file in data_files(path):
        for where, raw in _raw_rows(file):
            if left is not None:
                if left <= 0:
                    return
                left -= 1
            try:
                yield convert(raw, values["type"], values.get("columns"))
            except BadRow as bad:
                raise bad.at(file, where) from None


def _raw_rows(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if file.suffix.lower() != ".parquet":
        yield from read_rows(file)
        return
    import pyarrow
    import pyarrow.parquet

    try:
        number = 0
        with pyarrow.parquet.ParquetFile(file) as table:
            for batch in table.iter_batches():
                for row in batch.to_pylist():
                    number += 1
                    yield f"row {number}", row
    except pyarrow.ArrowException as error:
        raise BadRow(f"malformed Parquet: {error}", file) from None


def _load_from_hub(entry: Mapping[str, Any]) -> Any:
    import datasets
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    place = f"the data set {entry['path']} of the hub"
    say(f"loading {place} …")
    try:
        rows = datasets.load_dataset(
            entry["path"], entry.get("name"), split=entry.get("split") or "train", revision=entry.get("revision")
        )
    except (
        datasets.exceptions.DatasetNotFoundError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        ConnectionError,
        ValueError,
    ) as error:
        raise TrainingFailure("bad_data", f"{place} can't be loaded: {_first_line(error)}") from error
    if entry.get("max_samples") is not None:
        rows = rows.select(range(min(len(rows), int(entry["max_samples"]))))

    def converted(row: dict[str, Any], index: int) -> dict[str, Any]:
        try:
            return convert(row, str(entry["type"]), entry.get("columns"))
        except BadRow as bad:
            raise bad.at(Path(str(entry["path"])), f"row {index + 1}") from None

    return rows.map(converted, with_indices=True, remove_columns=rows.column_names)


def _join(parts: Sequence[Any], entries: Sequence[Mapping[str, Any]]) -> Any:
    import datasets

    shapes = {json.dumps(str(part.features)) for part in parts}
    if len(shapes) > 1:
        kinds = ", ".join(dict.fromkeys(str(entry["type"]) for entry in entries))
        raise TrainingFailure(
            "bad_recipe",
            f"data sets of the types {kinds} have different columns and can't be joined; "
            "messages and sharegpt go together, and so do alpaca and prompt_completion with lists of messages",
        )
    return parts[0] if len(parts) == 1 else datasets.concatenate_datasets(list(parts))


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
