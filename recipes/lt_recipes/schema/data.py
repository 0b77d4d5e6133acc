"""`datasets:`: what the model learns from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from .base import Count, Positive, Section, Text

DataType = Literal[
    "text", "messages", "prompt_completion", "alpaca", "sharegpt", "preference", "unpaired_preference", "prompt"
]

COLUMNS: dict[str, dict[str, bool]] = {
    "text": {"text": True},
    "messages": {"messages": True},
    "prompt_completion": {"prompt": True, "completion": True},
    "alpaca": {"instruction": True, "output": True, "input": False, "system": False, "history": False},
    "sharegpt": {"conversations": True, "system": False},
    "preference": {"prompt": False, "chosen": True, "rejected": True},
    "unpaired_preference": {"prompt": True, "completion": True, "label": True},
    "prompt": {"prompt": True, "answer": False},
}
"""Per type its column names, and whether a row must have the column."""

_TAKEN = ("prompts", "completion", "completions", "completion_ids", "trainer_state", "log_extra", "log_metric")
_READ = ("image", "images", "tools", "environment", "environments", "chat_template_kwargs")
"""What TRL calls a reward with by itself, or reads in a row: no names for columns of one's own."""


class DatasetSection(Section):
    """One entry of `datasets:`."""

    path: Text = Field(description="file or folder (jsonl, json, csv, parquet), host:/path, job:NAME or hub id")
    type: DataType = Field(description="the shape of a row")
    columns: dict[str, Text] = Field(
        default_factory=dict,
        description="the file's own column names: {prompt: question}; for prompt also others, for rewards of yours",
    )
    split: Text = Field(default="train", description="the split of a hub data set")
    name: Text | None = Field(default=None, description="the configuration (subset) of a hub data set")
    revision: Text | None = Field(default=None, description="branch, tag or commit of a hub data set")
    max_samples: Count | None = Field(default=None, description="take at most this many rows, from the top")
    weight: Positive = Field(
        default=1.0, description="rows seen per epoch: 0.5 takes half of them (drawn by seed), 2 takes each twice"
    )

    @model_validator(mode="after")
    def _known_columns(self) -> DatasetSection:
        known = COLUMNS[self.type]
        for column in self.columns:
            if column in known:
                continue
            if self.type != "prompt":
                raise ValueError(f"columns: type {self.type} has no {column}; it has {', '.join(known)}")
            if not column.isidentifier() or column in (*_TAKEN, *_READ):
                raise ValueError(f"columns: rewards can't be called with {column}: give it another name")
        return self
