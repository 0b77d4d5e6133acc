"""`method: dpo`: preferences learnt directly, through TRL's DPOTrainer with all its losses."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from .base import Fraction, NotNegative
from .recipe import Recipe
from .reference import PrecomputedReferenceSection, ReferenceTrainSection

Loss = Literal[
    "sigmoid",
    "hinge",
    "ipo",
    "exo_pair",
    "nca_pair",
    "robust",
    "bco_pair",
    "sppo_hard",
    "aot",
    "aot_unpaired",
    "apo_zero",
    "apo_down",
    "discopop",
    "sft",
    "sigmoid_norm",
]
Divergence = Literal["reverse_kl", "forward_kl", "js_divergence", "alpha_divergence"]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class DpoSection(PrecomputedReferenceSection):
    """`dpo:`: the loss."""

    beta: NotNegative | None = Field(default=None, description="how much leaving the start costs; default 0.1")
    loss_type: Annotated[list[Loss], BeforeValidator(_as_list), Field(min_length=1)] | None = Field(
        default=None, description="the loss, or several that are added up; default sigmoid"
    )
    loss_weights: list[NotNegative] | None = Field(default=None, description="a weight for each of several losses")
    label_smoothing: Fraction | None = Field(
        default=None, description="share of wrong labels that robust and exo_pair assume; default 0"
    )
    f_divergence_type: Divergence | None = Field(
        default=None, description="how the distance to the start is measured; default reverse_kl"
    )
    f_alpha_divergence_coef: NotNegative | None = Field(default=None, description="of alpha_divergence; default 0.5")
    ld_alpha: NotNegative | None = Field(default=None, description="weight of what makes an answer longer (LD-DPO)")
    use_weighting: bool | None = Field(default=None, description="weigh pairs by how likely they are (WPO)")
    discopop_tau: NotNegative | None = Field(default=None, description="of discopop; default 0.05")

    @model_validator(mode="after")
    def _consistent(self) -> DpoSection:
        losses = self.loss_type or ["sigmoid"]
        if self.loss_weights is not None and len(self.loss_weights) != len(losses):
            raise ValueError(f"loss_weights needs a weight for each of the {len(losses)} losses")
        if "exo_pair" in losses and not self.label_smoothing:
            raise ValueError("loss_type exo_pair needs a label_smoothing above 0: its paper (EXO) takes 1e-3")
        if self.use_weighting and {"aot", "aot_unpaired"} & set(losses):
            raise ValueError("use_weighting does not go with aot, which sorts the rows")
        return self


class DpoRecipe(Recipe):
    """Learn which of two answers is the better one."""

    data_types: ClassVar[tuple[str, ...]] = ("preference",)

    method: Literal["dpo"] = Field(description="how to train: dpo")
    train: ReferenceTrainSection = Field(default_factory=ReferenceTrainSection, description="arguments of the training")
    dpo: DpoSection = Field(default_factory=DpoSection, description="the loss")
