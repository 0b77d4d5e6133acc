"""`method: kto`: single answers marked as good or bad (Ethayarajh et al., 2024), through TRL's KTOTrainer."""

from __future__ import annotations

from .common import Method

METHOD = Method(
    "kto",
    trainer="KTOTrainer",
    config="KTOConfig",
    block="kto",
    compares=lambda args: not args.precompute_ref_log_probs,
)
