"""`eval:`, `save:`, `resources:`, `env:`: how a run behaves around the training itself."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from .base import (
    Count,
    Duration,
    Natural,
    NotNegative,
    Portion,
    Positive,
    Section,
    Size,
    Steps,
    Text,
    Variable,
    WrittenSection,
)
from .data import DatasetSection

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SECRET = re.compile(r"(^|_)(TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS?)(_|$)")
_OURS = re.compile(r"LT_")


class EvalSection(Section):
    """`eval:`: measure on held-out rows. Off unless val_set_size or datasets is given."""

    val_set_size: Portion = Field(
        default=0, description="held out of datasets: below 1 a fraction, else a number of rows; 0 is none"
    )
    datasets: list[DatasetSection] = Field(
        default_factory=list, description="evaluate on these instead; entries as in datasets"
    )
    eval_steps: Steps | None = Field(
        default=None, description="every so many steps (below 1: fraction of all); absent: after each epoch"
    )
    eval_on_start: bool = Field(default=False, description="evaluate once before the first step")
    early_stopping_patience: Count | None = Field(
        default=None, description="stop after so many evaluations without a better result"
    )
    early_stopping_threshold: NotNegative = Field(default=0.0, description="how much better counts as better")
    metric_for_best: Text = Field(default="eval_loss", description="the metric that tells the best checkpoint")
    greater_is_better: bool | None = Field(
        default=None, description="absent: false for a metric whose name ends in loss, else true"
    )
    load_best_model_at_end: bool = Field(
        default=False, description="the finished model has the best checkpoint's weights, not the last step's"
    )

    @property
    def active(self) -> bool:
        """Whether anything is evaluated."""
        return bool(self.val_set_size or self.datasets)

    @model_validator(mode="after")
    def _consistent(self) -> EvalSection:
        if self.val_set_size and self.datasets:
            raise ValueError("give val_set_size or datasets, not both")
        for key in ("eval_steps", "early_stopping_patience"):
            if getattr(self, key) is not None and not self.active:
                raise ValueError(f"{key} needs rows to evaluate on: give val_set_size or datasets")
        for key in ("eval_on_start", "load_best_model_at_end"):
            if getattr(self, key) and not self.active:
                raise ValueError(f"{key} needs rows to evaluate on: give val_set_size or datasets")
        return self


class SaveSection(Section):
    """`save:`: when checkpoints are made, how many stay on the host, which come home."""

    save_steps: Steps | None = Field(
        default=None, description="every so many steps (below 1: fraction of all); absent: after each epoch"
    )
    save_total_limit: Count | None = Field(
        default=3, description="checkpoints kept on the host: the newest ones, beside them the best; null: all"
    )
    pull: Literal["last", "best", "all", "none"] = Field(
        default="last", description="which checkpoints come home by themselves; the finished model does unless none"
    )


class ResourcesSection(Section):
    """`resources:`: what the run needs of a host."""

    gpus: Natural = Field(default=1, description="GPUs to wait for; 0 trains on the CPU")
    gpu_memory: Size = Field(default=0, description="what each of its GPUs must have in all: 24GiB; 0: any will do")
    cpus: Natural = Field(default=0, description="cores to wait for, counted among jobs that ask for some")
    disk: Size = Field(default=0, description="free space on the host's data disk to wait for: 200GiB")
    disk_floor: Size = Field(
        default=256 << 20, description="free space on the host's data disk below which the run saves and stops"
    )


class WatchSection(WrittenSection):
    """`watch:`: when a run counts as hung. It is stopped then, and started once more from its last checkpoint."""

    step_factor: Positive | None = Field(default=None, description="times the usual step; default 10")
    step_floor: Duration | None = Field(default=None, description="no step shorter than this hangs; default 2m")
    step: Duration | None = Field(default=None, description="the first steps, before one is usual; default 30m")
    loading: Duration | None = Field(default=None, description="imports, model and data; default 1h")
    tokenising: Duration | None = Field(default=None, description="default 4h")
    evaluating: Duration | None = Field(default=None, description="one evaluation; default 4h")
    saving: Duration | None = Field(default=None, description="one checkpoint; default 1h")


class EnvSection(Section):
    """`env:`: which Python runs the training. Empty: chosen from what the host has, see docs/environments.md."""

    python: Text | None = Field(default=None, description="an interpreter of the host, by its absolute path")
    lock: Text | None = Field(default=None, description="a shipped lock by name (sft), or a lock file of yours")
    packages: list[Text] = Field(default_factory=list, description="further requirements: [bitsandbytes==0.49.0]")
    variables: dict[str, Variable] = Field(default_factory=dict, description="environment variables, no secrets")

    @field_validator("python")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("/", "~/")):
            raise ValueError("must be an absolute path on the host, such as /opt/conda/bin/python")
        return value

    @field_validator("packages")
    @classmethod
    def _requirements(cls, value: list[str]) -> list[str]:
        for line in value:
            # A leading dash would be an option of uv (an index, a file to read), not a requirement.
            if not re.match(r"[A-Za-z0-9]", line) or any(c in line for c in "\n\r\0"):
                raise ValueError(f"{line!r} is no requirement; write name==version")
        return value

    @field_validator("variables")
    @classmethod
    def _variable_names(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if not _VARIABLE.match(name):
                raise ValueError(f"{name!r} is no name of an environment variable")
            if _OURS.match(name) or name in ("CUDA_VISIBLE_DEVICES", "PYTHONPATH", "PYTHONUNBUFFERED"):
                raise ValueError(f"{name} is set by lt itself")
            if _SECRET.search(name.upper()):
                raise ValueError(f"{name} looks like a secret; a recipe is stored and sent as it is, so keep it out")
        return value

    @model_validator(mode="after")
    def _one_base(self) -> EnvSection:
        if self.python is not None and self.lock is not None:
            raise ValueError("give python (use that interpreter) or lock (build a new one), not both")
        return self
