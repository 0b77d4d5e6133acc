"""What the methods share that let the model write answers and learn from their rewards."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, model_validator

from .base import Count, Fraction, Natural, NotNegative, Positive
from .recipe import Recipe
from .reference import ReferenceSection
from .rewards import RewardEntry
from .train import TrainSection


class RolloutTrainSection(TrainSection):
    """`train:` of `grpo`, `gspo` and `rloo`."""

    pad_to_multiple_of: Count | None = Field(default=None, description="pad rows to a multiple of this many tokens")
    router_aux_loss_coef: NotNegative | None = Field(
        default=None, description="weight of the load-balancing loss of a mixture of experts"
    )
    shuffle_dataset: bool | None = Field(default=None, description="take the prompts in random order; default true")


class RolloutSection(ReferenceSection):
    """How answers are written, and the keys of the loss that all of them have."""

    disable_dropout: bool | None = Field(default=None, description="no dropout, also in an adapter; default false")
    beta: NotNegative | None = Field(
        default=None, description="weight of the distance to the start; 0 needs no frozen copy"
    )
    num_generations: int | None = Field(default=None, ge=2, description="answers per prompt")
    num_generations_eval: Count | None = Field(default=None, description="the same when evaluating")
    max_completion_length: Count | None = Field(default=None, description="tokens per answer; default 512")
    generation_batch_size: Count | None = Field(
        default=None, description="answers written at once; default: as many as a step learns from"
    )
    steps_per_generation: Count | None = Field(
        default=None, description="forward passes per round of writing; default gradient_accumulation_steps"
    )
    num_iterations: Count | None = Field(default=None, description="how often a round is learnt from (μ); default 1")
    temperature: Positive | None = Field(default=None, description="of sampling; default 1.0")
    top_p: Positive | None = Field(default=None, description="of sampling; default 1.0, all tokens")
    top_k: Natural | None = Field(default=None, description="of sampling; default 0, all tokens")
    min_p: Fraction | None = Field(default=None, description="of sampling: tokens less likely than this are left out")
    repetition_penalty: Positive | None = Field(default=None, description="of sampling; default 1.0, none")
    generation_kwargs: dict[str, Any] | None = Field(default=None, description="more arguments of generation")
    chat_template_kwargs: dict[str, Any] | None = Field(
        default=None, description="for the chat template, such as {enable_thinking: false}"
    )
    cache_implementation: str | None = Field(default=None, description="of the keys and values, such as static")
    use_transformers_continuous_batching: bool | None = Field(
        default=None, description="write answers of unequal length without waiting for the longest"
    )
    transformers_continuous_batching_config: dict[str, Any] | None = Field(default=None, description="its settings")
    epsilon: NotNegative | None = Field(default=None, description="clipping range; default 0.2")
    epsilon_high: NotNegative | None = Field(default=None, description="its upper side; default as epsilon")
    mask_truncated_completions: bool | None = Field(
        default=None, description="learn nothing from answers that were cut; default false"
    )
    log_completions: bool | None = Field(default=None, description="write some answers into the log")
    num_completions_to_print: Count | None = Field(default=None, description="how many of them")
    log_unique_prompts: bool | None = Field(default=None, description="each prompt once")


class RolloutRecipe(Recipe):
    """Base of the recipes whose model writes its own answers."""

    data_types: ClassVar[tuple[str, ...]] = ("prompt",)
    default_generations: ClassVar[int] = 8

    train: RolloutTrainSection = Field(default_factory=RolloutTrainSection, description="arguments of the training")
    rewards: list[RewardEntry] = Field(min_length=1, description="what a good answer is: one or more, added up")

    @property
    def rollout(self) -> RolloutSection:
        """The method's own block."""
        section: RolloutSection = getattr(self, self.method)
        return section

    @model_validator(mode="after")
    def _whole_groups(self) -> RolloutRecipe:
        """TRL refuses the same, but only on the host."""
        own, train = self.rollout, self.train
        wanted = own.num_generations or self.default_generations
        per_pass = (train.per_device_train_batch_size or 8) * self.processes
        passes = own.steps_per_generation or train.gradient_accumulation_steps or 1
        batch = own.generation_batch_size or per_pass * passes
        if own.generation_batch_size and own.steps_per_generation:
            raise ValueError(f"{self.method}: give generation_batch_size or steps_per_generation, not both")
        if batch % wanted:
            raise ValueError(
                f"{self.method}.num_generations {wanted} must divide the {batch} answers of a round "
                "(per_device_train_batch_size × GPUs × gradient_accumulation_steps)"
            )
        return self
