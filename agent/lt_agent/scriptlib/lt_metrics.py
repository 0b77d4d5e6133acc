"""Metrics for your own training script, for jobs started by `lt run`.

    import lt_metrics
    lt_metrics.log({"loss": 0.31, "lr": 2e-4}, step=100)

One file without dependencies, for Python 3.6 and later. Outside of a job it does nothing, so the line may stay where
it is. Each call appends one JSON line to the file named by $LT_METRICS; several processes may do so at once.
"""

import json
import os
from typing import Any, Dict, Optional

__all__ = ["log"]

_next_step = 0


def log(metrics: Dict[str, Any], step: Optional[int] = None) -> None:
    """Record numbers at `step`.

    metrics: a dict of names and numbers; whatever has `.item()` (a tensor, a NumPy scalar) is taken as its number.
        NaN and infinities are recorded as null. Nested dicts become names with `/`; other values are left out.
    step: an integer; without it, one more than the last one that this process logged.
    Never raises for what it can't write: a metric is not worth a training.
    """
    global _next_step
    if step is None:
        step = _next_step
    step = int(step)
    _next_step = step + 1
    path = os.environ.get("LT_METRICS")
    if not path:
        return
    line = {"step": step}  # type: Dict[str, Any]
    _flatten(metrics, "", line)
    data = (json.dumps(line, allow_nan=False) + "\n").encode("utf-8")
    try:
        # A single write to a descriptor opened for appending: lines of several processes do not mix.
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(fd, data)
        finally:
            os.close(fd)
    except OSError:
        pass


def _flatten(metrics: Dict[str, Any], prefix: str, line: Dict[str, Any]) -> None:
    for key, value in metrics.items():
        name = prefix + str(key)
        if isinstance(value, dict):
            _flatten(value, name + "/", line)
            continue
        number = _number(value)
        if number is not _ABSENT and name != "step":
            line[name] = number


_ABSENT = object()


def _number(value: Any) -> Any:
    if not isinstance(value, (int, float)) and hasattr(value, "item"):
        try:
            value = value.item()
        except Exception:  # a tensor of many numbers, or one whose device is gone
            return _ABSENT
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None  # NaN and the infinities are not equal to it
    return _ABSENT
