"""Which methods there are. A new one is its own file with a `Recipe` subclass, and a line here."""

from __future__ import annotations

from .recipe import Recipe
from .sft import SftRecipe

METHODS: dict[str, type[Recipe]] = {"sft": SftRecipe}
