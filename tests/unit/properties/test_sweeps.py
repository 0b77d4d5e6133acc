"""The combinations of any grid, and the values of any trial as they come out of a recipe."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lt_recipes.overrides import parse_override
from lt_recipes.schema.sweep import SweepSection
from lt_recipes.sweeping import expand, override
from lt_recipes.sweeping.expansion import probes
from support.steady import STEADY

KEYS = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=4, unique=True)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
GRIDS = KEYS.flatmap(
    lambda keys: st.fixed_dictionaries(
        {key: st.lists(st.integers(0, 99), min_size=1, max_size=4, unique=True) for key in keys}
    )
)


@given(GRIDS)
@settings(STEADY)
def test_a_grid_has_every_combination_once(grid: dict[str, list[int]]) -> None:
    trials = expand(grid)
    assert len(trials) == math.prod(map(len, grid.values()))
    assert len({tuple(trial.items()) for trial in trials}) == len(trials)
    assert all(list(trial) == list(grid) for trial in trials)
    for key, values in grid.items():
        assert list(dict.fromkeys(trial[key] for trial in trials)) == values


@given(GRIDS)
@settings(STEADY)
def test_the_last_key_changes_fastest(grid: dict[str, list[int]]) -> None:
    places = [tuple(grid[key].index(value) for key, value in trial.items()) for trial in expand(grid)]
    assert places == sorted(places)


@given(SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=5), SCALARS, max_size=3))
@settings(STEADY, max_examples=150)
def test_a_value_comes_out_of_an_override_as_it_went_in(value: Any) -> None:
    from lt_recipes.problems import RecipeError

    try:
        parts, found = parse_override(override("train.x", value))
    except RecipeError as error:  # YAML has no control characters; nothing is changed in silence
        assert "character" in str(error)
        return
    assert parts == ("train", "x") and found == value and type(found) is type(value)


@given(st.floats(1e-9, 1), st.floats(1.5, 1e9), st.sampled_from(["uniform", "log"]))
@settings(STEADY)
def test_a_search_is_tried_within_its_bounds(low: float, high: float, kind: str) -> None:
    section = SweepSection.model_validate({"search": {"x": {kind: [low, high]}}, "trials": 3, "metric": "loss"})
    values = [trial["x"] for trial in probes(section)]
    assert values[:2] == [low, high] and all(low <= value <= high for value in values)
