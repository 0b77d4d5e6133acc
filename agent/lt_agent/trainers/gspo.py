"""`method: gspo`: GRPO with one importance ratio per sequence (Zheng et al., 2025, arXiv:2507.18071)."""

from __future__ import annotations

import dataclasses

from .grpo import METHOD as GRPO

METHOD = dataclasses.replace(
    GRPO,
    name="gspo",
    block="gspo",
    # The clipping range of the paper's experiments (section 5.1). A sequence's ratio is a geometric mean over its
    # tokens and hardly leaves 1, so GRPO's 0.2 would clip nothing. The loss is the paper's: a mean per sequence.
    defaults={"importance_sampling_level": "sequence", "epsilon": 3e-4, "epsilon_high": 4e-4, "loss_type": "grpo"},
)
