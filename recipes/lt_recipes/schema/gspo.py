"""`method: gspo`: GRPO with one importance ratio per answer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .grpo import GroupSection
from .rollout import RolloutRecipe


class GspoRecipe(RolloutRecipe):
    """As GRPO, with the ratio of whole answers and its narrow clipping range: 3e-4 and 4e-4 (arXiv:2507.18071, 5.1)."""

    method: Literal["gspo"] = Field(description="how to train: gspo")
    gspo: GroupSection = Field(default_factory=GroupSection, description="writing and the loss")
