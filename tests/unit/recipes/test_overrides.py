"""`key=value` on the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lt_recipes.overrides import apply_overrides, parse_override
from lt_recipes.problems import COMMAND_LINE, RecipeError
from lt_recipes.yaml_source import parse

FILE = b"train: {learning_rate: 1, max_steps: 5}\ndatasets:\n  - path: a\n    type: text\nadapter: {r: 8}\n"


def applied(*overrides: str, text: bytes = FILE) -> tuple[Any, list[str]]:
    source = parse(text, "r.yaml")
    apply_overrides(source, overrides)
    return source.data, [problem.message for problem in source.problems]


def test_overrides_are_laid_over_the_file_in_order() -> None:
    data, problems = applied("train.learning_rate=1e-4", "datasets.0.path=b=c.jsonl", "train.learning_rate=2e-4")
    assert not problems
    assert data["train"] == {"learning_rate": 2e-4, "max_steps": 5}
    assert data["datasets"] == [{"path": "b=c.jsonl", "type": "text"}]


def test_a_block_can_be_removed_or_given_whole() -> None:
    assert applied("adapter=null")[0]["adapter"] is None
    assert applied("adapter=")[0]["adapter"] is None
    assert (
        applied("adapter={type: lora, target_modules: [q_proj, v_proj]}")[0]["adapter"]["target_modules"][1] == "v_proj"
    )


def test_absent_blocks_are_made_and_a_list_grows_by_one() -> None:
    data, problems = applied("eval.val_set_size=0.1", "datasets.1.path=x", "eval.datasets.0.path=y")
    assert not problems
    assert data["eval"] == {"val_set_size": 0.1, "datasets": [{"path": "y"}]}
    assert data["datasets"][1] == {"path": "x"}


def test_an_override_changes_only_its_own_block_of_a_shared_anchor() -> None:
    data, _ = applied("one.lr=9", text=b"base: &b {lr: 1}\none: *b\ntwo: *b\n")
    assert (data["one"], data["two"]) == ({"lr": 9}, {"lr": 1})


@pytest.mark.parametrize("text", ["", "foo", "=3", "a..b=1", ".a=1", "a b=1"])
def test_what_is_no_key_and_value_is_told(text: str) -> None:
    with pytest.raises(RecipeError, match="no key=value"):
        parse_override(text)


def test_a_malformed_value_is_told_with_its_key() -> None:
    with pytest.raises(RecipeError) as caught:
        parse_override("train.optim=[a")
    assert (caught.value.problems[0].file, caught.value.problems[0].key) == (COMMAND_LINE, "train.optim")


@pytest.mark.parametrize("text", ["datasets.7.path=x", "datasets.first.path=x", "train.max_steps.x=1"])
def test_a_key_that_leads_nowhere_is_told(text: str) -> None:
    data, problems = applied(text)
    assert data == parse(FILE, "").data
    assert len(problems) == 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), min_size=1, max_size=4), _JSON)
def test_any_json_value_arrives_as_it_was(parts: list[str], value: Any) -> None:
    assert parse_override(f"{'.'.join(parts)}={json.dumps(value)}") == (tuple(parts), value)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=20), max_size=4))
def test_no_override_brings_anything_but_problems(overrides: list[str]) -> None:
    source = parse(FILE, "r.yaml")
    apply_overrides(source, overrides)
    assert all(problem.file == COMMAND_LINE for problem in source.problems)
