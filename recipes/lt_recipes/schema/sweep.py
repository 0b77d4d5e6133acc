"""`sweep:`: one recipe tried with many values."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from .base import Count, Duration, Float, Int, Natural, Section, Text

MAX_TRIALS = 1000
GRID_FORM = "train.learning_rate: [1e-5, 1e-4]"
SEARCH_FORM = "train.learning_rate: {log: [1e-6, 1e-3]}"
_GROWS = re.compile(r"(^|[_/.-])(acc|accuracy|reward|rewards|f1|bleu|rouge\w*|auc|precision|recall)([_/.-]|$)", re.I)


class SpaceSection(Section):
    """Where one value of a search comes from: exactly one of the keys."""

    choice: list[Any] | None = Field(default=None, min_length=1, description="one of these, in no order")
    uniform: tuple[Float, Float] | None = Field(default=None, description="a number between two")
    log: tuple[Float, Float] | None = Field(default=None, description="a number between two, even in its logarithm")
    integer: tuple[Int, Int] | None = Field(default=None, description="a whole number between two, both of them in")
    log_integer: tuple[Int, Int] | None = Field(
        default=None, description="a whole number between two, even in its logarithm"
    )

    @property
    def kind(self) -> str:
        """Which of the keys was given."""
        return next(name for name in type(self).model_fields if getattr(self, name) is not None)

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest number; of no use for `choice`."""
        low, high = getattr(self, self.kind)
        return low, high

    @model_validator(mode="after")
    def _one_of_them(self) -> SpaceSection:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"must say one of choice, uniform, log, integer, log_integer: {SEARCH_FORM}")
        if self.choice is not None:
            if not all(value is None or isinstance(value, (str, int, float)) for value in self.choice):
                raise ValueError("must hold single values; a block of values is swept key by key")
            return self
        low, high = self.bounds
        if not low < high:
            raise ValueError(f"must name the lower bound first, not {low:g} and {high:g}")
        if self.kind.startswith("log") and low <= 0:
            raise ValueError(f"must begin above 0 for a logarithm, not at {low:g}")
        return self


class SweepSection(Section):
    """`sweep:` as it was meant. Keys that are none of these are axes of the grid: `seed: [1, 2, 3]`."""

    grid: dict[str, list[Any]] = Field(
        default_factory=dict, description="every combination of these values, the last key changing fastest"
    )
    search: dict[str, SpaceSection] = Field(
        default_factory=dict, description="values that Optuna picks, learning from the trials before"
    )
    trials: Count | None = Field(default=None, le=MAX_TRIALS, description="of a search: how many")
    metric: Text | None = Field(default=None, description="what a trial is judged by, as lt metrics names it")
    direction: Literal["minimize", "maximize"] = Field(default="minimize", description="which values of it are better")
    value: Literal["last", "best"] = Field(
        default="last", description="a trial counts by the metric's last value, or by its best one"
    )
    concurrency: Count | None = Field(
        default=None, description="trials at a time; absent: as many as the hosts have slots for"
    )
    pruner: Literal["none", "median", "hyperband"] = Field(
        default="none", description="stops trials early that fall behind the others"
    )
    warmup_steps: Natural = Field(default=0, description="no trial is pruned before this step")
    startup_trials: Natural = Field(default=5, description="median: nothing is pruned before so many have ended")
    sampler: Literal["tpe", "random"] = Field(default="tpe", description="how the search picks values")
    sampler_seed: Natural = Field(default=0, description="of the search's own dice")
    budget: Duration | None = Field(
        default=None, description="no trial begins once all together have run for so long: 24h"
    )
    stop_after_failures: Natural = Field(
        default=3, description="so many trials failing one after the other end the sweep; 0: none do"
    )

    @field_validator("grid")
    @classmethod
    def _axes(cls, grid: dict[str, list[Any]]) -> dict[str, list[Any]]:
        for key, values in grid.items():
            if not values:
                raise ValueError(f"{key} has no values")
            if any(value in values[:index] for index, value in enumerate(values) if not isinstance(value, bool)):
                raise ValueError(f"{key} has the same value twice")
        return grid

    @model_validator(mode="after")
    def _whole(self) -> SweepSection:
        if bool(self.grid) == bool(self.search):
            raise ValueError(f"must have values to try, in a grid ({GRID_FORM}) or a search, not both")
        if self.search and (self.trials is None or self.metric is None):
            missing = "trials" if self.trials is None else "metric"
            raise ValueError(f"{missing}: a search needs it: trials: 20, metric: eval_loss")
        if self.grid and self.trials is not None:
            raise ValueError("trials: a grid has as many as its values make; leave it out")
        if self.pruner != "none" and self.metric is None:
            raise ValueError("pruner: pruning needs a metric")
        if self.metric is not None and "direction" not in self.model_fields_set and _GROWS.search(self.metric):
            raise ValueError(f"direction: say whether {self.metric} is better high: direction: maximize")
        return self
