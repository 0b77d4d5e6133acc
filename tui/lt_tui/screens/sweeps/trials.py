"""A sweep's trials as lines of a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from lt_controller.client import words
from lt_controller.client.trials import Sweep, Trial

from ...groups import word
from ...i18n import current
from ...text import Cell, duration, number, said
from ...widgets.table import Column


def trial_columns(keys: Sequence[str], sweep: Callable[[], Sweep | None]) -> list[Column[Trial]]:
    """A column for each key that is swept, by the last part of its name; `sweep` is what was read last."""

    def value(trial: Trial, _width: int) -> Cell:
        known = sweep()
        best = known is not None and known.best is not None and known.best.number == trial.number
        return ((number(trial.value) + (" *" if best else ""), "run bold" if best else ""),)

    return [
        Column("trial", "TRIAL", 12, lambda trial, _w: ((trial.job, "bold"),), sort=lambda t: t.number, grow=1),
        *(_of_key(key) for key in keys),
        Column("value", "VALUE", 10, value, sort=lambda trial: trial.value, right=True),
        Column("step", "STEP", 9, _steps, right=True, weight=3),
        Column("state", "STATE", 12, lambda trial, _w: word(trial.state), text=lambda trial: trial.state),
        Column("host", "HOST", 8, lambda trial, _w: trial.host or "", weight=1),
        Column("took", "TOOK", 8, _took, sort=lambda trial: trial.seconds, right=True, weight=2),
        Column("why", "WHY", 12, _why, grow=2, weight=4),
    ]


def _of_key(key: str) -> Column[Trial]:
    short = key.rpartition(".")[2]

    def sort(trial: Trial) -> Any:
        value = trial.params.get(key)
        return (0, value) if isinstance(value, (int, float)) else (1, str(value))

    return Column(short, short, min(14, max(6, len(short))), lambda t, _w: _shown(t.params.get(key)), sort, True)


def params(trial: Trial) -> str:
    """`learning_rate=0.001  r=16`: each by the last part of its key."""
    return "  ".join(f"{key.rpartition('.')[2]}={_shown(value)}" for key, value in trial.params.items())


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _steps(trial: Trial, _width: int) -> Cell:
    step = trial.step if trial.step is not None else trial.at
    if step is None:
        return ""
    return f"{step}/{trial.total_steps}" if trial.total_steps else str(step)


def _took(trial: Trial, _width: int) -> Cell:
    return duration(trial.seconds) if trial.seconds else ""


def _why(trial: Trial, _width: int) -> Cell:
    if trial.error:
        return ((said(trial.error).message, "warn"),)
    if trial.state == "failed":
        return words.why(trial.reason, trial.message, trial.exit_code, current())
    return ""
