"""`method: kto`: answers marked as good or bad, through TRL's KTOTrainer."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from .base import NotNegative
from .recipe import Recipe
from .reference import PrecomputedReferenceSection, ReferenceTrainSection


class KtoSection(PrecomputedReferenceSection):
    """`kto:`: the loss."""

    beta: NotNegative | None = Field(default=None, description="how much leaving the start costs; default 0.1")
    loss_type: Literal["kto", "apo_zero_unpaired"] | None = Field(default=None, description="default kto")
    desirable_weight: NotNegative | None = Field(default=None, description="weight of good answers; default 1")
    undesirable_weight: NotNegative | None = Field(default=None, description="weight of bad answers; default 1")


class KtoRecipe(Recipe):
    """Learn from single answers and whether each is a good one."""

    data_types: ClassVar[tuple[str, ...]] = ("unpaired_preference",)

    method: Literal["kto"] = Field(description="how to train: kto")
    train: ReferenceTrainSection = Field(default_factory=ReferenceTrainSection, description="arguments of the training")
    kto: KtoSection = Field(default_factory=KtoSection, description="the loss")

    @model_validator(mode="after")
    def _more_than_one_row(self) -> KtoRecipe:
        if self.train.per_device_train_batch_size == 1 and (self.kto.loss_type or "kto") == "kto":
            raise ValueError(
                "train.per_device_train_batch_size must be at least 2: kto compares answers with those of other rows"
            )
        return self
