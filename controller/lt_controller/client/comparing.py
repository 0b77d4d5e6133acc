"""Jobs side by side: what their recipes differ in, how far they came, and the values they reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .models import Job

if TYPE_CHECKING:
    from .client import Client


@dataclass(frozen=True)
class Reached:
    """A metric of one job: its last, lowest and highest value (None: NaN or infinite), and the last step."""

    last: float | None
    low: float | None
    high: float | None
    step: int


@dataclass(frozen=True)
class Comparison:
    """Columns are the jobs. `differences`: dotted keys of the specs whose values are not the same in all."""

    jobs: tuple[Job, ...]
    differences: tuple[tuple[str, tuple[Any, ...]], ...]
    metrics: tuple[tuple[str, tuple[Reached | None, ...]], ...]
    seconds: tuple[float | None, ...]  # from start to end, or until now


def compare(client: Client, refs: Sequence[str]) -> Comparison:
    """Raises LtError `no_such_job`."""
    from .clock import now

    jobs = tuple(client.job(ref) for ref in refs)
    specs = [dict(flat(_made_from(client.spec(job.id)))) for job in jobs]
    keys = sorted({key for spec in specs for key in spec})
    rows = [(key, tuple(spec.get(key) for spec in specs)) for key in keys]
    differing = tuple((key, values) for key, values in rows if any(value != values[0] for value in values[1:]))
    known = [_reached(client, job) for job in jobs]
    names = sorted({name for metrics in known for name in metrics})
    seconds = tuple(
        ((job.finished_at if job.resting and job.finished_at else now()) - job.started_at).total_seconds()
        if job.started_at
        else None
        for job in jobs
    )
    metrics = tuple((name, tuple(of_job.get(name) for of_job in known)) for name in names)
    return Comparison(jobs, differing, metrics, seconds)


def flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested mappings and lists by dotted keys, as overrides name them."""
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from flat(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from flat(item, f"{key}.{index}")
    elif value not in (None, {}, [], ""):
        yield key, value


def _made_from(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    recipe = spec.get("recipe")
    return recipe if isinstance(recipe, Mapping) and recipe else {"argv": " ".join(map(str, spec.get("argv") or ()))}


def _reached(client: Client, job: Job) -> dict[str, Reached]:
    values: dict[str, list[tuple[int, float | None]]] = {}
    for point in client.metrics(job.id):
        if "/" not in point.name:  # what the machine measured beside it is another matter
            values.setdefault(point.name, []).append((point.step, point.value))
    found = {}
    for name, points in values.items():
        finite = [value for _step, value in points if value is not None]
        step, last = points[-1]
        found[name] = Reached(last, min(finite, default=None), max(finite, default=None), step)
    return found
