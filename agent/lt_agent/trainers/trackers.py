"""Trackers beside lt's own metrics: one that is not there, or that fails, is told and left out. A training goes on."""

from __future__ import annotations

import dataclasses
import functools
import sys
import time
from typing import Any, Callable

from lt_agent.protocol.files import append_line

from .job import WorkerJob, is_main, say


def tell_of_missing(job: WorkerJob) -> None:
    """Of each tracker that the recipe names and this interpreter has not."""
    for name in job.section("train").get("report_to") or ():
        if name not in job.trackers:
            say(f"{name} is not installed in {sys.executable}: nothing is reported to it; lt's own metrics have it all")
            _tell(job, "tracker_missing", tracker=name, python=sys.executable)


def with_trackers_that_load(job: WorkerJob) -> WorkerJob:
    """The job without the trackers that can't even be loaded. Imports transformers."""
    from transformers.integrations import get_reporting_integration_callbacks

    loaded = []
    for name in job.trackers:
        try:
            get_reporting_integration_callbacks([name])[0]()
        except Exception as error:  # whatever a tracker raises, a training is worth more
            _tell_of_failure(job, name, error)
        else:
            loaded.append(name)
    train = {**job.section("train"), "report_to": loaded}
    return dataclasses.replace(job, recipe={**job.recipe, "train": train}) if loaded != job.trackers else job


def guard(trainer: Any, job: WorkerJob) -> None:
    """Lets no tracker of `trainer` end the training: without a network, an account or its old interface they raise."""
    from transformers.integrations import get_reporting_integration_callbacks

    names = {kind: name for name in job.trackers for kind in get_reporting_integration_callbacks([name])}
    handler = trainer.callback_handler
    handler.callbacks = [
        _Guarded(names[type(callback)], callback, job) if type(callback) in names else callback
        for callback in handler.callbacks
    ]


class _Guarded:
    """A tracker's callback up to its first error."""

    def __init__(self, name: str, callback: Any, job: WorkerJob) -> None:
        self._name, self._callback, self._job = name, callback, job
        self._failed = False

    def __getattr__(self, event: str) -> Any:
        found = getattr(self._callback, event)
        return functools.partial(self._told, found) if event.startswith("on_") else found

    def _told(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self._failed:
            return None
        try:
            return call(*args, **kwargs)
        except Exception as error:
            self._failed = True
            _tell_of_failure(self._job, self._name, error)
            return None


def _tell_of_failure(job: WorkerJob, name: str, error: Exception) -> None:
    why = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    say(f"{name} failed, and nothing more is reported to it; lt's own metrics have it all: {why}")
    _tell(job, "tracker_failed", tracker=name, why=why)


def _tell(job: WorkerJob, code: str, **params: str) -> None:
    if is_main():
        append_line(job.paths.events, {"time": time.time(), "code": code, "params": params})
