"""The laptop's database: held by a reader, locked by somebody, damaged."""

from __future__ import annotations

import sqlite3
from functools import partial

from benchmarks.faults.model import Family, Row
from benchmarks.faults.scene import LONG, Scene, wait
from support.wait import until

HELD = 30.0  # seconds


def held(scene: Scene, statement: str, seconds: float) -> None:
    """Somebody's own sqlite3 stands in the way while a job writes."""
    name = scene.start(lines=300, parts=1, gate="gate", pull=True)
    scene.running(name)
    db = sqlite3.connect(scene.laptop.home / "lt.db", isolation_level=None, timeout=60)
    db.execute(statement)
    db.execute("SELECT count(*) FROM logs").fetchall()
    scene.hit()
    wait(seconds)
    db.execute("COMMIT")
    db.close()
    scene.open_gate()
    scene.finish(name, pulled=True)


def corrupt(scene: Scene) -> None:
    """A clear error and no traceback; `lt recover` builds it anew from the host, and the running job is carried on."""
    ended, name = scene.start(lines=20), scene.start(lines=50, gate="gate")
    scene.finish(ended)
    scene.running(name)
    scene.laptop.kill_controller()
    for path in scene.laptop.home.glob("lt.db*"):
        path.write_bytes(b"not a database, not any more\n" * 1000)
    scene.hit()
    done = scene.laptop.lt("ps", code=None)
    assert done.returncode != 0, "a damaged database was read"
    assert "lt.db" in done.stderr or "database" in done.stderr, done.stderr
    scene.laptop.lt("recover", "box")
    until(lambda: scene.laptop.job(name) and scene.laptop.job(ended), LONG, "both jobs are known again")
    scene.open_gate()
    scene.finish(name)
    until(lambda: scene.laptop.job(ended)["state"] == "succeeded", LONG, "the ended job's end is known again")


FAMILY = Family(
    "database",
    "Nothing is lost while it can't be written: the host has it until it can. Damaged, it is said to be, and rebuilt.",
    (
        Row("held by a reader for 30 s", partial(held, statement="BEGIN", seconds=HELD)),
        Row("locked by a writer for 30 s", partial(held, statement="BEGIN IMMEDIATE", seconds=HELD)),
        Row("corrupt, then `lt recover`", corrupt, host="sshd"),
    ),
)
