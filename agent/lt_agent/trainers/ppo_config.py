"""The arguments of `method: ppo`, by the names that TRL 1.12's PPOConfig gave them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transformers import TrainingArguments


@dataclass
class PPOConfig(TrainingArguments):  # type: ignore[misc]
    """Beside transformers' own arguments, with the defaults that TRL's other trainers have.

    A step learns from `per_device_train_batch_size` × `gradient_accumulation_steps` answers on each GPU, as with every
    method here; a round writes `num_mini_batches` times as many, and is learnt from `num_ppo_epochs` times.
    """

    # as TRL has them for all of its trainers
    logging_steps: float = 10
    gradient_checkpointing: bool = True
    lr_scheduler_kwargs: dict[str, Any] | str | None = None
    # rows are prompts and what rewards compare with: no column is for the model alone
    remove_unused_columns: bool | None = False

    learning_rate: float = 3e-6
    num_ppo_epochs: int = 4
    num_mini_batches: int = 1
    response_length: int = 53
    temperature: float = 0.7
    local_rollout_forward_batch_size: int = 64
    missing_eos_penalty: float | None = None
    whiten_rewards: bool = False
    kl_coef: float = 0.05
    kl_estimator: str = "k1"
    adap_kl_ctrl: bool = False
    target: float = 6.0
    horizon: float = 10000.0
    cliprange: float = 0.2
    vf_coef: float = 0.1
    cliprange_value: float = 0.2
    gamma: float = 1.0
    lam: float = 0.95
    reward_weights: list[float] | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for an estimator that there is not."""
        super().__post_init__()
        if self.kl_estimator not in ("k1", "k3"):
            raise ValueError(f"kl_estimator must be k1 or k3, not {self.kl_estimator}")
