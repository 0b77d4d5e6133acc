"""`method: rloo`: REINFORCE with the other answers as baseline, through TRL's RLOOTrainer."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from .rollout import RolloutRecipe, RolloutSection


class RlooSection(RolloutSection):
    """`rloo:`: writing and the loss."""

    normalize_advantages: bool | None = Field(default=None, description="scale advantages over the batch")
    reward_clip_range: tuple[float, float] | None = Field(default=None, description="rewards are cut to [low, high]")


class RlooRecipe(RolloutRecipe):
    """Let the model write several answers to each prompt, each measured against the others."""

    default_generations: ClassVar[int] = 2

    method: Literal["rloo"] = Field(description="how to train: rloo")
    rloo: RlooSection = Field(default_factory=RlooSection, description="writing and the loss")
