"""What screens read: the fleet, series, log lines, recipes' fields, settings."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from lt_agent.protocol.errors import LtError
from lt_controller.client import Client
from lt_controller.client.database import Reader
from lt_controller.client.series import Series
from lt_controller.store.times import iso
from support.store import START, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def client(store: Store) -> Iterator[Client]:
    with Client(store.home) as made:
        yield made


def test_fleet_has_curves_and_the_newest_samples_of_running_jobs(store: Store, client: Client) -> None:
    job = store.job("one", host="local")
    for step in range(100):
        store.metric(job, step, loss=100.0 - step)
    for step, util in ((0, 10.0), (10, 90.0)):
        store.metric(job, step, **{"gpu0/util": util, "sys/cpu": 5.0})
    store.job("over", "succeeded", host="local", at=START + 60)
    fleet = client.fleet()
    assert [item.name for item in fleet.jobs] == ["one", "over"]
    assert fleet.curves[job] == tuple(float(value) for value in range(32, 0, -1))
    assert {name: sample.value for name, sample in fleet.samples[job].items()} == {"gpu0/util": 90.0, "sys/cpu": 5.0}
    assert {info.name: info.active for info in fleet.hosts} == {"local": 1}


def test_fleet_sees_a_host_that_was_added_meanwhile(store: Store, client: Client) -> None:
    assert [info.name for info in client.fleet().hosts] == ["local"]
    client.add_host(client.make_host("box", {"address": "192.0.2.1"}))
    assert [info.name for info in client.fleet().hosts] == ["box", "local"]


def test_fleet_reads_again_what_has_come_and_nothing_else(store: Store, client: Client) -> None:
    jobs = [store.job(f"job-{n}", host="local", total_steps=100, at=START + n) for n in range(3)]
    for job in jobs:
        store.metric(job, 1, loss=2.0)
        store.metric(job, 2, loss=1.0)
    before = client.fleet()
    assert [job.eta for job in before.jobs] == [98.0] * 3
    store.metric(jobs[1], 3, **{"loss": 0.5, "sys/cpu": 7.0})
    after = client.fleet()
    assert after.curves == {jobs[0]: (2.0, 1.0), jobs[1]: (2.0, 1.0, 0.5), jobs[2]: (2.0, 1.0)}
    assert [job.eta for job in after.jobs] == [98.0, 97.0, 98.0]
    assert [old is new for old, new in zip(before.jobs, after.jobs, strict=True)] == [True, False, True]
    assert after.samples[jobs[1]]["sys/cpu"].value == 7.0
    store.set(jobs[1], state="succeeded")
    assert jobs[1] not in client.fleet().curves


def test_fleet_asks_the_same_few_questions_however_many_jobs_run(
    store: Store, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    rows = Reader.rows
    monkeypatch.setattr(Reader, "rows", lambda self, sql, values=(): asked.append(sql) or rows(self, sql, values))
    counts = []
    for n in range(20):
        job = store.job(f"job-{n}", host="local", total_steps=100, at=START + n)
        store.metric(job, 1, **{"loss": 2.0, "gpu0/util": 50.0})
        asked.clear()
        fleet = client.fleet()
        assert (len(fleet.curves), len(fleet.samples)) == (n + 1, n + 1)
        counts.append(len(asked))
    assert len(set(counts)) == 1
    assert counts[0] <= 8


def test_the_load_of_a_host_is_the_mean_of_its_jobs_of_the_last_ten_minutes(store: Store, client: Client) -> None:
    now = datetime.now(timezone.utc).timestamp() // 30 * 30 - 60
    for name, value in (("one", 20.0), ("two", 150.0)):
        job = store.job(name, host="local")
        for step, age, load in ((0, 3600.0, 99.0), (3000, 300.0, 10.0), (3300, 0.0, value)):
            when = iso(now - age + 1)
            store.insert("metrics", job_id=job, attempt=1, name="sys/cpu", step=step, value=load, time=when)
    assert client.fleet().load == {"local": (10.0, 60.0)}


def test_series_grows_and_a_resumed_attempt_cuts_what_it_repeats(store: Store, client: Client) -> None:
    job = store.job("one", attempt=2)
    for step in range(10):
        store.metric(job, step, loss=float(step))
    series = Series("loss")
    assert client.extend_series(series, job, 1)
    assert not client.extend_series(series, job, 1)
    store.metric(job, 5, attempt=2, loss=50.0)
    store.metric(job, 6, attempt=2, loss=None)
    assert client.extend_series(series, job, 2)
    assert list(series.steps) == [0, 1, 2, 3, 4, 5, 6]
    assert series.values[5] == 50.0
    assert math.isnan(series.values[6])
    assert not client.extend_series(series, job, 2)


def test_log_lines_go_forward_and_backward_over_pieces(store: Store, client: Client) -> None:
    job = store.job("one")
    text = [f"line {n} {'x' * (n % 90)}".encode() for n in range(5000)]
    data = b"\n".join(text)  # the last line has no end yet
    for start in range(0, len(data), 20_011):
        store.log(job, data[start : start + 20_011])
    lines = client.log_lines(job, 1)
    assert lines.size() == len(data)
    assert [line.data for line in lines.after(0, 9999)] == text
    assert [line.data for line in lines.before(lines.size(), 9999)] == text
    tail = lines.before(lines.size(), 3)
    assert [line.data for line in tail] == text[-3:]
    assert [line.data for line in lines.after(tail[0].offset, 3)] == text[-3:]
    assert lines.start_of(tail[1].offset + 2) == tail[1].offset
    assert lines.start_of(tail[1].offset) == tail[1].offset
    found = lines.before(lines.size(), 2, re.compile(rb"line 1\d\d "))
    assert [line.data.split()[1] for line in found] == [b"198", b"199"]
    store.log(job, b" more\nlast\n")
    assert [line.data[-5:] for line in lines.after(tail[2].offset, 3)] == [b" more", b"last"]


def test_a_line_without_end_is_shown_in_parts(store: Store, client: Client) -> None:
    job = store.job("one")
    store.log(job, b"a" * 100_000 + b"\nend\n")
    lines = client.log_lines(job, 1)
    assert b"".join(line.data for line in lines.after(0, 100)) == b"a" * 100_000 + b"end"
    assert b"".join(line.data for line in lines.before(lines.size(), 100)) == b"a" * 100_000 + b"end"


def test_recipe_fields_carry_documentation_values_and_problems(client: Client) -> None:
    fields, problems = client.recipe_fields("tiny-sft", ["train.learning_rate=fast"])
    by_key = {field.key: field for field in fields}
    assert by_key["train.learning_rate"].doc
    assert by_key["train.max_steps"].value == 380
    assert by_key["train.max_steps"].given
    assert "messages" in by_key["datasets.0.type"].choices
    assert any(problem.key == "train.learning_rate" for problem in problems)
    assert client.recipe_fields("tiny-sft")[1] == []
    with pytest.raises(LtError):
        client.recipe_fields("no-such-recipe")


def test_settings_keep_comments_and_name_the_line_of_a_fault(store: Store, client: Client) -> None:
    path = store.home.config_file
    path.write_text("# mine\n[tui]\ntheme = 'nord' # dark\n")
    client.change_settings("tui", {"language": "zh"})
    assert client.settings() == {"tui": {"theme": "nord", "language": "zh"}}
    assert "# mine" in path.read_text()
    assert "# dark" in path.read_text()
    path.write_text("[tui\n")
    with pytest.raises(LtError) as caught:
        client.settings()
    assert caught.value.code == "config_invalid"
    assert caught.value.params["line"] == 1


def test_snapshots_and_events_of_all_jobs(store: Store, client: Client) -> None:
    job = store.job("one")
    store.insert("events", job_id=job, attempt=1, seq=0, code="plan", params={"total_steps": 5}, time="2026-01-01")
    store.insert("datasets", name="d", digest="x", size=5, files=1, source="/d", created_at="2026-01-01T00:00:00Z")
    store.insert("data_on_hosts", host="box", name="d", digest="x", time="2026-01-01T00:00:00Z")
    assert [(name, event.code) for name, event in client.recent_events()] == [("one", "plan")]
    assert client.snapshots()[0].hosts == ("box",)
