"""`method: rloo`: REINFORCE with the other answers as baseline (Ahmadian et al., 2024), through TRL's RLOOTrainer."""

from __future__ import annotations

import dataclasses

from .grpo import METHOD as GRPO

METHOD = dataclasses.replace(GRPO, name="rloo", trainer="RLOOTrainer", config="RLOOConfig", block="rloo")
