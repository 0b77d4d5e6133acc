"""`method: reward`: a model that gives an answer one number, through TRL's RewardTrainer."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from .base import Count, NotNegative, Text, WrittenSection
from .recipe import Recipe
from .train import AnswersTrainSection


class RewardTrainSection(AnswersTrainSection):
    """`train:` of `reward`."""

    pad_to_multiple_of: Count | None = Field(default=None, description="pad rows to a multiple of this many tokens")
    activation_offloading: bool | None = Field(default=None, description="keep activations in main memory")
    chat_template_path: Text | None = Field(
        default=None, description="a Jinja file or a tokenizer whose chat template is used"
    )
    eos_token: Text | None = Field(default=None, description="the token that ends a turn")


class RewardSection(WrittenSection):
    """`reward:`: the loss."""

    center_rewards_coefficient: NotNegative | None = Field(
        default=None, description="keeps the numbers' mean near 0; the paper (Eisenstein et al.) takes 0.01"
    )
    disable_dropout: bool | None = Field(default=None, description="no dropout, also in an adapter; default true")


class RewardRecipe(Recipe):
    """Learn to grade answers, for a reward in `grpo`, `gspo`, `rloo` or `ppo`."""

    data_types: ClassVar[tuple[str, ...]] = ("preference",)

    method: Literal["reward"] = Field(description="how to train: reward")
    train: RewardTrainSection = Field(default_factory=RewardTrainSection, description="arguments of the training")
    reward: RewardSection = Field(default_factory=RewardSection, description="the loss")
