"""`method: ppo`: answers graded and learnt from within a clipping range, with a value for each token."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from .base import Count, Fraction, NotNegative, Positive, WrittenSection
from .recipe import Recipe
from .rewards import RewardEntry


class PpoSection(WrittenSection):
    """`ppo:`, by the names of TRL 1.12, the last that had it (`adap_kl_ctrl`, `target`, `horizon`: 0.11)."""

    num_ppo_epochs: Count | None = Field(default=None, description="how often a round is learnt from; default 4")
    num_mini_batches: Count | None = Field(
        default=None, description="steps per pass over a round; a round has so many times a step's answers; default 1"
    )
    response_length: Count | None = Field(default=None, description="tokens per answer; default 53")
    temperature: Positive | None = Field(default=None, description="of sampling; default 0.7")
    local_rollout_forward_batch_size: Count | None = Field(
        default=None, description="answers written and read at once before learning begins; default 64"
    )
    missing_eos_penalty: NotNegative | None = Field(
        default=None, description="taken from the score of an answer that was cut"
    )
    whiten_rewards: bool | None = Field(default=None, description="scale rewards to variance 1; default false")
    kl_coef: NotNegative | None = Field(
        default=None, description="weight of the distance to the start; default 0.05; 0 needs no frozen copy"
    )
    kl_estimator: Literal["k1", "k3"] | None = Field(default=None, description="how it is measured; default k1")
    adap_kl_ctrl: bool | None = Field(default=None, description="lead the distance to target; default false")
    target: Positive | None = Field(default=None, description="of the distance, nats per answer; default 6")
    horizon: Positive | None = Field(default=None, description="answers in which the weight follows; default 10000")
    cliprange: Positive | None = Field(default=None, description="clipping range of the ratio; default 0.2")
    vf_coef: NotNegative | None = Field(default=None, description="weight of the value's loss; default 0.1")
    cliprange_value: Positive | None = Field(default=None, description="clipping range of the value; default 0.2")
    gamma: Positive | None = Field(default=None, le=1, description="discount per token; default 1")
    lam: Fraction | Literal[1] | None = Field(default=None, description="of advantage estimation (GAE); default 0.95")

    @model_validator(mode="after")
    def _adaptive_keys(self) -> PpoSection:
        for key in ("target", "horizon"):
            if getattr(self, key) is not None and not self.adap_kl_ctrl:
                raise ValueError(f"{key} is for adap_kl_ctrl: true")
        if self.adap_kl_ctrl and self.kl_coef == 0:
            raise ValueError("adap_kl_ctrl multiplies kl_coef, so it must be above 0")
        return self


class PpoRecipe(Recipe):
    """Let the model write answers, and learn from their grades by PPO, with a value head of its own."""

    data_types: ClassVar[tuple[str, ...]] = ("prompt",)

    method: Literal["ppo"] = Field(description="how to train: ppo")
    ppo: PpoSection = Field(default_factory=PpoSection, description="writing and the loss")
    rewards: list[RewardEntry] = Field(min_length=1, description="what a good answer is: one or more, added up")

    @model_validator(mode="after")
    def _best_by_a_metric_there_is(self) -> PpoRecipe:
        if self.eval.active and self.eval.metric_for_best == "eval_loss":
            raise ValueError("eval.metric_for_best: ppo has no loss on held-out prompts: write eval_reward")
        return self
