"""Commands about money and use: `lt cost`, `lt stats`, `lt host history`, and what `lt host show` draws."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from lt_controller.cli import host_usage, output
from lt_controller.cli.cost import money
from lt_controller.client import clock
from lt_controller.store import history, usage
from lt_controller.store.times import iso
from lt_inventory.hosts_file import HostsFile
from lt_inventory.model import Host
from lt_inventory.periods import terms_of
from support.cli import Lt
from support.store import Store

HOUR = 3600.0


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> float:
    """Now, and it stays so: on a slow machine an idle host would become dearer while the test runs."""
    began = datetime.now(timezone.utc)
    monkeypatch.setattr(clock, "now", lambda: began)
    return began.timestamp()


@pytest.fixture
def now(store: Store, moment: float) -> float:
    """A host that has been rented for three days, and two jobs on it."""
    now = moment
    file = HostsFile(store.home.hosts_file)
    for price, days in ((1.0, 3), (2.0, 1)):
        host = Host("box", "box", price=price, provider="somebody")
        (file.update if "box" in file.load() else file.add)(host)
        terms = {name: terms_of(found) for name, found in file.load().items()}
        history.note_terms(store.db, terms, iso(now - days * 86400))
    history.note_machine(store.db, "box", {"cpu": {"count": 64}, "memory": {"total": 1 << 39}})
    for n, (begin, end) in enumerate(((60, 50), (10, 4))):
        job = store.job(f"job-{n}", "succeeded", recipe="sft", at=now - (begin + 1) * HOUR)
        store.db.execute(
            "UPDATE attempts SET started_at=?, finished_at=?, exit='{}' WHERE job_id=?",
            (iso(now - begin * HOUR), iso(now - end * HOUR), job),
        )
    for n in range(60):
        usage.add(store.db, "box", now - n * 60, {"cpu": 40.0, "gpu": 95.0}, now)
    return now


def test_what_hosts_and_jobs_cost(lt: Lt, now: float) -> None:
    shown = lt("cost").out.splitlines()
    assert shown[0].split("\t") == ["HOST", "JOBS", "HOURS", "COST", "IDLE", "IDLE COST", "TOTAL"]
    assert shown[1].split("\t")[:4] == ["box", "2", "16.0", "22.00"]
    assert shown[-1].split("\t")[-1] == shown[1].split("\t")[-1] == "96.00"
    jobs = lt("cost", "--by", "job").out.splitlines()
    assert [line.split("\t")[0] for line in jobs] == ["JOB", "job-0", "job-1", "idle", "total"]
    assert [line.split("\t")[-1] for line in jobs[1:]] == ["10.00", "12.00", "74.00", "96.00"]
    found = json.loads(lt("cost", "--by", "recipe", "--since", "12h", "--json").out)
    assert [(line["name"], round(line["cost"], 1)) for line in found["lines"]] == [("sft", 12.0)]
    assert found["total"]["total"] == pytest.approx(24, abs=1)
    lt("cost", "--host", "nowhere", code=4)


def test_cost_as_csv_and_as_pictures(lt: Lt, now: float, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(lt("cost", "--by", "job", "--csv", "-").out)))
    assert [row["kind"] for row in rows] == ["job", "job", "idle", "total"]
    assert sum(float(row["total"]) for row in rows[:3]) == pytest.approx(float(rows[3]["total"]))
    lt("cost", "--svg", str(tmp_path / "cost.svg"))
    picture = (tmp_path / "cost.svg").read_text()
    first = datetime.fromtimestamp(now - 3 * 86400, timezone.utc).astimezone().date()
    assert picture.count("<polyline") == 1 and first.isoformat() in picture
    drawn = lt("cost", "--plot").out
    assert "jobs: 22.00, by day" in drawn and "use gpu\t95%" in drawn


def test_hours_without_a_price_are_said(lt: Lt, store: Store, moment: float) -> None:
    job = store.job("free", "running", at=moment - HOUR)
    store.db.execute("UPDATE attempts SET started_at=? WHERE job_id=?", (iso(moment - HOUR), job))
    told = lt("cost", "--by", "job")
    assert told.out.splitlines()[1].endswith("?") and "1.0 of the hours have no known price" in told.err


def test_what_a_host_was(lt: Lt, now: float) -> None:
    shown = lt("host", "history", "box").out.splitlines()
    assert len(shown) == 3
    assert shown[1].split("\t")[4:6] == ["somebody", "1/h"]
    assert shown[2].split("\t")[5] == "2/h" and shown[2].endswith("price") and "64 CPUs" in shown[2]
    assert [row["data"]["price"] for row in json.loads(lt("host", "history", "box", "--json").out)] == [1.0, 2.0]
    lt("host", "history", "nowhere", code=4)


def test_a_host_that_is_shown_tells_its_history_and_its_use(
    lt: Lt, now: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = lt("host", "show", "box").out
    assert "lt host history box" in shown and "use gpu\t95%" in shown and "provider\tsomebody" in shown
    assert json.loads(lt("host", "show", "box", "--json").out)["usage"]["gpu"][0]["value"] == 95.0
    for module in (output, host_usage):
        monkeypatch.setattr(module, "on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    lines = lt("host", "show", "box").out.splitlines()
    gpu = next(line for line in lines if line.startswith("gpu"))
    assert "█ 95%" in gpu and len(gpu) <= 80


def test_how_jobs_went(lt: Lt, now: float) -> None:
    heading, line = (row.split("\t") for row in lt("stats").out.splitlines())
    told = dict(zip(heading, line, strict=True))
    assert (told["HOST"], told["JOBS"], told["SUCCESS"], told["HOURS"]) == ("box", "2", "100%", "16.0")
    (row,) = csv.DictReader(io.StringIO(lt("stats", "--by", "recipe", "--csv", "-").out))
    assert (row["recipe"], row["succeeded"]) == ("sft", "2")
    assert json.loads(lt("stats", "--since", "1h", "--json").out) == []
    assert "No job was submitted" in lt("stats", "--since", "1h").err


def test_a_lease_that_is_too_short_is_told_in_listings(lt: Lt, store: Store, moment: float) -> None:
    until = clock.now() + timedelta(minutes=30)
    HostsFile(store.home.hosts_file).add(Host("box", "box", until=until))
    job = store.job("long", "running", at=moment - HOUR, total_steps=100_000, step=20, recipe="sft")
    for step in range(20):
        store.metric(job, step, loss=1.0)
    told = lt("ps").out
    assert "the lease of box ends in" in told and "it needs 1d 3h" in told
    assert "the lease of box ends in" in lt("show", "long").out
    store.set(job, state="succeeded")
    assert "lease" not in lt("ps", "-a").out


def test_a_broken_inventory_keeps_no_job_from_being_shown(lt: Lt, now: float, store: Store) -> None:
    store.home.hosts_file.write_text("[hosts.box\n")
    assert "cost\t10.00" in lt("show", "job-0").out
    assert lt("cost").out.splitlines()[1].split("\t")[3] == "22.00"


def test_what_a_program_reads_has_no_drawing_in_it(now: float, lt: Lt) -> None:
    assert json.loads(lt("cost", "--plot", "--json").out)["by"] == "host"
    assert lt("cost", "--plot", "--csv", "-").out.startswith("kind,name")


def test_what_is_not_free_is_not_shown_as_nothing() -> None:
    assert [money(value) for value in (None, 0.0, 0.0034, 0.01, 12.345)] == ["?", "0.00", "0.003", "0.01", "12.35"]
