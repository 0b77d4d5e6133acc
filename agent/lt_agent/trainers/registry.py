"""Which methods this agent can train. A new one is its own module with `METHOD`, and its name here."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from typing import Any, Callable, Sequence

from .control import EarlyLeave, Requests
from .failures import TrainingFailure
from .hang import Watch
from .job import WorkerJob

Train = Callable[[WorkerJob, Requests, EarlyLeave, Watch, "dict[str, Any]"], None]

METHODS = ("sft", "dpo", "kto", "orpo", "reward", "grpo", "gspo", "rloo", "ppo")
"""`method` of a recipe, and the name of the module here that holds its `METHOD`."""

MODULES = ("torch", "transformers", "trl", "accelerate", "datasets")
"""What every method imports, so that what is missing is named before anything slow begins."""


def trainer_for(method: str) -> Train:
    """The function that trains `method`. Raises TrainingFailure `bad_recipe` for one this agent does not know."""
    if method not in METHODS:
        raise TrainingFailure("bad_recipe", f"method {method!r} is unknown to this agent; it has {', '.join(METHODS)}")
    from . import common

    module = importlib.import_module(f".{method}", __package__)
    return functools.partial(common.train, module.METHOD)


def missing_modules(names: Sequence[str]) -> list[str]:
    """Those of `names` that this interpreter can't import, found without importing them."""
    return [name for name in names if importlib.util.find_spec(name) is None]
