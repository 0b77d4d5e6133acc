"""`ps`, `show`, `logs`, `metrics`: what is stored is told, in tables, lines or JSON, and harmlessly."""

from __future__ import annotations

import json
import re

import pytest

from lt_controller.store.times import iso
from support.cli import Lt
from support.store import START, Store

HOSTILE = b"\x1b]52;c;ZXZpbA==\x07\x1b[2J\x9b31m\xff\xe2\x80\xaetxt\rdone \xe8\xae\xad\xe7\xbb\x83\n"


def table(text: str) -> list[dict[str, str]]:
    head, *rows = [line.split("\t") for line in text.splitlines()]
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_ps_in_a_pipe_is_tab_separated(store: Store, lt: Lt) -> None:
    store.job("one", "running", step=3, total_steps=10)
    store.job("two", "failed", reason="oom", message="on GPU 0")
    assert [row["JOB"] for row in table(lt("ps").out)] == ["one"]
    rows = {row["JOB"]: row for row in table(lt("ps", "-a").out)}
    assert rows["one"]["STEP"] == "3/10"
    assert rows["two"]["WHY"] == "out of memory: on GPU 0"


def test_a_long_why_does_not_tear_the_list_apart(store: Store, lt: Lt) -> None:
    store.job("one", "failed", reason="exception", message="error: " + "very long " * 40)
    (row,) = table(lt("ps", "-a").out)
    assert len(row["WHY"]) <= 72 and row["WHY"].endswith("…")
    assert "very long " * 39 in lt("show", "one").out


def test_show_says_why_a_checkpoint_does_not_come_home(store: Store, lt: Lt) -> None:
    job = store.job("one", "succeeded", pull_state="pending")
    full = {"code": "disk_full", "params": {"where": "laptop", "path": "/home", "free": 4096}}
    store.checkpoint(job, "checkpoint-1", 1, pull_state="pending", error=full)
    assert "checkpoint-1: The disk is full on this machine: /home" in lt("show", "one").err


def test_show_names_a_folder_only_where_something_came_home(store: Store, lt: Lt) -> None:
    store.job("one", "failed", reason="oom")
    records = store.home.run("one") / ".lt"
    records.mkdir(parents=True)
    assert str(store.home.run("one")) not in lt("show", "one").out
    (records.parent / "final").mkdir()
    assert str(store.home.run("one")) in lt("show", "one").out


def test_following_a_job_that_fails_ends_with_what_to_type(store: Store, lt: Lt) -> None:
    store.job("one", "failed", reason="exit_code", exit_code=2)
    assert "→ lt logs one, lt show one" in lt("logs", "one", "-f", code=1).err
    gone = {"code": "env_python_missing", "params": {"python": "/opt/python"}}
    store.job("two", "failed", reason="env_python_missing", message=json.dumps(gone))
    assert "→ lt host show HOST lists the ones it has" in lt("logs", "two", "-f", code=1).err


def test_ps_json_has_the_states_codes(store: Store, lt: Lt) -> None:
    job = store.job("one", "timed_out")
    (found,) = json.loads(lt("ps", "-a", "--json").out)
    assert (found["id"], found["state"]) == (job, "timed_out")
    assert json.loads(lt("ps", "--json").out) == []


def test_an_unreachable_host_is_shown_beside_a_job_that_stays_running(store: Store, lt: Lt) -> None:
    store.insert("hosts", name="box", state="unreachable", last_seen=iso(START))
    store.job("alive", "running")
    store.job("over", "succeeded", pull_state="pulled")
    rows = {row["JOB"]: row for row in table(lt("ps", "-a").out)}
    assert rows["alive"]["STATE"] == "running" and rows["alive"]["HOST"].startswith("box (unreachable")
    assert rows["over"]["HOST"] == "box"


def test_chinese_is_spoken(store: Store, lt: Lt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LT_LANG", "zh")
    store.job("one", "running")
    assert table(lt("ps").out)[0]["STATE"] == "运行中"
    assert "没有任务 nope" in lt("show", "nope", code=4).err


def test_hostile_text_never_reaches_the_terminal_as_it_is(store: Store, lt: Lt) -> None:
    job = store.job("evil", "failed", reason="\x1b[31m", message=HOSTILE.decode("latin-1"))
    store.log(job, HOSTILE)
    store.insert(
        "events", job_id=job, attempt=1, seq=0, code="\x1b]0;x\x07", params={"k\x1b[2J": "\x07"}, time=iso(START)
    )
    store.checkpoint(job, "c\x1b[2J", 1)
    store.metric(job, 1, **{"l\x1b[2J": 1.0})
    for words in (["ps", "-a"], ["show", "evil"], ["logs", "evil"], ["metrics", "evil"], ["ps", "-a", "--json"]):
        done = lt(*words)
        text = done.out + done.err
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text), (words, text)
    assert "done 训练" in lt("logs", "evil").out


def test_logs_begin_where_they_are_told_to(store: Store, lt: Lt) -> None:
    job = store.job("j", "succeeded")
    store.log(job, b"".join(b"line %d\n" % i for i in range(100)))
    assert lt("logs", "j").out.count("\n") == 100
    assert lt("logs", "j", "--tail", "2").out == "line 98\nline 99\n"
    assert lt("logs", "j", "--offset", "7", "--grep", "line [12]$").out == "line 1\nline 2\n"
    assert lt("logs", "j", "--attempt", "2", code=4).out == ""
    assert "regular expression" in lt("logs", "j", "--grep", "(", code=2).err


def test_following_an_ended_job_tells_how_it_ended(store: Store, lt: Lt) -> None:
    for name, state, code in (
        ("good", "succeeded", 0),
        ("bad", "failed", 1),
        ("idle", "paused", 0),
        ("off", "cancelled", 1),
    ):
        store.log(store.job(name, state), b"text without an end")
        done = lt("logs", name, "-f", code=code)
        assert done.out == "text without an end\n" and f"{name}: {state}" in done.err


def test_show_tells_attempts_checkpoints_and_events(store: Store, lt: Lt) -> None:
    job = store.job("j", "failed", kind="recipe", method="sft", reason="nan", attempt=2, step=7, total_steps=9)
    store.checkpoint(job, "checkpoint-5", 5, best=1, pull_state="pulled", path="/home/runs/j/checkpoint-5")
    params = {"name": "checkpoint-5", "step": 5, "size": 1000}
    store.insert("events", job_id=job, attempt=1, seq=10, code="checkpoint", params=params, time=iso(START))
    out = lt("show", "j").out
    for text in ("the loss became NaN", "7/9", "checkpoint-5 *", "/home/runs/j/checkpoint-5", "(step 5), 1000 B"):
        assert text in out
    whole = json.loads(lt("show", "j", "--json").out)
    assert whole["job"]["attempt"] == 2 and len(whole["attempts"]) == 2 and whole["checkpoints"][0]["best"] is True
    assert "argv" in lt("show", "j", "--spec").out


def test_metrics_are_summed_up_listed_and_drawn(store: Store, lt: Lt) -> None:
    job = store.job("j")
    for step in range(1, 101):
        store.metric(job, step, loss=10.0 / step, lr=0.1)
    assert [row["NAME"] for row in table(lt("metrics", "j").out)] == ["loss", "lr"]
    rows = table(lt("metrics", "j", "loss", "lr").out)
    assert len(rows) == 100 and rows[0] == {"STEP": "1", "loss": "10", "lr": "0.1"}
    drawn = lt("metrics", "j", "--plot").out
    assert "loss: 0.1" in drawn and max(drawn) >= "⠁" and drawn.splitlines()[-1].split() == ["1", "100"]
    assert "there are: loss, lr" in lt("metrics", "j", "los", code=4).err


def test_a_value_that_is_no_number_is_told_as_nan(store: Store, lt: Lt) -> None:
    job = store.job("j")
    store.metric(job, 1, loss=None)
    assert table(lt("metrics", "j", "loss").out)[0]["loss"] == "NaN"
    assert "loss" in lt("metrics", "j", "--plot").out


def test_wait_tells_by_its_exit_code(store: Store, lt: Lt) -> None:
    store.job("good", "succeeded")
    store.job("bad", "failed", reason="oom")
    assert "good: succeeded" in lt("wait", "good").err
    assert "out of memory" in lt("wait", "good", "bad", code=1).err
    assert [job["name"] for job in json.loads(lt("wait", "good", "--json").out)] == ["good"]
    assert "length of time" in lt("wait", "good", "--timeout", "soon", code=2).err


def test_what_is_not_there_has_exit_code_4(store: Store, lt: Lt) -> None:
    for command in ("show", "logs", "metrics", "stop", "pause", "resume", "save", "pull", "rm", "wait"):
        done = lt(command, "nope", code=4)
        assert "There is no job nope" in done.err and "lt ps -a" in done.err and done.out == ""
    assert "There is no host" in lt("host", "show", "nope", code=4).err


def test_a_request_without_sense_is_refused_in_words(store: Store, lt: Lt) -> None:
    store.job("over", "succeeded")
    assert "has ended already" in lt("stop", "over", code=1).err
    assert "is running" in (store.job("on"), lt("rm", "on", code=1).err)[1]
