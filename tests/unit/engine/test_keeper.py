"""The files of ended attempts: one that cannot be written holds up neither the others nor the controller's leaving."""

from __future__ import annotations

from pathlib import Path

from lt_agent.protocol.records import ExitRecord, JobSpec, to_dict
from lt_agent.protocol.ulid import new_ulid
from lt_controller.engine.keeper import Keeper
from lt_controller.home import Home
from lt_controller.store import jobs
from lt_controller.store.writer import Writer
from support.wait import until


def test_a_run_that_cannot_be_kept_does_not_hold_up_the_others(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").make()
    (home.runs / "bad").write_text("a file where a folder should be")
    writer = Writer(home.database)
    for name in ("bad", "good"):
        spec = JobSpec(job=new_ulid(), attempt=1, name=name, owner="me", kind="command", argv=("true",))
        writer.run("", jobs.take_submit, name, {"spec": to_dict(spec), "host": "h"})
        writer.run("", jobs.end_attempt, spec.job, 1, ExitRecord("succeeded", "done"), 0.0)
    keeper = Keeper(home, writer)
    until((home.runs / "good" / ".lt" / "1" / "exit.json").exists, 10)
    until(lambda: not keeper.busy(), 10, "nothing left that can be written")
    keeper.close()
    writer.close()
