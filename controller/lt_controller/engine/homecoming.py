"""What came home, read back: `runs/<job>/.lt/` and `runs/.flows/` into a database that does not know it (any more).

`python -m lt_controller.engine.homecoming --home DIR` puts a damaged database aside and rebuilds, while no controller
runs; it prints one JSON document. Each job is one transaction, so what was interrupted is begun again and goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
import traceback
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from lt_agent.protocol.errors import LtError

from ..home import Home
from ..store import kept_flows, recovered
from ..store.damage import put_aside
from ..store.schema import open_writable
from .controller import take_lock
from .flow_files import read_back
from .homejob import HomeJob, read_job, write_job
from .runs import at_home, jobs_of


def recover_home(home: Home) -> dict[str, Any]:
    """Reads all that is at home; `{jobs, fresh, checkpoints, sweeps, pipelines, bad: [{path, why}]}`.

    Only what the database does not know is added. To be called while no controller runs. Raises LtError, OSError.
    """
    found: dict[str, Any] = {"jobs": 0, "fresh": 0, "checkpoints": 0, "sweeps": 0, "pipelines": 0, "bad": []}
    with closing(open_writable(home.database)) as db:
        for folder in sorted(path for path in home.runs.iterdir() if (path / ".lt").is_dir()):
            try:
                job = read_job(folder, sorted(jobs_of(folder)))
                fresh, checkpoints = _one(db, home, folder, job)
            except (LtError, OSError, ValueError, KeyError, TypeError) as error:
                found["bad"].append({"path": str(folder), "why": _why(error)})
                continue
            found["jobs"] += 1
            found["fresh"] += fresh
            found["checkpoints"] += checkpoints
        for path, value in read_back(home):
            try:
                if _in_one(db, partial(kept_flows.add, db, value)):
                    found[value["kind"] + "s"] += 1
            except LtError as error:
                found["bad"].append({"path": str(path), "why": _why(value if isinstance(value, Exception) else error)})
    return found


def _one(db: sqlite3.Connection, home: Home, folder: Path, job: HomeJob) -> tuple[bool, int]:
    """Writes one job in one transaction; (whether anything was new, its checkpoints at home)."""
    checkpoints = list(at_home(folder, job.id))  # hashed before the database is held

    def write() -> bool:
        name = recovered.free_name(db, job.id, folder.name, lambda n: n != folder.name and home.run(n).exists())
        fresh = write_job(db, job, name)
        attempts = {row[0] for row in db.execute("SELECT attempt FROM attempts WHERE job_id=?", (job.id,))}
        for attempt, manifest, path in checkpoints:
            if attempt in attempts:
                fresh = recovered.add_home_checkpoint(db, job.id, attempt, manifest, str(path)) or fresh
        return fresh

    return _in_one(db, write), len(checkpoints)


def _in_one(db: sqlite3.Connection, write: Callable[[], bool]) -> bool:
    """What `write` returns, in a transaction of its own."""
    db.execute("BEGIN IMMEDIATE")
    try:
        fresh = write()
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    return fresh


def _why(error: Exception) -> str:
    return str(error.params.get("problem") or error.code) if isinstance(error, LtError) else str(error)


def main() -> int:
    """The command; exit code 1 with `{"error": …}` for what went wrong."""
    parser = argparse.ArgumentParser(prog="lt-homecoming")
    parser.add_argument("--home", required=True)
    parser.add_argument("--aside-only", action="store_true", help="put a damaged database aside, read nothing")
    options = parser.parse_args()
    home = Home(options.home).make()
    try:
        lock = take_lock(home)
    except BlockingIOError:
        return _say({"error": LtError("home_busy", path=str(home.path)).as_dict()}, 1)
    try:
        aside = put_aside(home.database)
        found = {} if options.aside_only else recover_home(home)
        return _say({"aside": str(aside) if aside else None, **found}, 0)
    except LtError as error:
        return _say({"error": error.as_dict()}, 1)
    except (OSError, sqlite3.Error) as error:
        traceback.print_exc()
        return _say({"error": LtError("database_unreadable", path=str(home.database), why=str(error)).as_dict()}, 1)
    finally:
        os.close(lock)


def _say(value: dict[str, Any], code: int) -> int:
    sys.stdout.write(json.dumps(value) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
