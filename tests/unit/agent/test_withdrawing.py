"""A waiting attempt is taken back once and for all, and one that has begun never."""

from __future__ import annotations

import os

from lt_agent import locks
from lt_agent.withdrawing import withdraw
from support.agent_host import AgentHost, ended, log, running
from support.wait import until


def test_a_waiting_attempt_is_taken_back_and_never_begins(host: AgentHost) -> None:
    holder = host.start("sleep", "600")
    running(holder)
    waiting = host.start("echo", "began")
    assert withdraw(waiting) and withdraw(waiting)
    assert ended(waiting)["reason"] == "moved"
    os.kill(running(holder), 9)
    ended(holder)
    after = host.start("true")
    ended(after)
    assert log(waiting) == ""


def test_a_running_attempt_is_not_taken_back(host: AgentHost) -> None:
    attempt = host.start("sleep", "600")
    pid = running(attempt)
    assert not withdraw(attempt)
    os.kill(pid, 0)
    os.kill(pid, 9)
    ended(attempt)
    assert not withdraw(attempt)


def test_who_has_the_claim_decides(host: AgentHost) -> None:
    holder = host.start("sleep", "600")
    pid = running(holder)
    waiting = host.start("true")
    claim = until(lambda: locks.try_lock(waiting.claim), what="the claim")
    assert not withdraw(waiting)
    os.close(claim)
    assert withdraw(waiting)
    os.kill(pid, 9)
    ended(holder)
