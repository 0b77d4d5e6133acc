"""Which methods this agent can train. A new one is its own module with `train`, and a line here."""

from __future__ import annotations

import importlib
from typing import Any, Callable

from .control import EarlyLeave, Requests
from .failures import TrainingFailure
from .job import WorkerJob

Train = Callable[[WorkerJob, Requests, EarlyLeave, "dict[str, Any]"], None]

METHODS = {"sft": ".sft"}
"""`method` of a recipe → the module whose `train(job, requests, leave, note)` trains it."""

MODULES = {"sft": ("torch", "transformers", "trl", "accelerate", "datasets")}
"""What a method imports, so that what is missing is named before anything slow begins."""


def trainer_for(method: str) -> Train:
    """The function that trains `method`. Raises TrainingFailure `bad_recipe` for one this agent does not know."""
    if method not in METHODS:
        raise TrainingFailure("bad_recipe", f"method {method!r} is unknown to this agent; it has {', '.join(METHODS)}")
    train: Train = importlib.import_module(METHODS[method], __package__).train
    return train
