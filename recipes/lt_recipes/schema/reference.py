"""What the methods share that compare the model with a frozen copy of what it was at the start."""

from __future__ import annotations

from pydantic import Field

from .base import Count, Fraction, NotNegative, WrittenSection
from .train import AnswersTrainSection


class ReferenceTrainSection(AnswersTrainSection):
    """`train:` of `dpo` and `kto`."""

    pad_to_multiple_of: Count | None = Field(default=None, description="pad rows to a multiple of this many tokens")
    activation_offloading: bool | None = Field(default=None, description="keep activations in main memory")
    router_aux_loss_coef: NotNegative | None = Field(
        default=None, description="weight of the load-balancing loss of a mixture of experts"
    )


class ReferenceSection(WrittenSection):
    """The keys on the frozen copy, in the blocks of methods that have one."""

    disable_dropout: bool | None = Field(default=None, description="no dropout, also in an adapter; default true")
    sync_ref_model: bool | None = Field(default=None, description="move the frozen copy towards the model at times")
    ref_model_mixup_alpha: Fraction | None = Field(default=None, description="how far it is moved; default 0.6")
    ref_model_sync_steps: Count | None = Field(default=None, description="every so many steps; default 512")


class PrecomputedReferenceSection(ReferenceSection):
    """Beside them, for data that is there from the start: the copy's part, computed once."""

    precompute_ref_log_probs: bool | None = Field(
        default=None, description="ask the frozen copy once, before training, and then free its memory; default false"
    )
    precompute_ref_batch_size: Count | None = Field(default=None, description="rows per forward pass for that")
