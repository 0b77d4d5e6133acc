"""The end of a lease: known on the machine by owner, and acted on there with no laptop attached."""

from __future__ import annotations

import time
from pathlib import Path

from lt_agent import locks, owners
from lt_agent.lease_end import LeaseEnd, tell
from lt_agent.protocol.files import read_json, write_json
from lt_agent.protocol.paths import LeaseDir
from lt_agent.protocol.records import EnvPlan
from support.agent_host import AgentHost, ended, events, log_has, running
from support.bridge_client import BridgeClient
from support.wait import until

#: A recipe's worker that saves nothing: it ends once it is asked for a checkpoint.
WAITS = """#!/bin/sh
[ "$1" = -c ] && echo 3 && exit
until [ -e "$LT_OUT/../control/save.json" ]; do sleep 0.1; done
"""


def due(end: LeaseEnd, now: float, owner: str = "me") -> bool:
    """Whether it is due; if so, it is asked for."""
    if end.due(lambda: owner, now) is None:
        return False
    end.asked()
    return True


def test_it_is_due_once_and_again_after_it_was_put_off(tmp_path: Path) -> None:
    lease = LeaseDir(tmp_path)
    end = LeaseEnd(lease)
    assert not due(end, time.time())
    began = time.time()
    write_json(lease.lease_end, {"me": {"until": began + 1000, "lead": 600}})
    assert not due(end, began)
    assert due(end, began + 500)
    assert not due(end, began + 501)
    # Another hello: the same end, told a little differently.
    write_json(lease.lease_end, {"me": {"until": began + 1010, "lead": 600}})
    assert not due(end, began + 405)
    assert not due(end, began + 500)
    write_json(lease.lease_end, {"me": {"until": began + 5000, "lead": 600}})
    assert not due(end, began + 1000)
    assert due(end, began + 4500)


def test_it_stays_due_until_it_was_asked_for(tmp_path: Path) -> None:
    lease = LeaseDir(tmp_path)
    end = LeaseEnd(lease)
    began = time.time()
    write_json(lease.lease_end, {"me": {"until": began + 1000, "lead": 600}})
    assert [end.due(lambda: "me", began + later) for later in (500, 501)] == [500.0, 499.0]
    assert due(end, began + 502)
    assert not due(end, began + 503)


def test_each_owner_has_its_own_end(tmp_path: Path) -> None:
    lease = LeaseDir(tmp_path)
    tell(lease, "me", 100.0, 600.0)
    tell(lease, "you", 9000.0, 600.0)
    now = time.time()
    assert due(LeaseEnd(lease), now) and not due(LeaseEnd(lease), now, "you")
    assert not due(LeaseEnd(lease), now + 200), "a lease that is over asks for nothing"
    tell(lease, "me", None, 600.0)
    assert not due(LeaseEnd(lease), now)
    tell(lease, "you", 50.0, 0)
    assert read_json(lease.lease_end) == {}


def test_what_is_no_end_is_none(tmp_path: Path) -> None:
    lease = LeaseDir(tmp_path)
    for left, lead in (("soon", 600), (True, 600), (float("nan"), 600), (100, None), (100, -5)):
        tell(lease, "me", left, lead)
    assert not lease.lease_end.exists()
    for text in ("[]", "{", '{"me": 7}', '{"me": {"until": "x", "lead": 1}}'):
        lease.lease_end.write_text(text)
        assert not due(LeaseEnd(lease), time.time())


def test_the_hello_of_a_controller_tells_it(host: AgentHost) -> None:
    with BridgeClient(host.root.path, host.lease.path) as client:
        client.ask("hello", owner="me", version="1", slots=1, gpus_wanted=[], lease_left=5000.0, lease_lead=300.0)
        told = read_json(host.lease.lease_end)["me"]
        assert abs(told["until"] - time.time() - 5000) < 120 and told["lead"] == 300.0
        client.ask("hello", owner="me", version="1", slots=1, gpus_wanted=[])
        assert read_json(host.lease.lease_end) == {}


def test_a_training_is_asked_to_save_and_goes_on(host: AgentHost, tmp_path: Path) -> None:
    worker = tmp_path / "worker"
    worker.write_text(WAITS)
    worker.chmod(0o755)
    attempt = host.start(kind="recipe", recipe={"method": "sft"}, env=EnvPlan("existing", python=str(worker)))
    running(attempt)
    tell(host.lease, "somebody else", 60.0, 600.0)
    tell(host.lease, host.spec("true").owner, 5000.0, 600.0)
    until(lambda: attempt.samples.exists(), 15, "the supervisor has looked more than once")
    assert not events(attempt, "lease_save")
    tell(host.lease, host.spec("true").owner, 500.0, 600.0)  # `lt host edit --until`
    ended(attempt)
    (told,) = events(attempt, "lease_save")
    assert told["params"]["seq"] == 1 and 0 < told["params"]["left"] <= 500
    assert read_json(attempt.stop_request) is None


def test_a_save_that_could_not_be_asked_for_is_asked_for_again(host: AgentHost, tmp_path: Path) -> None:
    worker = tmp_path / "worker"
    worker.write_text(WAITS.replace("[ -e ", "[ -f "))
    worker.chmod(0o755)
    attempt = host.start(kind="recipe", recipe={"method": "sft"}, env=EnvPlan("existing", python=str(worker)))
    running(attempt)
    attempt.save_request.mkdir()  # neither read nor replaced while it is there
    lock = attempt.control / ".save"
    tell(host.lease, host.spec("true").owner, 500.0, 600.0)
    until(lock.exists, 15, "the supervisor has tried")
    until(lambda: not locks.is_locked(lock), 15, "and failed")
    attempt.save_request.rmdir()
    ended(attempt)
    assert len(events(attempt, "lease_save")) == 1


def test_a_job_that_was_adopted_follows_its_new_owners_lease(host: AgentHost, tmp_path: Path) -> None:
    worker = tmp_path / "worker"
    worker.write_text(WAITS)
    worker.chmod(0o755)
    attempt = host.start(kind="recipe", recipe={"method": "sft"}, env=EnvPlan("existing", python=str(worker)))
    running(attempt)
    owners.adopt(host.root, attempt.job, "you", "you@there")
    tell(host.lease, "you", 60.0, 600.0)
    ended(attempt)
    assert len(events(attempt, "lease_save")) == 1


def test_of_a_script_the_files_are_collected(host: AgentHost) -> None:
    tell(host.lease, host.spec("true").owner, 500.0, 600.0)
    attempt = host.python("print('ready', flush=True)\nimport time; time.sleep(600)", outputs=("out/**",))
    log_has(attempt, "ready")
    until(lambda: events(attempt, "lease_collect"), 15)
    assert not attempt.save_request.exists() and not attempt.exit.exists()
