"""`method: orpo`: preference and imitation in one loss, through TRL's ORPOTrainer."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from .base import Count, NotNegative, WrittenSection
from .recipe import Recipe
from .train import AnswersTrainSection


class OrpoSection(WrittenSection):
    """`orpo:`: the loss."""

    beta: NotNegative | None = Field(default=None, description="weight of the preference (λ); default 0.1")
    max_completion_length: Count | None = Field(default=None, description="tokens per answer, longer ones are cut")
    disable_dropout: bool | None = Field(default=None, description="no dropout, also in an adapter; default true")


class OrpoRecipe(Recipe):
    """Learn the better of two answers, without a frozen copy of the model."""

    data_types: ClassVar[tuple[str, ...]] = ("preference",)

    method: Literal["orpo"] = Field(description="how to train: orpo")
    train: AnswersTrainSection = Field(default_factory=AnswersTrainSection, description="arguments of the training")
    orpo: OrpoSection = Field(default_factory=OrpoSection, description="the loss")
