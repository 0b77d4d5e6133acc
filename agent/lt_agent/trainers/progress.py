"""What a run has come to: the best result, early stopping, tokens. Pure, and carried over a resume in `lt.json`."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Mapping


@dataclass(frozen=True)
class Goal:
    """The metric that tells better from worse, and when to give up on it."""

    metric: str = "eval_loss"
    greater_is_better: bool = False
    patience: int | None = None  # evaluations in a row without a better result
    threshold: float = 0.0  # how much better counts

    def better(self, value: float, than: float | None) -> bool:
        """Whether `value` beats `than` by more than the threshold; anything beats nothing."""
        if than is None:
            return True
        gain = value - than if self.greater_is_better else than - value
        return gain > self.threshold


def goal_of(evaluate: Mapping[str, Any]) -> Goal:
    """The goal that a recipe's `eval:` block sets."""
    metric = str(evaluate.get("metric_for_best") or "eval_loss")
    metric = metric if metric.startswith("eval_") else f"eval_{metric}"
    greater = evaluate.get("greater_is_better")
    return Goal(
        metric=metric,
        greater_is_better=not metric.endswith("loss") if greater is None else bool(greater),
        patience=evaluate.get("early_stopping_patience"),
        threshold=float(evaluate.get("early_stopping_threshold") or 0.0),
    )


@dataclass
class Progress:
    """The state beside the weights that a resumed run must find again."""

    best: float | None = None  # of all evaluations
    best_saved: float | None = None  # of the evaluations at which a checkpoint was saved
    stale: int = 0  # evaluations since `best`
    num_tokens: float = 0.0  # seen in training

    def evaluated(self, goal: Goal, value: float) -> tuple[bool, bool]:
        """Takes note of an evaluation. Returns (it is the best so far, patience is at its end)."""
        if goal.better(value, self.best):
            self.best, self.stale = value, 0
            return True, False
        self.stale += 1
        return False, goal.patience is not None and self.stale >= goal.patience

    def saved(self, goal: Goal, value: float | None) -> bool:
        """Takes note of a checkpoint with that result (None: not evaluated at its step). Returns whether it is best."""
        if value is None or not math.isfinite(value):
            return False
        # No threshold here: it says when to give up, not which of two checkpoints is the better one.
        if self.best_saved is not None and not Goal(goal.metric, goal.greater_is_better).better(value, self.best_saved):
            return False
        self.best_saved = value
        return True

    def as_dict(self) -> dict[str, Any]:
        """For `lt.json`."""
        return asdict(self)


def progress_from(note: Mapping[str, Any]) -> Progress:
    """The progress in a checkpoint's note; a fresh one where it has none."""
    value = note.get("progress")
    if not isinstance(value, dict):
        return Progress()
    best, best_saved = _number(value.get("best")), _number(value.get("best_saved"))
    return Progress(best, best_saved, int(_number(value.get("stale")) or 0), _number(value.get("num_tokens")) or 0.0)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def metrics_line(logs: Mapping[str, Any], step: int, time: float) -> dict[str, Any]:
    """A line of metrics.jsonl from TRL's logs: numbers only, and null for NaN and infinity, which JSON has not."""
    line: dict[str, Any] = {"step": step, "time": round(time, 3)}
    for key, value in logs.items():
        if key not in line and isinstance(value, (int, float)) and not isinstance(value, bool):
            line[key] = float(value) if math.isfinite(value) else None
    return line


def progress_line(logs: Mapping[str, Any], step: int, total: int, rate: float | None) -> str:
    """The log's line: `step 10/200  loss 1.234  lr 2.0e-04  3.2 it/s  ETA 00:41`. `rate` is in steps per second."""
    parts = [f"step {step}/{total}"]
    for key, label, form in (
        ("loss", "loss", "{:.4f}"),
        ("eval_loss", "eval loss", "{:.4f}"),
        ("reward", "reward", "{:.3f}"),
        ("rewards/margins", "margin", "{:.3f}"),
        ("learning_rate", "lr", "{:.1e}"),
    ):
        value = logs.get(key)
        if isinstance(value, (int, float)):
            parts.append(f"{label} {form.format(value)}")
    if rate and "loss" in logs:
        parts.append(f"{rate:.1f} it/s" if rate >= 1 else f"{1 / rate:.1f} s/it")
        parts.append(f"ETA {clock((total - step) / rate)}")
    return "  ".join(parts)


def clock(seconds: float) -> str:
    """`00:41`, `12:03:59`: minutes and seconds, with hours where there are any."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    return (f"{hours}:" if hours else "") + f"{rest // 60:02d}:{rest % 60:02d}"
