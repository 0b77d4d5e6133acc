"""A failed attempt is followed by another: by the host alone, once, from its last checkpoint, where that helps."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from lt_agent import judge, retries, tickets
from lt_agent.outcome import write_outcome
from lt_agent.priorities import set_priority
from lt_agent.protocol.files import read_json, write_json
from lt_agent.protocol.paths import AttemptPaths
from lt_agent.protocol.records import ExitRecord, JobSpec, ResumeFrom, from_dict
from lt_agent.protocol.retrying import (
    CURABLE,
    INCURABLE,
    LONGEST_WAIT,
    next_spec,
    retry_from,
    retry_of,
    wait_before,
)
from lt_agent.start import start
from lt_agent.stopping import read_spec, request_stop
from lt_agent.waiting import read_board
from support.agent_host import AgentHost, ended, log, running, the_dispatcher, the_supervisor
from support.wait import until

DOCS = Path(__file__).resolve().parents[3] / "docs" / "states.md"
SPEC = JobSpec("01ARZ3NDEKTSV4RRFFQ69G5FAV", 1, "a", "me", "command", retries=3, retry_wait=60.0)
FAILED = ExitRecord("failed", "oom", finished_at=1000.0)


def attempts(host: AgentHost, attempt: AttemptPaths) -> list[int]:
    """The attempts of its job that are there."""
    return [other.attempt for other in host.root.attempts(attempt.job)]


def following(host: AgentHost, attempt: AttemptPaths) -> AttemptPaths:
    """The next attempt's folder, watched by the host fixture so that nothing of it is left."""
    found = host.root.attempt(attempt.job, attempt.attempt + 1)
    host.jobs.append(found)
    return found


def test_every_reason_that_is_documented_is_in_one_of_the_tables() -> None:
    rows = DOCS.read_text(encoding="utf-8").partition("## Reasons")[2].partition("\n\n`killed`")[0].splitlines()
    found: set[str] = set()
    state = ""
    for row in rows:
        cells = [cell.strip() for cell in row.split("|")]
        if len(cells) > 3 and cells[2].startswith("`"):
            state = cells[1].strip("`") or state
            if state in ("failed", "lost"):
                found.update(re.findall(r"`([a-z_]+)`", cells[2]))
    assert len(found) > 20
    assert found <= CURABLE | INCURABLE, found - CURABLE - INCURABLE
    assert not CURABLE & INCURABLE


def test_waits_double_with_some_play_up_to_an_hour() -> None:
    waits = [wait_before(replace(SPEC, tried=tried, attempt=tried + 1)) for tried in range(12)]
    for tried, wait in enumerate(waits):
        assert 0.9 <= wait / min(LONGEST_WAIT, 60 * 2**tried) <= 1.1
    assert wait_before(SPEC) == wait_before(SPEC)
    assert len({wait_before(replace(SPEC, attempt=number)) for number in range(1, 9)}) == 8


def test_which_ends_are_followed() -> None:
    assert retry_of(SPEC, FAILED) is not None
    assert retry_of(replace(SPEC, retries=0), FAILED) is None
    assert retry_of(replace(SPEC, tried=3), FAILED) is None
    assert retry_of(SPEC, replace(FAILED, reason="nan")) is None
    assert retry_of(SPEC, replace(FAILED, reason="something_new")) is None
    for state in ("succeeded", "cancelled", "paused", "timed_out"):
        assert retry_of(SPEC, replace(FAILED, state=state)) is None
    assert retry_of(SPEC, replace(FAILED, state="lost", reason="host_rebooted")) is not None


def test_the_next_spec_goes_on_from_the_checkpoint_else_from_where_this_one_began() -> None:
    retry = retry_of(SPEC, FAILED)
    assert retry is not None
    spec = next_spec(SPEC, retry, "checkpoint-5")
    assert (spec.attempt, spec.tried, spec.resume) == (2, 1, ResumeFrom(1, "checkpoint-5"))
    assert spec.not_before == retry.at == 1000.0 + wait_before(SPEC)
    earlier = replace(SPEC, resume=ResumeFrom(1, "checkpoint-2"), attempt=2)
    again = retry_of(earlier, FAILED)
    assert again is not None and next_spec(earlier, again, None).resume == ResumeFrom(1, "checkpoint-2")


@pytest.mark.parametrize(
    "said",
    [
        None,
        7,
        {},
        {"attempt": 3, "at": 1010.0},
        {"attempt": 2, "at": "soon"},
        {"attempt": 2, "at": True},
        {"attempt": 2, "at": 10.0},
        {"attempt": 2, "at": 1e18},
        {"attempt": 2, "at": float("nan")},
    ],
)
def test_a_host_that_tells_nonsense_of_a_retry_is_not_believed(said: object) -> None:
    assert retry_from(said, SPEC, FAILED) is None
    assert retry_from({"attempt": 2, "at": 1010.0}, SPEC, FAILED) is not None
    assert retry_from({"attempt": 2, "at": 1010.0}, replace(SPEC, retries=0), FAILED) is None


def test_a_failed_job_is_tried_again_by_its_host_and_succeeds(host: AgentHost, tmp_path: Path) -> None:
    flag = tmp_path / "second time"
    script = 'echo "try $LT_ATTEMPT"; test -e "$0" && exit 0; touch "$0"; exit 3'
    first = host.start("sh", "-c", script, str(flag), retries=2, retry_wait=0.2)
    second = following(host, first)
    record = ended(first)
    assert (record["state"], record["reason"]) == ("failed", "exit_code")
    assert record["retry"]["attempt"] == 2 and record["retry"]["tried"] == 1
    assert ended(second)["state"] == "succeeded"
    assert log(second) == "try 2\n"
    assert read_spec(second).tried == 1
    until(lambda: not retries.is_due(first))
    assert attempts(host, first) == [1, 2]


def test_retries_are_used_up(host: AgentHost) -> None:
    first = host.start("false", retries=2, retry_wait=0.05)
    last = following(host, following(host, first))
    assert ended(last)["retry"] is None
    assert attempts(host, first) == [1, 2, 3]


def test_what_no_retry_cures_is_not_tried_again(host: AgentHost) -> None:
    script = "import json, os\nfrom pathlib import Path\nattempt = Path(os.environ['LT_OUT']).parent\n"
    script += "(attempt / 'failure.json').write_text(json.dumps({'reason': 'nan'})); raise SystemExit(1)"
    attempt = host.python(script, retries=3, retry_wait=0.0)
    record = ended(attempt)
    assert (record["reason"], record["retry"]) == ("nan", None)
    assert attempts(host, attempt) == [1]


def test_a_retry_waits_for_its_time_and_says_so(host: AgentHost) -> None:
    first = host.start("false", retries=1, retry_wait=600.0)
    second = following(host, first)
    ended(first)
    found = until(lambda: read_board(host.lease).get(f"{first.job}-2"))
    place, code, params = found
    assert (place, code, params["reason"], params["try"], params["tries"]) == (None, "retry", "exit_code", 1, 1)
    assert params["at"] == pytest.approx(ended(first)["retry"]["at"])
    request_stop(second, "stop")
    assert ended(second)["state"] == "cancelled"


def test_a_retry_goes_on_from_the_last_checkpoint(host: AgentHost) -> None:
    script = (
        "import json, os, sys; from pathlib import Path\n"
        "out = Path(os.environ['LT_OUT']); control = out.parent / 'control' / 'saved'\n"
        "for step in (1, 2):\n"
        " folder = out / f'checkpoint-{step}'; folder.mkdir(); (folder / 'w').write_bytes(b'w')\n"
        " said = {'step': step, 'kind': 'checkpoint', 'resumable': True}\n"
        " (control / folder.name).write_text(json.dumps(said))\n"
        "sys.exit(0 if os.environ['LT_ATTEMPT'] == '2' else 9)\n"
    )
    first = host.python(script, retries=1, retry_wait=0.05)
    second = following(host, first)
    ended(second)
    assert ended(first)["retry"]["name"] == "checkpoint-2"
    assert read_spec(second).resume == ResumeFrom(1, "checkpoint-2")


def test_a_lost_attempt_is_followed_too(host: AgentHost) -> None:
    first = host.start("sh", "-c", 'test "$LT_ATTEMPT" = 2 || sleep 600', retries=1, retry_wait=0.05)
    second = following(host, first)
    running(first)
    os.kill(the_supervisor(first), signal.SIGKILL)
    record = ended(first)
    assert (record["reason"], record["retry"]["attempt"]) == ("supervisor_killed", 2)
    assert ended(second)["state"] == "succeeded"


def test_a_retry_that_a_crash_left_undone_is_begun_by_the_judge(
    host: AgentHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between its outcome and the next attempt, as in a power cut."""
    with monkeypatch.context() as patch:
        patch.setattr("lt_agent.start.ensure_dispatcher", lambda *_: None)
        spec = host.spec("true", retries=1, retry_wait=0.0)
        start(host.root, host.lease, spec, host.bundle)
    first = host.root.attempt(spec.job, 1)
    for name in tickets.names(host.lease):
        tickets.remove(host.lease, name)
    write_json(first.supervisor, {})
    assert write_outcome(first, ExitRecord("lost", "host_rebooted", finished_at=1.0), lambda: False)
    assert retries.is_due(first) and attempts(host, first) == [1]
    second = following(host, first)
    judge.judge_all(host.root, host.lease, host.bundle)
    assert ended(second)["state"] == "succeeded"
    assert not retries.is_due(first)


def test_host_and_laptop_at_once_begin_one_attempt(host: AgentHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """The controller that reads the outcome calls `start` with the same spec while the host begins it itself."""
    with monkeypatch.context() as patch:
        patch.setattr("lt_agent.retries.follow_up", lambda *_: None)
        first = host.start("sh", "-c", 'echo "$LT_ATTEMPT"; test "$LT_ATTEMPT" = 2', retries=1, retry_wait=0.0)
        record = from_dict(ExitRecord, ended(first))
    second = following(host, first)
    retry = retry_from(record.retry, read_spec(first), record)
    assert retry is not None
    spec = next_spec(read_spec(first), retry, None)
    threads = [threading.Thread(target=start, args=(host.root, host.lease, spec, host.bundle)) for _ in range(3)]
    threads += [
        threading.Thread(target=retries.follow_up, args=(host.root, host.lease, first, host.bundle)) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended(second)["state"] == "succeeded"
    assert log(second) == "2\n"
    assert attempts(host, first) == [1, 2]
    assert read_spec(second) == spec


def test_a_request_for_an_attempt_that_was_followed_means_the_newest(host: AgentHost) -> None:
    first = host.start("false", retries=1, retry_wait=600.0)
    second = following(host, first)
    ended(first)
    assert retries.current(host.root, host.lease, first, host.bundle).attempt == 2
    assert retries.current(host.root, host.lease, second, host.bundle).attempt == 2
    set_priority(host.lease, second, 4)
    request_stop(second, "stop")
    ended(second)


def test_a_priority_holds_for_the_retries(host: AgentHost) -> None:
    first = host.start("sh", "-c", "sleep 0.5; exit 1", retries=1, retry_wait=0.0)
    second = following(host, first)
    set_priority(host.lease, first, 9)
    ended(second)
    assert read_spec(second).priority == 9


def test_the_next_attempt_survives_the_death_of_the_dispatcher(host: AgentHost) -> None:
    first = host.start("sh", "-c", "sleep 1; exit 1", retries=1, retry_wait=0.0)
    second = following(host, first)
    running(first)
    os.kill(the_dispatcher(host.lease), signal.SIGKILL)
    assert ended(second)["reason"] == "exit_code"
    assert json.loads(first.exit.read_text())["retry"]["attempt"] == 2
    assert read_json(second.exit)["retry"] is None
