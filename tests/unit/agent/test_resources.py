"""GPUs, cores, memory and disk of a machine: leased to one job at a time, and named in its environment."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from lt_agent import foreign, leases, procs, tickets, waiting
from lt_agent.line import Wish
from lt_agent.priorities import set_priority
from lt_agent.protocol.paths import AttemptPaths
from lt_agent.start import start
from lt_agent.stopping import request_stop
from lt_agent.waiting import Queue, read_board
from support.agent_host import AgentHost, dispatcher_pid, ended, gone, log, running, the_dispatcher, the_supervisor
from support.wait import until

GPUS = ("GPU-aaaa", "GPU-bbbb")
SHOW = 'echo "$CUDA_VISIBLE_DEVICES"'
GIB = 1 << 30


@pytest.fixture
def box(tmp_path: Path) -> Iterator[AgentHost]:
    """Two GPUs, 24 and 80 GiB, as the controller would list them; nobody set the slots."""
    made = AgentHost(tmp_path)
    leases.write_slots(made.lease, 2, GPUS, capped=False, memory={GPUS[0]: 24 * GIB, GPUS[1]: 80 * GIB})
    yield made
    made.close()


def reason(host: AgentHost, attempt: AttemptPaths) -> list[object] | None:
    """What the board says of the attempt."""
    found = read_board(host.lease).get(f"{attempt.job}-{attempt.attempt}")
    return found if isinstance(found, list) else None


def test_each_job_sees_the_gpu_that_it_was_given_by_uuid(box: AgentHost) -> None:
    jobs = [box.start("sh", "-c", f"{SHOW}; sleep 600", gpus=1) for _ in range(2)]
    for attempt in jobs:
        running(attempt)
        until(lambda attempt=attempt: log(attempt))
    assert sorted(log(attempt).strip() for attempt in jobs) == sorted(GPUS)
    third = box.start("sh", "-c", SHOW, gpus=1)
    until(lambda: reason(box, third))
    assert reason(box, third) == [1, "gpus", {"wanted": 1, "free": 0, "there": 2}]
    request_stop(jobs[0], "stop", 0.0)
    assert ended(third)["state"] == "succeeded"
    assert log(third) == log(jobs[0])


def test_a_job_without_a_gpu_takes_none_from_those_who_need_one(box: AgentHost) -> None:
    jobs = [box.start("sh", "-c", f"{SHOW}; sleep 600", gpus=gpus) for gpus in (0, 2)]
    for attempt in jobs:
        running(attempt)
        until(lambda attempt=attempt: log(attempt))
    assert log(jobs[0]) == "\n"
    assert sorted(log(jobs[1]).strip().split(",")) == sorted(GPUS)


def test_a_job_waits_for_a_gpu_with_the_memory_it_asks_for(box: AgentHost) -> None:
    big = box.start("sh", "-c", f"{SHOW}; sleep 600", gpus=1, gpu_memory=40 * GIB)
    running(big)
    also = box.start("sh", "-c", SHOW, gpus=1, gpu_memory=40 * GIB)
    small = box.start("sh", "-c", SHOW, gpus=1)
    assert ended(small)["state"] == "succeeded" and log(small).strip() == GPUS[0]
    until(lambda: reason(box, also))
    assert reason(box, also) == [1, "gpu_memory", {"wanted": 1, "memory": 40 * GIB, "free": 0}]
    assert ended(box.start("true", gpus=1, gpu_memory=100 * GIB))["reason"] == "not_enough_gpu_memory"


def test_cores_are_counted_over_a_dispatcher_that_was_killed(host: AgentHost) -> None:
    cores = leases.cores()
    first = host.start("sleep", "600", cpus=cores)
    running(first)
    os.kill(the_dispatcher(host.lease), signal.SIGKILL)
    until(lambda: dispatcher_pid(host.lease) is None)
    second = host.start("true", cpus=1)
    until(lambda: reason(host, second))
    assert reason(host, second) == [1, "cpus", {"wanted": 1, "free": 0, "there": cores}]
    request_stop(first, "stop", 0.0)
    assert ended(second)["state"] == "succeeded"
    assert ended(host.start("true", cpus=cores + 1))["reason"] == "not_enough_cpus"


def test_a_job_waits_for_room_on_the_disk(host: AgentHost) -> None:
    info = os.statvfs(host.root.path.parent)
    total, free = info.f_blocks * info.f_frsize, info.f_bavail * info.f_frsize
    attempt = host.start("true", disk=(total + free) // 2)
    until(lambda: reason(host, attempt))
    found = reason(host, attempt)
    assert found is not None and found[1] == "disk"
    assert ended(host.start("true", disk=2 * total))["reason"] == "not_enough_disk"


def test_a_lease_is_free_as_soon_as_its_holders_are_killed(box: AgentHost) -> None:
    """Nobody cleans up: the kernel lets go of the flock when the last one that inherited it is dead."""
    attempt = box.start("sleep", "600", gpus=2)
    pid = running(attempt)
    assert leases.try_take(box.lease, 0, 0, GPUS[:1]) is None
    for victim in (the_dispatcher(box.lease), the_supervisor(attempt)):
        os.kill(victim, signal.SIGKILL)
        until(lambda victim=victim: gone(victim))
    assert leases.try_take(box.lease, 0, 0, GPUS[:1]) is None, "the worker holds it still"
    os.kill(pid, signal.SIGKILL)
    grant = until(lambda: leases.try_take(box.lease, 0, 0, GPUS))
    grant.close()
    assert not procs.marked(attempt.job)


def test_a_gpu_that_something_else_uses_is_passed_over_and_named(
    box: AgentHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the driver would tell is given here as data."""
    monkeypatch.setattr("lt_agent.waiting.foreign_gpus", lambda gpus: frozenset({GPUS[0]} & set(gpus)))
    monkeypatch.setattr("lt_agent.start.ensure_dispatcher", lambda *_: None)
    jobs = [box.spec("true", gpus=1) for _ in range(2)]
    for spec in jobs:
        start(box.root, box.lease, spec, box.bundle)
    queue = Queue(box.lease, box.root.path)
    verdicts = queue.look(queue.tickets())
    assert [(v.starts, v.gpus) for v in verdicts] == [(True, GPUS[1:]), (False, ())]
    grant = leases.try_take(box.lease, 0, 0, verdicts[0].gpus)
    assert grant is not None
    queue.again()
    waits = queue.look(queue.tickets())[0]
    assert (waits.code, waits.params) == ("foreign", {"wanted": 1, "gpus": [GPUS[0]]})
    grant.close()


def test_a_person_who_asks_for_a_priority_moves_a_waiting_job(host: AgentHost, tmp_path: Path) -> None:
    order = tmp_path / "order"
    blockers = [host.start("sleep", "600") for _ in range(2)]
    for attempt in blockers:
        running(attempt)
    step = 'echo "$1" >> "$0"'
    jobs = {name: host.start("sh", "-c", step, str(order), name, gpus=2) for name in ("a", "b", "c", "d")}
    until(lambda: (reason(host, jobs["d"]) or [0])[0] == 4)
    set_priority(host.lease, jobs["d"], 10)
    set_priority(host.lease, jobs["a"], -10)
    until(lambda: (reason(host, jobs["d"]) or [0])[0] == 1)
    until(lambda: (reason(host, jobs["a"]) or [0])[0] == 4)
    found = reason(host, jobs["a"])
    assert found is not None and found[1:] == ["turn", {"ahead": 3}]
    for attempt in blockers:
        request_stop(attempt, "stop", 0.0)
    for attempt in jobs.values():
        ended(attempt)
    assert order.read_text().split() == ["d", "b", "c", "a"]


def test_a_priority_survives_a_ticket_that_was_lost(host: AgentHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lt_agent.start.ensure_dispatcher", lambda *_: None)
    spec = host.spec("true", priority=3)
    start(host.root, host.lease, spec, host.bundle)
    attempt = host.root.attempt(spec.job, 1)
    (name,) = tickets.names(host.lease)
    set_priority(host.lease, attempt, 7)
    tickets.remove(host.lease, name)
    start(host.root, host.lease, spec, host.bundle)
    ticket = tickets.read(host.lease, name)
    assert ticket is not None and ticket.wish.priority == 7


def test_a_stop_of_a_waiting_job_is_carried_out_at_once(host: AgentHost) -> None:
    for attempt in [host.start("sleep", "600") for _ in range(2)]:
        running(attempt)
    attempt = host.start("true")
    until(lambda: reason(host, attempt))
    request_stop(attempt, "stop")
    record = ended(attempt, 10)
    assert (record["state"], record["killed"]) == ("cancelled", ["request"])
    until(lambda: reason(host, attempt) is None)


def test_the_board_is_empty_when_nobody_waits(host: AgentHost) -> None:
    ended(host.start("true"))
    until(lambda: host.lease.board.exists())
    assert read_board(host.lease) == {}


def test_a_thousand_tickets_are_read_once(host: AgentHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a stat for as long as its folder changes, and nothing at all when it does not."""
    host.lease.tickets.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr("lt_agent.start.ensure_dispatcher", lambda *_: None)
    for _ in range(30):
        start(host.root, host.lease, host.spec("true"), host.bundle)
    book = tickets.Book(host.lease)
    reads: list[str] = []
    real = tickets.read
    monkeypatch.setattr(tickets, "read", lambda lease, name: (reads.append(name), real(lease, name))[1])
    assert len(book.look()) == 30 and len(reads) == 30
    until(lambda: (book.look(), book._stamp)[1] is not None)
    version = book.version
    assert len(book.look()) == 30 and len(reads) == 30 and book.version == version
    tickets.remove(host.lease, tickets.names(host.lease)[0])
    assert len(book.look()) == 29 and len(reads) == 30 and book.version == version + 1


def test_a_file_that_is_no_ticket_is_put_aside(host: AgentHost) -> None:
    for attempt in [host.start("sleep", "600") for _ in range(2)]:
        running(attempt)
    (host.lease.tickets / "00000000000000000001-x-1.json").write_text("{]")
    waits = host.start("true")
    until(lambda: reason(host, waits))
    until(lambda: len(tickets.names(host.lease)) == 1)
    assert (host.lease.tickets / "00000000000000000001-x-1.json.bad").exists()


def test_a_wish_that_names_nonsense_is_bounded() -> None:
    value = {"gpus": 1e300, "priority": "x", "cpus": float("nan"), "disk": -5, "not_before": True, "again": [1]}
    wish = tickets._wish("0-x-1.json", 5, value, 1.0)
    assert wish == Wish("0-x-1.json", 5, seen=1.0, gpus=10**6)


def test_the_line_is_decided_again_only_when_something_has_changed(
    host: AgentHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lt_agent.start.ensure_dispatcher", lambda *_: None)
    both = leases.try_take(host.lease, 2, 2)
    assert both is not None
    start(host.root, host.lease, host.spec("true"), host.bundle)
    queue = Queue(host.lease, host.root.path)
    decided: list[int] = []
    real = waiting.decide
    monkeypatch.setattr(waiting, "decide", lambda *words: (decided.append(1), real(*words))[1])
    assert [v.code for v in queue.look(queue.tickets())] == ["slot"]
    assert queue.look(queue.tickets()) == [] and decided == [1]
    both.close()
    assert [v.starts for v in queue.look(queue.tickets())] == [True]


def test_where_no_driver_answers_nothing_counts_as_foreign() -> None:
    """Asked by a child that can't find the library, or not at all for GPUs of other makers."""
    assert foreign.foreign_gpus(["GPU-there-is-none"]) == frozenset()
    assert foreign.foreign_gpus(["amd:0"]) == frozenset() == foreign.foreign_gpus([])


def test_a_driver_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "PATIENCE", 0.2)
    monkeypatch.setattr(foreign, "busy_gpus", lambda gpus: signal.pause())
    assert foreign.foreign_gpus(["GPU-a"]) == frozenset()


def test_the_childs_answer_is_taken_for_gpus_that_were_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "busy_gpus", lambda gpus: ["GPU-b", "GPU-other"])
    assert foreign.foreign_gpus(["GPU-a", "GPU-b"]) == {"GPU-b"}
