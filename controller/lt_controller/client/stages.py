"""A pipeline and its stages, as they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..store import pipelines as stored

if TYPE_CHECKING:
    from .details import Plan


@dataclass(frozen=True)
class Stage:
    """A stage as it stands. `state` is its job's, or one of `ready`, `pending`, `blocked` and `refused`."""

    name: str
    kind: str  # `recipe` or `command`
    title: str  # the recipe's name, or the command
    asked: str  # the host, or the choice of hosts
    needs: tuple[str, ...]
    state: str
    job: str  # the id of the job that it is, or becomes
    job_name: str
    host: str | None = None  # where its job is
    attempt: int | None = None
    reason: str | None = None
    message: str | None = None
    exit_code: int | None = None
    step: int | None = None
    total_steps: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: Mapping[str, Any] | None = None  # why its submit was refused
    waits: Mapping[str, Any] | None = None  # why it is not submitted yet
    digest: str = ""
    work: Mapping[str, Any] = field(default_factory=dict)  # an `orders.Order`
    gone: bool = False  # its job was removed, or another laptop has taken it over


@dataclass(frozen=True)
class Pipeline:
    """A pipeline as it stands. `state`: running, stopping, succeeded, failed or stopped."""

    id: str
    name: str
    file: str
    state: str
    by: str
    params: Mapping[str, Any]
    created_at: datetime | None
    finished_at: datetime | None
    said: tuple[str, ...]  # of the parameters those that were given with the command: `NAME=VALUE`
    on: str | None  # the host that was given with it
    stages: tuple[Stage, ...]  # in an order in which they can run

    @property
    def alive(self) -> bool:
        """It has not come to rest."""
        return self.state in stored.GOING_ON

    def stage(self, name: str) -> Stage:
        """Raises KeyError."""
        return next(stage for stage in self.stages if stage.name == name)


@dataclass(frozen=True)
class StagePlan:
    """What would be done with a stage. `action`: see `lt_recipes.pipeline.graph.actions`."""

    name: str
    action: str  # keep, again, anew, wait; `gone` for one that is in the file no more
    asked: str
    needs: tuple[str, ...]
    title: str
    plan: Plan | None = None  # of its submit, as far as it can be said before the others have run
