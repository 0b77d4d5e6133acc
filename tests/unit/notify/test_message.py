"""What is said: in both languages, safe, with its age, and summed up where it is much."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lt_controller.notify.config import KINDS
from lt_controller.notify.message import LONGEST_TEXT, compose
from lt_controller.store.notices import Notice
from lt_controller.store.times import iso

NOW = 1_790_000_000.0


def notice(kind: str = "failed", number: int = 1, age: float = 0.0, **values: Any) -> Notice:
    params = {"state": "failed", "reason": "oom", "seconds": 3725.0, "step": 40, "total": 100}
    made = Notice(number, kind, kind, f"job-{number}", "01J", 1, "a100", "sft-lora", params, iso(NOW - age), iso(NOW))
    return made._replace(**values)


def test_a_failure_says_what_where_why_and_what_to_type() -> None:
    said = compose([notice()], "me", "en", NOW)
    assert said.title == "lt: job-1 failed on a100: out of memory"
    assert said.lines == ("sft-lora · took 1h 02m · step 40/100", "lt show job-1 · lt logs job-1")
    assert "job-1" in (zh := compose([notice()], "me", "zh", NOW)).title and "失败" in zh.title


def test_old_news_says_how_old_it_is() -> None:
    assert compose([notice(age=7200)], "me", "en", NOW).title.endswith("(2h 00m ago)")
    assert "ago" not in compose([notice(age=20)], "me", "en", NOW).title


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_kind_has_its_sentence(kind: str, lang: str) -> None:
    params = {"left": 3600.0, "until": "2026-12-01", "state": "unreachable", "jobs": 2, "seconds": 1800.0, "try": 1}
    made = notice(kind, params=params, code={"stall": "hang", "sign": "loss_spike"}.get(kind, kind))
    said = compose([made], "me", lang, NOW)
    assert "a100" in said.title and "notify" not in said.text and "{" not in said.text
    many = compose([made, made, made, made], "me", lang, NOW)
    assert "4" in many.title and "notify" not in many.text


def test_two_hundred_ends_are_one_summary_with_the_worst_first() -> None:
    ends = [notice("succeeded", n, params={}) for n in range(197)]
    ends += [notice("failed", 900 + n) for n in range(2)] + [notice("lost", 950, params={"reason": "host_rebooted"})]
    said = compose(ends, "me", "en", NOW)
    assert said.title == "lt: 200 things happened: 1 lost, 2 failed, 197 succeeded"
    assert "job-950" in said.lines[0] and "job-900" in said.lines[1] and said.lines[-1] == "… and 190 more"
    assert said.kind == "lost" and said.data is not None
    assert (said.data["count"], len(said.data["events"])) == (200, 50)


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 10**400])
@pytest.mark.parametrize("code", ["hang", "failed"])
def test_a_number_that_is_none_hurts_neither_its_notice_nor_the_others(seconds: float, code: str) -> None:
    bad = notice("stall" if code == "hang" else code, 7, code=code, params={"phase": "step", "seconds": seconds})
    alone = compose([bad], "me", "en", NOW)
    assert "job-7" in alone.title and "a100" in alone.title
    many = compose([bad, *(notice(number=n) for n in range(3))], "me", "en", NOW)
    assert many.title.startswith("lt: 4 things") and [line for line in many.lines if "out of memory" in line]
    json.dumps(many.data, allow_nan=False)


def test_what_can_not_be_put_into_words_is_told_by_its_code_job_and_host() -> None:
    bad = notice("sign", 7, code="disk_low", params=[1])
    assert compose([bad], "me", "en", NOW).title == "lt: disk low · job-7 · a100"
    many = compose([bad, *(notice(number=n) for n in range(3))], "me", "en", NOW)
    assert "lt: disk low · job-7 · a100" in many.lines and len(many.lines) == 4


def test_what_a_host_says_can_do_no_harm_and_is_no_novel() -> None:
    words = "\x1b]52;c;eA==\x07 boom\n\n@all \u202egnp" + "x" * 5000
    said = compose([notice(params={"reason": "exception", "message": words})], "me", "en", NOW)
    assert "\x1b" not in said.text and "\u202e" not in said.text
    assert "\n" not in said.title and len(said.title) <= 200 and len(said.text) <= LONGEST_TEXT
    json.dumps(said.data)


def test_a_command_is_told_without_what_looks_like_a_secret() -> None:
    said = compose([notice(recipe="python train.py --wandb-api-key hush --lr 1")], "me", "en", NOW)
    assert "--wandb-api-key" in said.text and "--lr 1" in said.text
    assert "hush" not in said.text and "hush" not in json.dumps(said.data)
