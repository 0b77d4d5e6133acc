"""The recipe as pydantic models: one file per block, one per method."""

from __future__ import annotations

from .methods import METHODS
from .recipe import Recipe

__all__ = ["METHODS", "Recipe"]
