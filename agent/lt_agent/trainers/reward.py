"""`method: reward`: a model that gives an answer one number, learnt from preferences, through TRL's RewardTrainer."""

from __future__ import annotations

from .common import Method

METHOD = Method("reward", trainer="RewardTrainer", config="RewardConfig", block="reward", scores=True)
