"""`method: dpo`: direct preference optimisation (Rafailov et al., 2023) and its variants, through TRL's DPOTrainer."""

from __future__ import annotations

from .common import Method

METHOD = Method(
    "dpo",
    trainer="DPOTrainer",
    config="DPOConfig",
    block="dpo",
    compares=lambda args: not args.precompute_ref_log_probs,
)
