"""`method: grpo`: group relative policy optimisation (DeepSeekMath, 2024) through TRL's GRPOTrainer."""

from __future__ import annotations

from .common import Method
from .rewards import trainer_rewards

METHOD = Method(
    "grpo",
    trainer="GRPOTrainer",
    config="GRPOConfig",
    block="grpo",
    compares=lambda args: args.beta != 0,
    tokenises=False,
    counts_on=True,
    further=trainer_rewards,
)
