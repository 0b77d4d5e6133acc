"""`method: orpo`: preference and imitation in one loss, no reference model (Hong et al., 2024).

TRL keeps its ORPOTrainer among the experimental ones.
"""

from __future__ import annotations

from .common import Method

METHOD = Method("orpo", trainer="ORPOTrainer", config="ORPOConfig", module=f"{__package__}.orpo_trainer", block="orpo")
