"""What the job's screen reads; runs in the reading thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lt_controller.client import Client, Job, Reachability
from lt_controller.client.details import Attempt, Checkpoint, Event, Request, Transfer
from lt_controller.client.fleet import Sample
from lt_controller.client.series import Series
from lt_controller.client.words import LtError

from ...widgets.chart import Curve


@dataclass(frozen=True)
class JobData:
    """A job as it is now."""

    job: Job
    reach: Reachability | None
    attempts: Sequence[Attempt]
    checkpoints: Sequence[Checkpoint]
    transfers: Sequence[Transfer]
    requests: Sequence[Request]
    events: Sequence[Event]
    names: Sequence[str]
    samples: Mapping[str, Sample]
    spec: Mapping[str, Any]
    cost: float | None = None  # by now; None where no price is known
    others: Sequence[Job] = ()  # compared with
    other_spec: Mapping[str, Any] | None = None


@dataclass
class Curves:
    """The series that are drawn, kept between readings so that only new values are read."""

    names: list[str] = field(default_factory=lambda: ["loss"])
    known: dict[tuple[str, str], Series] = field(default_factory=dict)  # (job, metric)

    def extend(self, client: Client, job: Job) -> None:
        """Reads what has come."""
        for name in self.names:
            series = self.known.setdefault((job.id, name), Series(name))
            client.extend_series(series, job.id, job.attempt)

    def shown(self, data: JobData) -> list[Curve]:
        """As the chart wants them: this job's first."""
        found = []
        for job in (data.job, *data.others):
            for name in self.names:
                label = name if not data.others else f"{job.name} {name}" if len(self.names) > 1 else job.name
                series = self.known.get((job.id, name))
                if series is not None:
                    found.append(Curve(label, series))
        return found


def read_job(client: Client, ref: str, curves: Curves, compare: Sequence[str]) -> JobData:
    """All of it. Raises LtError `no_such_job`."""
    job = client.job(ref)
    names = client.metric_names(job.id)
    plain = [name for name in names if "/" not in name]
    if curves.names == ["loss"] and "loss" not in plain and plain:
        curves.names = [plain[0]]
    curves.extend(client, job)
    others = []
    for other in compare:
        try:
            found = client.job(other)
        except LtError:
            continue  # removed meanwhile
        if found.id == job.id:
            continue
        others.append(found)
        curves.extend(client, found)
    return JobData(
        job=job,
        reach=client.reachability().get(job.host),
        attempts=client.attempts(job.id),
        checkpoints=client.checkpoints(job.id),
        transfers=[item for item in client.transfers(job.id) if item.state not in ("done", "failed")],
        requests=client.requests(job.id),
        events=client.events(job.id)[::-1],
        names=plain + [name for name in names if "/" in name],
        samples=client.samples(job.id, job.attempt),
        spec=client.spec(job.id),
        cost=cost.cost if (cost := client.cost_of(job.id)) else None,
        others=others,
        other_spec=client.spec(others[0].id) if others else None,
    )
