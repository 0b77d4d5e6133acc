"""Recipes: schema, loading, overrides, validation, the gallery and the environments they run in.

The names below are loaded when first used: planning an environment or checking a data file needs no pydantic.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .dataset_check import DatasetReport, check_dataset
    from .loading import GalleryEntry, find_recipe, gallery, load, new_recipe, recipe_text
    from .paths import LocalPath, local_paths, with_paths
    from .problems import Problem, RecipeError
    from .schema import Recipe

__all__ = [
    "DatasetReport",
    "GalleryEntry",
    "LocalPath",
    "Problem",
    "Recipe",
    "RecipeError",
    "check_dataset",
    "find_recipe",
    "gallery",
    "load",
    "local_paths",
    "new_recipe",
    "recipe_text",
    "with_paths",
]

_HOME = {
    "dataset_check": ("DatasetReport", "check_dataset"),
    "loading": ("GalleryEntry", "find_recipe", "gallery", "load", "new_recipe", "recipe_text"),
    "paths": ("LocalPath", "local_paths", "with_paths"),
    "problems": ("Problem", "RecipeError"),
    "schema": ("Recipe",),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOME.items():
        if name in names:
            return getattr(importlib.import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
