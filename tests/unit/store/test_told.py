"""What a host tells is cut to what can be stored and shown, and whatever it tells can be put into words."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lt_controller.store.told import LARGEST, LONGEST, MOST, cut, cut_table, host_error, is_deep
from lt_controller.wording import event, say, waits, why
from lt_controller.wording.chinese import CATALOGUE as chinese
from lt_controller.wording.english import CATALOGUE as english

#: What a JSON parser makes of a stranger's text: also NaN, half pairs, and numbers without end.
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
SCALARS |= st.sampled_from(["\ud800", "\x1b[2J", "{", 10**400, float("nan"), -1, "code", "self"])
KEYS = st.sampled_from(sorted({"self", "code", "params", "problems", "ranking", "biggest", "host", "state", "reason"}))
KEYS |= st.sampled_from(["message", "exit_code", "seconds", "bytes", "file", "line", "text", "hint", "names", "at"])
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4))
TABLES = st.dictionaries(KEYS, VALUES, max_size=6)
CODES = sorted({*english.ERRORS, *english.EVENTS, "state", "error", "note", "env", "placed", "unheard_of"})


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@given(VALUES)
def test_what_is_left_is_json_to_everybody(value: Any) -> None:
    text = json.dumps(cut(value), allow_nan=False, ensure_ascii=False)
    assert sqlite3.connect(":memory:").execute("SELECT json_valid(?)", (text,)).fetchone() == (1,)
    assert cut(cut(value)) == cut(value)


def test_ordinary_values_stay_as_they_are() -> None:
    value = {"tail": "a\nb", "seconds": 1.5, "names": ["x", "y"], "deep": {"a": {"b": None}}, "ok": True, "n": -3}
    assert cut(value) == value


@pytest.mark.parametrize(
    "value", ["x" * 10**7, ["x" * 1000] * 10**5, [[]] * 10**6, {str(n): "v" * 100 for n in range(10**5)}, nested(500)]
)
def test_whatever_its_size_little_is_left(value: Any) -> None:
    assert len(json.dumps(cut(value))) < 2 * LARGEST
    assert len(cut("x" * 10**7)) == LONGEST and len(cut([1] * 10**6)) == MOST


def test_what_is_no_table_is_an_empty_one() -> None:
    assert cut_table([1]) == cut_table(None) == {}


def test_lists_in_lists_are_told_from_long_ones() -> None:
    assert is_deep(nested(100)) and is_deep({"a": nested(60)})
    assert not is_deep([list(range(1000))] * 10) and not is_deep(nested(20)) and not is_deep("text")


@given(TABLES)
def test_an_error_of_a_host_is_an_error_whatever_it_holds(value: dict[str, Any]) -> None:
    error = host_error(value)
    assert isinstance(error.code, str) and "code" not in error.params


@given(st.sampled_from(CODES), TABLES, st.sampled_from(["en", "zh"]))
def test_whatever_a_host_tells_can_be_put_into_words(code: str, params: dict[str, Any], lang: str) -> None:
    known = cut_table(params)
    for said in (event(code, known, lang), str(say({"code": code, "params": known}, lang))):
        assert "\x1b" not in said
    assert isinstance(waits({"code": code, "params": known}, 1, lang), str)
    assert isinstance(why(code, json.dumps({"code": code, "params": known}), None, lang), str)


def test_a_message_nested_without_end_is_shown_as_it_is() -> None:
    deep = '{"code": "x", "params": {"a": ' + "[" * 2000 + "]" * 2000 + "}}"
    assert why("error", deep, None, "en")
    assert set(english.EVENTS) == set(chinese.EVENTS)
