"""What a search tries next follows from the trials in the database alone."""

from __future__ import annotations

import math
import random

import pytest

from lt_controller.searching import AT_WORK, PRUNED, Past, importances, suggest
from lt_recipes.schema.sweep import SweepSection

pytest.importorskip("optuna")

SEARCH = {
    "lr": {"log": [1e-5, 1e-1]},
    "width": {"log_integer": [4, 256]},
    "layers": {"integer": [1, 4]},
    "dropout": {"uniform": [0.0, 0.5]},
    "norm": {"choice": [1, True, 1.0, "1", None]},
}
SECTION = SweepSection.model_validate({"search": SEARCH, "trials": 50, "metric": "loss"})


def tried(count: int, section: SweepSection = SECTION) -> list[Past]:
    dice = random.Random(0)
    past: list[Past] = []
    for number in range(1, count + 1):
        params = suggest(section, past, number)
        past.append(Past(params, value=(math.log10(params["lr"]) + 3) ** 2 + 0.001 * dice.random()))
    return past


def test_values_lie_where_they_should_and_keep_their_types() -> None:
    for trial in tried(14):
        assert 1e-5 <= trial.params["lr"] <= 1e-1 and 0 <= trial.params["dropout"] <= 0.5
        assert trial.params["width"] in range(4, 257) and trial.params["layers"] in (1, 2, 3, 4)
        assert any(trial.params["norm"] is value for value in SEARCH["norm"]["choice"])  # 1 is not True


def test_the_same_past_gives_the_same_values_and_another_seed_others() -> None:
    past = [*tried(12), Past(tried(1)[0].params, AT_WORK), Past(tried(2)[1].params, PRUNED, steps={1: 4.0})]
    assert suggest(SECTION, past, 15) == suggest(SECTION, past, 15) != suggest(SECTION, past, 16)
    other = SECTION.model_copy(update={"sampler_seed": 1})
    assert suggest(other, [], 1) != suggest(SECTION, [], 1)
    assert suggest(SECTION.model_copy(update={"sampler": "random"}), past, 15) != suggest(SECTION, past, 15)


def test_a_search_comes_closer_to_the_best_and_knows_what_matters() -> None:
    past = tried(40)
    late = sum(trial.value or 0 for trial in past[-10:]) / 10
    early = sum(trial.value or 0 for trial in past[:10]) / 10
    assert late < early
    shares = importances(SECTION, past)
    assert set(shares) == set(SEARCH) and max(shares, key=lambda key: shares[key]) == "lr"
    assert importances(SECTION, past[:3]) == {}


def test_a_grid_has_importances_too() -> None:
    section = SweepSection.model_validate({"grid": {"a": [1, 2, 3], "b": [[1], [2]], "c": [0]}, "metric": "loss"})
    past = [Past({"a": a, "b": b, "c": 0}, value=float(a)) for a in (1, 2, 3) for b in ([1], [2])]
    shares = importances(section, past)
    assert shares["a"] > shares["b"] and "c" not in shares
