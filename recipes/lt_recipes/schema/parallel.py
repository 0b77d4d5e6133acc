"""`parallel:`: how several GPUs of one host share a training."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from .base import Count, Text, WrittenSection

_ONLY = {
    "ddp": set(),
    "fsdp": {"sharding", "offload", "wrap", "activation_checkpointing"},
    "deepspeed": {"zero_stage", "offload", "config"},
}
"""Per strategy its own keys."""


class ParallelSection(WrittenSection):
    """`parallel:`. Without it, and with more than one GPU: DDP, a whole copy of the model on each."""

    strategy: Literal["ddp", "fsdp", "deepspeed"] | None = Field(
        default=None, description="ddp: a copy of the model on each GPU (default); fsdp, deepspeed: its parts"
    )
    processes: Count | None = Field(
        default=None, description="how many train together without GPUs; with them there is one for each"
    )
    sharding: Literal["full_shard", "shard_grad_op"] | None = Field(
        default=None, description="fsdp: what is divided; default full_shard; shard_grad_op keeps weights whole"
    )
    wrap: list[Text] | None = Field(
        default=None, description="fsdp: the layers to divide, by class; default: those the model names itself"
    )
    activation_checkpointing: bool | None = Field(
        default=None, description="fsdp: its own, in place of train.gradient_checkpointing"
    )
    zero_stage: Literal[1, 2, 3] | None = Field(
        default=None, description="deepspeed: 1 divides the optimizer, 2 (default) gradients too, 3 weights too"
    )
    offload: bool | None = Field(default=None, description="hold in main memory what is not in use; slower")
    config: dict[str, Any] | None = Field(default=None, description="deepspeed: further settings, laid over lt's")

    @model_validator(mode="after")
    def _keys_of_the_strategy(self) -> ParallelSection:
        chosen = self.strategy or "ddp"
        for key in sorted(self.model_fields_set - {"strategy", "processes"} - _ONLY[chosen]):
            if getattr(self, key) is not None:
                raise ValueError(f"{key} is not for strategy {chosen}")
        return self
