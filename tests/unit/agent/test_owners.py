"""A job has one owner, and its host knows which: others look on, adoptions come whole, acts do not cross them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lt_agent import owners
from lt_agent.protocol.errors import LtError
from lt_agent.protocol.files import write_json
from lt_agent.protocol.paths import AttemptPaths, HostRoot
from lt_agent.protocol.ulid import new_ulid
from support.bridge_client import BridgeClient
from support.wait import until

SPEC = {"name": "tiny", "owner": "test", "kind": "command", "argv": ["true"], "submitted_from": "ann@desk"}


@pytest.fixture
def root(tmp_path: Path) -> HostRoot:
    return HostRoot(tmp_path / "root")


@pytest.fixture
def job(root: HostRoot) -> AttemptPaths:
    paths = root.attempt(new_ulid(), 1)
    for folder in (paths.control, paths.manifests, paths.out):
        folder.mkdir(parents=True)
    write_json(paths.spec, {**SPEC, "job": paths.job, "attempt": 1})
    return paths


def connect(root: HostRoot, owner: str) -> BridgeClient:
    client = BridgeClient(root.path, root.path.parent / "lease")
    client.ask("hello", owner=owner, version="test", slots=1, gpus_wanted=[])
    return client


def refused(client: BridgeClient, op: str, **params: object) -> str:
    with pytest.raises(LtError) as error:
        client.ask(op, **params)
    return error.value.code


def test_another_laptop_sees_the_job_and_can_do_nothing_to_it(root: HostRoot, job: AttemptPaths) -> None:
    with connect(root, "other") as client:
        (seen,) = client.ask("jobs")
        assert (seen["owner"], seen["by"]) == ("test", "ann@desk")
        one = {"job": job.job, "attempt": 1}
        for op, more in (
            ("follow", {}),
            ("stop", {"kind": "stop"}),
            ("save", {}),
            ("pin", {"name": "checkpoint-1"}),
            ("remove", {}),
            ("start", {"spec": {**SPEC, **one, "owner": "other"}}),
            ("start", {"spec": {**SPEC, **one, "attempt": 2, "owner": "other"}}),
        ):
            assert refused(client, op, **one, **more) == "not_your_job", op
    assert not job.stop_request.exists() and job.spec.exists()
    assert [path.attempt for path in root.attempts()] == [1]


def test_an_adoption_turns_the_tables_and_the_old_owner_is_told(root: HostRoot, job: AttemptPaths) -> None:
    one = {"job": job.job, "attempt": 1}
    with connect(root, "test") as old, connect(root, "other") as new:
        old.ask("follow", **one)
        record = new.ask("adopt", job=job.job, by="bob@lap", expected="test")
        assert (record["owner"], record["previous"]) == ("other", "test")
        news = old.wait_push(lambda frame: frame.header["type"] == "adopted")
        assert (news.header["job"], news.header["owner"], news.header["by"]) == (job.job, "other", "bob@lap")
        assert refused(old, "stop", **one, kind="stop") == "not_your_job"
        assert new.ask("follow", **one) == {}
        assert new.ask("jobs")[0]["owner"] == "other"


def test_an_adoption_may_be_repeated_and_the_second_of_two_is_told(root: HostRoot, job: AttemptPaths) -> None:
    first = owners.adopt(root, job.job, "other", "bob@lap", "test")
    assert owners.adopt(root, job.job, "other", "bob@lap", "test") == first
    with pytest.raises(LtError) as error:
        owners.adopt(root, job.job, "third", "eve@pad", "test")
    assert error.value.code == "owner_changed" and error.value.params["by"] == "bob@lap"
    assert owners.owner_of(root, job.job)["owner"] == "other"


def test_an_adoption_waits_for_the_act_under_way(root: HostRoot, job: AttemptPaths) -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # another process: descriptors of one share a lock
        os.read(read, 1)
        owners.adopt(root, job.job, "other", "")
        os._exit(0)
    with owners.acting(root, job.job, "test"):
        os.write(write, b"!")
        assert os.waitpid(child, os.WNOHANG) == (0, 0)
        assert owners.owner_of(root, job.job)["owner"] == "test"
    until(lambda: owners.owner_of(root, job.job)["owner"] == "other", 20, "adopted once the act is over")
    assert os.waitpid(child, 0)[1] == 0


def test_a_torn_or_foreign_owner_file_leaves_the_submitter_in_charge(root: HostRoot, job: AttemptPaths) -> None:
    for content in ("", "{", "[]", '{"owner": 5}'):
        root.owner(job.job).write_text(content)
        assert owners.owner_of(root, job.job) == {"owner": "test", "by": "ann@desk"}


def test_records_tell_what_a_laptop_needs_to_begin_anew(root: HostRoot, job: AttemptPaths) -> None:
    gone = new_ulid()
    with connect(root, "other") as client:
        found = client.ask("records", jobs=[job.job, gone])
        assert found[job.job]["attempts"]["1"]["name"] == "tiny" and found[job.job]["owner"] == "test"
        assert found[gone] == {"missing": True, "alive": 0}
        assert refused(client, "records", jobs=["../etc"]) == "bad_job_id"
        assert refused(client, "records", jobs=[new_ulid() for _ in range(101)]) == "bad_request"
        assert refused(client, "adopt", job=gone) == "no_such_job"
        assert not (root.jobs / gone).exists()
