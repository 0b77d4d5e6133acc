"""`method: grpo`: answers compared within their group, through TRL's GRPOTrainer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import Fraction, NotNegative, Positive
from .rollout import RolloutRecipe, RolloutSection


class GroupSection(RolloutSection):
    """The keys of `grpo:` and `gspo:`."""

    loss_type: Literal["grpo", "dr_grpo", "dapo", "bnpo", "cispo", "sapo", "luspo", "vespo"] | None = Field(
        default=None, description="how tokens are averaged and clipped; default dapo, for gspo grpo"
    )
    importance_sampling_level: Literal["token", "sequence"] | None = Field(
        default=None, description="a ratio per token or per answer; default token, for gspo sequence"
    )
    scale_rewards: Literal["group", "batch", "none"] | None = Field(
        default=None, description="divide by the spread within the group (default), the batch, or not"
    )
    multi_objective_aggregation: Literal["sum_then_normalize", "normalize_then_sum"] | None = Field(
        default=None, description="several rewards: added first (default), or each scaled first"
    )
    delta: Positive | None = Field(default=None, description="upper bound of the ratio for bad answers (INTELLECT-2)")
    top_entropy_quantile: Fraction | Literal[1] | None = Field(
        default=None, description="learn from the least certain tokens alone; default 1, all"
    )
    entropy_coef: float | None = Field(default=None, description="reward for uncertainty; default 0")
    use_adaptive_entropy: bool | None = Field(default=None, description="find that coefficient while training")
    entropy_coef_min: float | None = Field(default=None, description="its bounds; default 0")
    entropy_coef_max: float | None = Field(default=None, description="default 1")
    entropy_coef_delta: NotNegative | None = Field(default=None, description="how fast it moves; default 0.005")
    entropy_target: NotNegative | None = Field(default=None, description="where it shall lead; default 0.2")
    sapo_temperature_neg: Positive | None = Field(default=None, description="of loss_type sapo; default 1.05")
    sapo_temperature_pos: Positive | None = Field(default=None, description="of loss_type sapo; default 1.0")
    vespo_k_pos: Positive | None = Field(default=None, description="of loss_type vespo; default 2.0")
    vespo_lambda_pos: Positive | None = Field(default=None, description="of loss_type vespo; default 3.0")
    vespo_k_neg: Positive | None = Field(default=None, description="of loss_type vespo; default 3.0")
    vespo_lambda_neg: Positive | None = Field(default=None, description="of loss_type vespo; default 2.0")
    cast_lm_head_to_fp32: bool | None = Field(default=None, description="the output layer in float32; default false")
    off_policy_mask_threshold: NotNegative | None = Field(
        default=None, description="leave out bad answers that the model has moved too far away from"
    )
    use_bias_correction_kl: bool | None = Field(default=None, description="weigh the distance by the ratio")


class GrpoRecipe(RolloutRecipe):
    """Let the model write several answers to each prompt, and learn from the better ones."""

    method: Literal["grpo"] = Field(description="how to train: grpo")
    grpo: GroupSection = Field(default_factory=GroupSection, description="writing and the loss")
