"""YAML is read strictly, with the line of every key, and no text brings anything but RecipeError."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lt_recipes.problems import RecipeError
from lt_recipes.yaml_source import MAX_BYTES, parse


def failure(text: str | bytes) -> tuple[int | None, str]:
    with pytest.raises(RecipeError) as caught:
        parse(text if isinstance(text, bytes) else text.encode(), "r.yaml")
    (problem,) = caught.value.problems
    return problem.line, problem.message


def test_every_key_and_entry_has_its_line() -> None:
    source = parse(b"# head\na: 1\nb:\n  - c: 2\n    d: 3\n  - e: {f: 4,\n    g: 5}\n", "r.yaml")
    assert source.lines[("a",)] == 2
    assert source.lines[("b", 0, "d")] == 5
    assert source.lines[("b", 1)] == 6
    assert source.lines[("b", 1, "e", "g")] == 7


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2e-4", 2e-4),
        ("1E5", 1e5),
        (".5", 0.5),
        ("1_000", 1000),
        ("-3", -3),
        ("0x10", 16),
        ("010", "010"),
        ("1:30", "1:30"),
        ("2026-11-21", "2026-11-21"),
        ("on", True),
        ("~", None),
        ("none", "none"),
        ("'2e-4'", "2e-4"),
        ("123e", "123e"),
    ],
)
def test_values_are_read_as_people_mean_them(text: str, value: object) -> None:
    read = parse(f"a: {text}".encode(), "r.yaml").data["a"]
    assert (read, type(read)) == (value, type(value))


def test_a_key_that_stands_twice_is_told_with_both_lines() -> None:
    source = parse(b"a: 1\nb: 2\na: 3\n", "r.yaml")
    assert [(p.line, p.key, p.message) for p in source.problems] == [(3, "a", "is there twice, first in line 1")]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\n\tb: 2", 2),
        ("a: [1, 2", 1),
        ("a: 1\nb: c: d", 2),
        ("a: 1\n---\nb: 2", 2),
        ("a: *nowhere", 1),
        ("a: 1\nb: \x01", 2),
        (b"a: 1\nb: \xff", 2),
    ],
)
def test_malformed_text_is_told_with_its_line(text: str | bytes, line: int) -> None:
    assert failure(text)[0] == line


@pytest.mark.parametrize("text", ["!!python/object/apply:os.system ['true']", "!!binary aGk=", "!mine 3", "!!set {a}"])
def test_tags_are_refused_and_nothing_is_constructed(text: str) -> None:
    source = parse(f"a: {text}".encode(), "r.yaml")
    assert source.data == {"a": None}
    assert "tag" in source.problems[0].message


def test_infinity_is_no_number_to_train_with() -> None:
    assert parse(b"a: .inf\nb: 1e999\nc: .nan", "r.yaml").problems[2].line == 3


def test_anchors_and_merges_work() -> None:
    text = "base: &b {lr: 1, r: 2}\none:\n  <<: *b\n  r: 3\ntwo: {<<: [{lr: 5}, *b]}\nthree: *b\n"
    data = parse(text.encode(), "r.yaml").data
    assert data["one"] == {"lr": 1, "r": 3}
    assert data["two"] == {"lr": 5, "r": 2}
    assert data["three"] == {"lr": 1, "r": 2}


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "too many values" in failure("\n".join(lines))[1]


def test_an_anchor_inside_itself_is_refused() -> None:
    assert "deeply" in failure("a: &a [*a]")[1]


def test_deep_nesting_and_huge_files_are_refused() -> None:
    assert "deeply" in failure("[" * 60 + "]" * 60)[1]
    assert "deeply" in failure("[" * 5_000)[1]
    assert "larger" in failure("#" * (MAX_BYTES + 1))[1]


def test_half_a_surrogate_pair_is_no_character() -> None:
    assert parse(rb'a: "\ud83d\ude00"', "r.yaml").data == {"a": "\U0001f600"}
    assert "surrogate" in parse(rb'a: "\ud83d"', "r.yaml").problems[0].message
    assert "surrogate" in parse(rb'"\ud83d": 1', "r.yaml").problems[0].message


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=80), st.text(max_size=80).map(lambda text: text.encode("utf-8", "replace"))))
def test_no_bytes_bring_anything_but_a_recipe_error(raw: bytes) -> None:
    try:
        parse(raw, "r.yaml")
    except RecipeError as error:
        assert error.problems


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="abc:- \n{}[]&*!<>|'\"#?,0123.e~\t", max_size=60))
def test_no_punctuation_brings_anything_but_a_recipe_error(text: str) -> None:
    try:
        parse(text.encode(), "r.yaml")
    except RecipeError as error:
        assert error.problems
