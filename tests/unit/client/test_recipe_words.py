"""What a recipe and its keys are for, in Chinese as well."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lt_controller.client.recipes import gallery
from lt_controller.client.words import field_doc
from lt_controller.wording.chinese import method_fields, recipe_fields
from lt_recipes.schema.command import CommandRecipe
from lt_recipes.schema.methods import METHODS
from lt_recipes.schema.recipe import Recipe
from lt_recipes.schema.sweep import SpaceSection, SweepSection

SCHEMAS = (Recipe, *METHODS.values(), CommandRecipe, SweepSection, SpaceSection)


def described(node: Any) -> Iterator[str]:
    """Every documentation of a key in a JSON schema."""
    if isinstance(node, dict):
        for item in (node.get("properties") or {}).values():
            if isinstance(item, dict) and item.get("description"):
                yield str(item["description"])
        for value in node.values():
            yield from described(value)
    elif isinstance(node, list):
        for value in node:
            yield from described(value)


def test_every_key_of_a_recipe_is_explained_in_chinese() -> None:
    texts = {text for model in SCHEMAS for text in described(model.model_json_schema())}
    known = {**recipe_fields.FIELDS, **method_fields.FIELDS}
    assert not texts - set(known), "controller/lt_controller/wording/chinese/{recipe,method}_fields.py lack these"
    assert not set(known) - texts, "no key has these any longer"
    assert not recipe_fields.FIELDS.keys() & method_fields.FIELDS.keys()
    assert field_doc("rank", "zh") == "秩" and field_doc("rank", "en") == "rank"
    assert field_doc("something new", "zh") == "something new"


def test_every_recipe_of_the_gallery_says_in_chinese_what_it_is_for(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("# Ours\n# 中文：我们的\nmethod: sft\n", encoding="utf-8")
    found = {recipe.name: recipe for recipe in gallery(tmp_path)}
    assert found["mine.yaml"].told("zh") == "我们的" and found["mine.yaml"].told("en") == "Ours"
    assert not [name for name, recipe in found.items() if recipe.told("zh") == recipe.title]
