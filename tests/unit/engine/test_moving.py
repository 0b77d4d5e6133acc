"""A job that waits for one of several hosts: where it may go, and how full each is taken to be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lt_agent.protocol import states
from lt_agent.protocol.records import JobSpec, to_dict
from lt_agent.protocol.ulid import new_ulid
from lt_controller.client import Client
from lt_controller.client.placing import _load
from lt_controller.engine.moving import Mover
from lt_controller.home import Home
from lt_controller.store import choices, hosts, jobs
from lt_controller.store.writer import Writer
from lt_inventory.model import Host

INVENTORY = {name: Host(name, "10.0.0.1") for name in ("a", "b")}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").make()


@pytest.fixture
def writer(home: Home) -> Iterator[Writer]:
    found = Writer(home.database)
    for name in INVENTORY:
        found.run("", hosts.reached, name, None, 0.0)
    yield found
    found.close()


def submit(writer: Writer, host: str, state: str, gpus: int = 0) -> str:
    """A job that may go to either host."""
    spec = to_dict(replace(JobSpec(new_ulid(), 1, new_ulid(), "me", "command", argv=("true",)), gpus=gpus))
    among = [{"host": name, "spec": spec} for name in INVENTORY]
    intent = {"spec": spec, "host": host, "asked": "any", "among": among}
    job = writer.run("", choices.take_submit, new_ulid(), intent)
    writer.run("", jobs.set_state, job, 1, state)
    return job


@pytest.mark.parametrize("closed", ["drained", "retired"])
def test_a_job_that_waits_moves_to_no_host_that_a_person_has_closed(writer: Writer, closed: str) -> None:
    job = submit(writer, "a", states.QUEUED)
    writer.run("", hosts.set_activity, "a", "unreachable")
    mover = Mover(writer, lambda host: None)
    assert not mover.look({**INVENTORY, "b": replace(INVENTORY["b"], closed=closed)})
    assert mover.look(INVENTORY)
    assert writer.run("", jobs.brief, job).attempt == 2


def test_client_and_controller_take_a_host_for_equally_full(writer: Writer, home: Home) -> None:
    submit(writer, "a", states.RUNNING, gpus=2)
    submit(writer, "a", states.STOPPING)
    submit(writer, "a", states.WAITING)
    submit(writer, "b", states.QUEUED)
    with Client(home) as client:
        load = _load(client)
    assert load == {"a": (3, 1), "b": (0, 1)}
    rooms = writer.run("", choices.rooms)
    assert {name: (room.taken, room.waiting) for name, room in rooms.items()} == load
