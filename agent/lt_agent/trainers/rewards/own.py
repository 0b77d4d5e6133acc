"""A reward function from a Python file of the person's."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from typing import Any, Callable

from ..failures import TrainingFailure


def load_function(path: str, name: str) -> Callable[..., Any]:
    """`name` from the file at `path`: `def reward(completions, answer=None, **columns) -> list[float]`.

    Its folder is importable for it. Raises TrainingFailure `bad_recipe` with what is wrong with the file.
    """
    file = Path(path)
    if not file.is_file():
        raise TrainingFailure("bad_recipe", f"rewards: there is no file {path}")
    spec = importlib.util.spec_from_file_location(f"lt_reward_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise TrainingFailure("bad_recipe", f"rewards: {file.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.path.append(str(file.parent))  # last: nothing in it may stand in for a library
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise TrainingFailure("bad_recipe", f"rewards: {file.name}: {type(error).__name__}: {error}") from error
    function: Any = getattr(module, name, None)
    if not callable(function):
        there = ", ".join(key for key, value in vars(module).items() if inspect.isfunction(value)) or "none"
        raise TrainingFailure("bad_recipe", f"rewards: {file.name} has no function {name}; it has {there}")
    found: Callable[..., Any] = function
    return found
