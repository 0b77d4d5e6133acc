"""`train:`: the arguments of the training itself, by the names transformers and TRL give them.

Each key is absent unless it is written: what a recipe does not say stays what TRL 1.16 makes of it, so `model_dump`
gives only the keys that were written. The names and types follow transformers 5 and TRL 1.16; a test holds this table
against the installed ones. What is left out on purpose, and why, stands in `lt_recipes/refused.py`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from .base import Count, Fraction, Natural, NotNegative, Positive, Steps, Text, TextOrList, WrittenSection

Scheduler = Literal[
    "linear",
    "cosine",
    "cosine_with_restarts",
    "cosine_with_min_lr",
    "cosine_warmup_with_min_lr",
    "polynomial",
    "constant",
    "constant_with_warmup",
    "inverse_sqrt",
    "reduce_lr_on_plateau",
    "warmup_stable_decay",
    "greedy",
]
Optimizer = Literal[
    "adamw_torch",
    "adamw_torch_fused",
    "adamw_torch_xla",
    "adamw_torch_npu_fused",
    "adafactor",
    "adamw_anyprecision",
    "adamw_torch_4bit",
    "adamw_torch_8bit",
    "ademamix",
    "sgd",
    "adagrad",
    "adamw_bnb_8bit",
    "adamw_8bit",
    "ademamix_8bit",
    "lion_8bit",
    "lion_32bit",
    "paged_adamw_32bit",
    "paged_adamw_8bit",
    "paged_ademamix_32bit",
    "paged_ademamix_8bit",
    "paged_lion_32bit",
    "paged_lion_8bit",
    "rmsprop",
    "rmsprop_bnb",
    "rmsprop_bnb_8bit",
    "rmsprop_bnb_32bit",
    "galore_adamw",
    "galore_adamw_8bit",
    "galore_adafactor",
    "galore_adamw_layerwise",
    "galore_adamw_8bit_layerwise",
    "galore_adafactor_layerwise",
    "lomo",
    "adalomo",
    "grokadamw",
    "schedule_free_radam",
    "schedule_free_adamw",
    "schedule_free_sgd",
    "apollo_adamw",
    "apollo_adamw_layerwise",
    "stable_adamw",
    "prodigy",
]
"""Those of transformers, and Prodigy, which the worker builds itself."""
Tracker = Literal["wandb", "mlflow", "trackio", "swanlab", "tensorboard"]
Sampling = Literal["random", "sequential", "group_by_length"]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class TrainSection(WrittenSection):
    """What every method shares: the names of transformers' TrainingArguments."""

    # how long
    num_train_epochs: Positive | None = Field(default=None, description="passes over the data; default 3")
    max_steps: Count | None = Field(
        default=None, description="stop after so many steps, whatever num_train_epochs says"
    )

    # batch
    per_device_train_batch_size: Count | None = Field(
        default=None, description="rows per GPU and forward pass; default 8"
    )
    gradient_accumulation_steps: Count | None = Field(default=None, description="forward passes per step; default 1")
    per_device_eval_batch_size: Count | None = Field(
        default=None, description="rows per GPU when evaluating; default 8"
    )
    eval_accumulation_steps: Count | None = Field(
        default=None, description="evaluation batches gathered on the GPU before they move to memory"
    )

    # learning rate and optimizer
    learning_rate: NotNegative | None = Field(default=None, description="the highest learning rate; default 2e-5")
    lr_scheduler_type: Scheduler | None = Field(default=None, description="how the learning rate falls; default linear")
    lr_scheduler_kwargs: dict[str, Any] | None = Field(
        default=None, description="the schedule's own settings, such as {num_cycles: 2}"
    )
    warmup_steps: NotNegative | None = Field(
        default=None, description="steps of rising learning rate; below 1 the fraction of all steps"
    )
    optim: Optimizer | None = Field(
        default=None, description="the optimizer; default adamw_torch_fused; adamw_8bit, adafactor, prodigy …"
    )
    optim_args: Text | None = Field(default=None, description="the optimizer's own settings, as key=value,key=value")
    optim_target_modules: TextOrList | None = Field(
        default=None, description="layers that GaLore and APOLLO optimizers treat"
    )
    weight_decay: NotNegative | None = Field(default=None, description="default 0")
    adam_beta1: Fraction | None = Field(default=None, description="default 0.9")
    adam_beta2: Fraction | None = Field(default=None, description="default 0.999")
    adam_epsilon: NotNegative | None = Field(default=None, description="default 1e-8")
    max_grad_norm: NotNegative | None = Field(default=None, description="gradient clipping; default 1.0")
    label_smoothing_factor: Fraction | None = Field(default=None, description="default 0")
    neftune_noise_alpha: NotNegative | None = Field(
        default=None, description="noise on the embeddings while training (NEFTune)"
    )
    average_tokens_across_devices: bool | None = Field(
        default=None, description="count tokens over all GPUs for the loss; default true"
    )

    # numbers and memory
    bf16: bool | None = Field(
        default=None, description="bfloat16 arithmetic; default: true where the GPU can, else false"
    )
    fp16: bool | None = Field(default=None, description="float16 arithmetic with loss scaling; default false")
    bf16_full_eval: bool | None = Field(default=None, description="evaluate wholly in bfloat16")
    fp16_full_eval: bool | None = Field(default=None, description="evaluate wholly in float16")
    tf32: bool | None = Field(default=None, description="TF32 matrix products on Ampere and newer")
    gradient_checkpointing: bool | None = Field(
        default=None, description="recompute activations to save memory; default true"
    )
    gradient_checkpointing_kwargs: dict[str, Any] | None = Field(
        default=None, description="such as {use_reentrant: false}"
    )
    torch_compile: bool | None = Field(default=None, description="compile the model; default false")
    torch_compile_backend: Text | None = Field(default=None, description="such as inductor")
    torch_compile_mode: Text | None = Field(default=None, description="such as max-autotune")
    use_liger_kernel: bool | None = Field(default=None, description="fused kernels; needs env.packages: [liger-kernel]")
    liger_kernel_config: dict[str, bool] | None = Field(default=None, description="which of the fused kernels")
    torch_empty_cache_steps: Count | None = Field(
        default=None, description="give cached GPU memory back every so many steps"
    )
    use_cache: bool | None = Field(default=None, description="keep keys and values in the forward pass; default false")

    # log
    logging_steps: Steps | None = Field(default=None, description="log every so many steps; default 10")
    logging_first_step: bool | None = Field(default=None, description="log the first step too")
    include_num_input_tokens_seen: bool | None = Field(
        default=None, description="count tokens; costs a gather per step"
    )

    report_to: Annotated[list[Tracker], BeforeValidator(_as_list)] | None = Field(
        default=None, description="trackers to write to beside lt's own metrics; needs them in env.packages"
    )

    # evaluation
    eval_delay: NotNegative | None = Field(
        default=None, description="first evaluation not before so many steps or epochs"
    )
    prediction_loss_only: bool | None = Field(default=None, description="evaluate the loss alone")
    include_for_metrics: list[str] | None = Field(
        default=None, description="what else the metrics function sees: inputs, loss"
    )
    batch_eval_metrics: bool | None = Field(default=None, description="compute metrics batch by batch")
    eval_do_concat_batches: bool | None = Field(default=None, description="join evaluation batches; default true")
    eval_use_gather_object: bool | None = Field(
        default=None, description="gather objects from all GPUs when evaluating"
    )

    # data loading
    dataloader_num_workers: Natural | None = Field(default=None, description="processes that load data; default 0")
    dataloader_pin_memory: bool | None = Field(default=None, description="default true")
    dataloader_persistent_workers: bool | None = Field(default=None, description="keep loader processes between epochs")
    dataloader_prefetch_factor: Count | None = Field(
        default=None, description="batches loaded ahead per loader process"
    )
    dataloader_drop_last: bool | None = Field(default=None, description="drop an incomplete last batch")
    train_sampling_strategy: Sampling | None = Field(
        default=None, description="order of rows: random (default), sequential, group_by_length"
    )
    length_column_name: Text | None = Field(default=None, description="column with row lengths, for group_by_length")
    data_seed: Natural | None = Field(default=None, description="seed of the row order; default: seed")

    # many GPUs
    ddp_find_unused_parameters: bool | None = Field(default=None, description="for models with unused parameters")
    ddp_bucket_cap_mb: Count | None = Field(default=None, description="size of a gradient bucket, MB")
    ddp_broadcast_buffers: bool | None = Field(default=None, description="broadcast buffers at each forward pass")
    ddp_static_graph: bool | None = Field(default=None, description="the graph never changes")
    ddp_backend: Text | None = Field(default=None, description="nccl, gloo …")
    ddp_timeout: Count | None = Field(default=None, description="seconds to wait for another process; default 1800")
    accelerator_config: dict[str, Any] | None = Field(
        default=None, description="settings of accelerate, such as {split_batches: true}"
    )

    # determinism
    full_determinism: bool | None = Field(default=None, description="slower, bit-equal runs on one kind of GPU")

    @model_validator(mode="after")
    def _one_precision(self) -> TrainSection:
        if self.bf16 and self.fp16:
            raise ValueError("bf16 and fp16 are two ways of one thing: choose one")
        return self


class AnswersTrainSection(TrainSection):
    """`train:` of the methods that learn from given answers: what TRL's configurations for them share."""

    null_has_meaning: ClassVar[frozenset[str]] = frozenset({"max_length"})

    max_length: Count | None = Field(
        default=None, description="tokens per row, longer ones are cut; null: never cut; default 1024"
    )
    dataset_num_proc: Count | None = Field(default=None, description="processes that tokenize")
