"""Reading a recipe loads pydantic and YAML; planning and checking data not even those."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "torch",
    "transformers",
    "trl",
    "peft",
    "datasets",
    "textual",
    "fabric",
    "paramiko",
    "lt_agent",
    "lt_controller",
}


def loaded_by(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("statement", ["from lt_recipes import load, gallery; gallery(); load('tiny-sft')"])
def test_loading_a_recipe_loads_nothing_heavy(statement: str) -> None:
    assert loaded_by(statement) & HEAVY == set()


@pytest.mark.parametrize("module", ["lt_recipes", "lt_recipes.environments", "lt_recipes.dataset_check"])
def test_planning_and_checking_data_need_no_pydantic(module: str) -> None:
    assert loaded_by(f"import {module}") & (HEAVY | {"pydantic", "yaml"}) == set()


def test_every_exported_name_is_there() -> None:
    import lt_recipes

    for name in lt_recipes.__all__:
        assert getattr(lt_recipes, name) is not None
    with pytest.raises(AttributeError):
        lt_recipes.nothing  # noqa: B018
