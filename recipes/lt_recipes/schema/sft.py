"""`method: sft`: supervised fine-tuning through TRL's SFTTrainer."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from .base import Count, NotNegative, Text
from .recipe import Recipe
from .train import AnswersTrainSection

TURNS = ("messages", "sharegpt")
"""Data types whose rows are whole conversations."""


class SftTrainSection(AnswersTrainSection):
    """`train:` of `method: sft`: the names of TRL's SFTConfig beside those of transformers."""

    packing: bool | None = Field(default=None, description="fill each row with several examples")
    packing_strategy: Literal["bfd", "bfd_split", "wrapped"] | None = Field(
        default=None, description="how examples are packed; default bfd"
    )
    eval_packing: bool | None = Field(default=None, description="packing when evaluating; default as packing")
    padding_free: bool | None = Field(default=None, description="no padding; needs flash attention")
    pad_to_multiple_of: Count | None = Field(default=None, description="pad rows to a multiple of this many tokens")
    completion_only_loss: bool | None = Field(
        default=None, description="learn from the completion alone; default true for prompt_completion"
    )
    assistant_only_loss: bool | None = Field(
        default=None, description="learn from the assistant's turns alone, whether the chat template marks them or not"
    )
    loss_type: Literal["nll", "dft"] | None = Field(default=None, description="default nll")
    shuffle_dataset: bool | None = Field(default=None, description="shuffle rows once before training")
    chat_template_path: Text | None = Field(
        default=None, description="a Jinja file or a tokenizer whose chat template is used"
    )
    eos_token: Text | None = Field(default=None, description="the token that ends a turn")
    activation_offloading: bool | None = Field(default=None, description="keep activations in main memory")
    router_aux_loss_coef: NotNegative | None = Field(
        default=None, description="weight of the load-balancing loss of a mixture of experts"
    )


class SftRecipe(Recipe):
    """Learn from examples of what to write."""

    data_types: ClassVar[tuple[str, ...]] = ("messages", "prompt_completion", "alpaca", "sharegpt", "text")

    method: Literal["sft"] = Field(description="how to train: sft")
    train: SftTrainSection = Field(default_factory=SftTrainSection, description="arguments of the training")

    @model_validator(mode="after")
    def _turns_to_tell_apart(self) -> SftRecipe:
        if self.train.assistant_only_loss and "text" in {entry.type for entry in self.datasets}:
            raise ValueError("train.assistant_only_loss: rows of type text have no turns: write null")
        return self
