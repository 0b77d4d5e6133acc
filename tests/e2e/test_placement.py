"""A job for `any` host: the best takes it, and another one does if it is free first."""

from __future__ import annotations

from support.laptop import Laptop
from support.sshd import SshHost
from support.wait import until


def ran_on(*hosts: SshHost) -> list[str]:
    return [host.host.name for host in hosts for _ in sorted(host.sshd.home.glob("ran*"))]


def test_a_job_for_any_host_goes_where_it_can_begin_at_once(laptop: Laptop, box: SshHost, twin: SshHost) -> None:
    laptop.wait_state(laptop.run("box", "sleep", "600"), "running")
    told = laptop.lt("run", "any", "--name", "free", "--", "touch", "ran-here")
    assert told.stdout.split() == ["free"] and "twin" in told.stderr and "1 of 1 free" in told.stderr
    assert laptop.wait_state("free", "succeeded")["host"] == "twin"
    assert "twin" in laptop.lt("show", "free").stdout


def test_what_is_passed_over_is_named_and_a_dry_run_ranks(laptop: Laptop, box: SshHost, twin: SshHost) -> None:
    laptop.lt("host", "check", "box", code=None)
    twin.sshd.stop()
    told = laptop.lt("run", "box,twin", "--dry-run", "--", "true").stdout
    assert "1. box" in told and "twin: can't be reached" in told
    box.sshd.stop()
    laptop.lt("controller", "stop")
    refused = laptop.lt("host", "check", "box", code=3)
    assert refused.returncode == 3
    none = laptop.lt("run", "any", "--", "true", code=1)
    assert "box: can't be reached" in none.stderr and "twin: can't be reached" in none.stderr
    assert laptop.lt("run", "any:gpu=h100", "--", "true", code=4).stderr.count("any:gpu=h100") == 1


def test_a_job_that_waits_moves_to_a_host_that_is_free_first(laptop: Laptop, box: SshHost, twin: SshHost) -> None:
    (laptop.work / "once.sh").write_text('touch "$HOME/ran-$LT_ATTEMPT"\n')
    holders = {host: laptop.run(host, "sleep", "600") for host in ("box", "twin")}
    for name in holders.values():
        laptop.wait_state(name, "running")
    name = laptop.run("any", "sh", "once.sh")
    first = laptop.wait_state(name, "waiting")["host"]
    other = {"box": "twin", "twin": "box"}[first]
    until(lambda: laptop.job(name)["waits"], 30, "the host has told that it waits")

    laptop.lt("stop", holders[other])
    ended = laptop.wait_state(name, "succeeded")
    assert ended["host"] == other and ended["attempt"] == 2
    attempts = laptop.query("SELECT host, state, reason FROM attempts WHERE job_id=? ORDER BY attempt", ended["id"])
    assert [tuple(row)[:2] for row in attempts] == [(first, "cancelled"), (other, "succeeded")]
    assert attempts[0]["reason"] == "moved"

    laptop.lt("stop", holders[first])
    laptop.wait_state(holders[first], "cancelled")
    after = laptop.run(first, "true")  # the line there has gone past the place where the job was
    laptop.wait_state(after, "succeeded")
    assert ran_on(box, twin) == [other]


def test_a_job_that_no_host_has_yet_leaves_one_that_went_away(laptop: Laptop, box: SshHost, twin: SshHost) -> None:
    for host in ("box", "twin"):
        laptop.lt("host", "check", host, code=None)
    holder = laptop.run("twin", "sleep", "600")
    laptop.wait_state(holder, "running")
    laptop.lt("controller", "stop")
    port = box.sshd.port
    box.sshd.stop()
    name = laptop.run("any", "true")  # box was seen a moment ago, and is free
    assert laptop.job(name).get("host", "box") == "box"
    laptop.lt("stop", holder)
    assert laptop.wait_state(name, "succeeded")["host"] == "twin"
    box.sshd.start(port)
