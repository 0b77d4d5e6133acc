"""How much memory a recipe takes, before it starts: pure functions over a model's `config.json`, without torch.

`parameters` counts weights exactly, `memory` adds up what a training holds at its peak, `advice` says what to change.
`docs/planning.md` has the formulas' results in tables.
"""

from __future__ import annotations

from .advice import Advice, advise
from .memory import Estimate, estimate
from .parameters import Linear, Model, UnknownModelError, read_model

__all__ = ["Advice", "Estimate", "Linear", "Model", "UnknownModelError", "advise", "estimate", "read_model"]
