"""`method: ppo`: proximal policy optimisation (Schulman et al., 2017) through a trainer of our own.

TRL has had none since 1.13, and the one in 1.12 can't be resumed; docs/trainers.md says more.
"""

from __future__ import annotations

from .common import Method
from .rewards import trainer_rewards

METHOD = Method(
    "ppo",
    trainer="PPOTrainer",
    config="PPOConfig",
    module=f"{__package__}.ppo_trainer",
    block="ppo",
    tokenises=False,
    counts_on=True,
    further=trainer_rewards,
)
