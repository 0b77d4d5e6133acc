"""How far a host is from being free to go: what its own attempts have made counts, wherever their jobs are by now."""

from __future__ import annotations

from pathlib import Path

from lt_controller.client import Client
from lt_controller.client.queries import unfinished
from lt_inventory.hosts_file import HostsFile
from lt_inventory.model import Host
from support.store import Store


def hosts(store: Store) -> None:
    for name in ("box", "twin"):
        HostsFile(store.home.hosts_file).add(Host(name=name, address="127.0.0.1", port=1))


def moved(store: Store) -> str:
    """A job that began on `box` and runs on `twin`, with a checkpoint on each."""
    job = store.job("sft", "running", attempt=2, host="twin")
    store.db.execute("UPDATE attempts SET host='box' WHERE attempt=1")
    store.checkpoint(job, "checkpoint-1", 1, pull_state="none")
    store.checkpoint(job, "checkpoint-2", 2, attempt=2, pull_state="none")
    return job


def test_what_a_job_has_made_elsewhere_keeps_no_host(store: Store, client: Client) -> None:
    hosts(store)
    moved(store)
    left = client.leaving("box")
    assert [(job.name, item.name) for job, item in left.missing] == [("sft", "checkpoint-1")] and not left.alive
    assert not left.may_go
    store.db.execute("UPDATE checkpoints SET pull_state='pulled' WHERE attempt=1")
    left = client.leaving("box")
    assert left.may_go and left.home == 1
    assert [item.name for _, item in client.leaving("twin").missing] == ["checkpoint-2"]


def test_what_a_job_left_behind_comes_home_while_it_runs_elsewhere(store: Store, client: Client) -> None:
    hosts(store)
    moved(store)
    asked: list[tuple[str, list[str]]] = []
    client.pull = lambda ref, names=None: asked.append((ref, list(names)))  # type: ignore[assignment,return-value,arg-type]
    client.bring_home(client.leaving("twin"))
    assert asked == []  # it runs there: its end says what is kept
    client.bring_home(client.leaving("box"))
    assert [names for _, names in asked] == [["checkpoint-1"]]


def test_a_job_that_another_laptop_has_taken_over_keeps_no_host(store: Store, client: Client) -> None:
    hosts(store)
    job = store.job("sft", "running", host="box", adopted_by="other")
    store.checkpoint(job, "checkpoint-1", 1)
    assert client.leaving("box").may_go


def test_a_sweep_that_only_waits_is_work_for_a_controller(store: Store, client: Client, tmp_path: Path) -> None:
    assert not unfinished(client.reader)
    store.insert("sweeps", id="S", name="s", hosts="any", recipe="r", state="running", plan={}, created_at="")
    assert unfinished(client.reader)


def test_who_waits_for_a_host_that_is_away_is_told_so(store: Store, client: Client) -> None:
    from lt_controller.cli.leaving import away

    assert away(client, "box") == ""
    error = {"code": "host_unreachable", "params": {"host": "box", "why": "timeout"}}
    store.insert("hosts", name="box", state="unreachable", error=error)
    assert "box" in away(client, "box") and "lt host retire box" in away(client, "box")
