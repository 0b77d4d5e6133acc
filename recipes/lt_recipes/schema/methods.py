"""Which methods there are. A new one is its own file with a `Recipe` subclass, and a line here."""

from __future__ import annotations

from .dpo import DpoRecipe
from .grpo import GrpoRecipe
from .gspo import GspoRecipe
from .kto import KtoRecipe
from .orpo import OrpoRecipe
from .ppo import PpoRecipe
from .recipe import Recipe
from .reward import RewardRecipe
from .rloo import RlooRecipe
from .sft import SftRecipe

METHODS: dict[str, type[Recipe]] = {
    "sft": SftRecipe,
    "dpo": DpoRecipe,
    "kto": KtoRecipe,
    "orpo": OrpoRecipe,
    "reward": RewardRecipe,
    "grpo": GrpoRecipe,
    "gspo": GspoRecipe,
    "rloo": RlooRecipe,
    "ppo": PpoRecipe,
}
