"""A database that is rebuilt, and jobs that change hands. A part of `Client`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lt_agent.protocol.errors import LtError, error_from_dict

from . import queries
from .base import Connected, near, person
from .database import load, when

if TYPE_CHECKING:
    from .details import Request
    from .homecoming import Homecoming, OtherJob, Recovered


class RecoverCalls(Connected):
    """The part of the client for the day the database is gone, and for boxes that several laptops share."""

    def recover_home(self) -> Homecoming:
        """Rebuilds the database from `runs/`: jobs that have ended, their logs, metrics, events and checkpoints.

        A damaged database is put aside first; what a sound one knows stays. The controller is stopped meanwhile.
        Raises LtError `home_busy`, `recover_failed`, `database_unreadable`.
        """
        done = self._come_home()
        with self._acting("recover home", jobs=done.jobs, aside=done.aside):
            pass  # only now is there a database that can take the row
        return done

    def mend_database(self) -> str | None:
        """Puts a damaged database aside, dated; where it is now, or None for a sound one. Raises as `recover_home`."""
        return self._come_home("--aside-only").aside if self.damaged() else None

    def damaged(self) -> bool:
        """Whether the database is damaged. Reads all of it."""
        from ..store.damage import find_damage

        return find_damage(self.home.database) is not None

    def recover(self, host: str, *, owners: Sequence[str] = (), everything: bool = False) -> Request:
        """Asks for this laptop's jobs on `host` to be known (again), and followed.

        Other laptops' jobs are listed (`other_jobs`) and left alone, but for those of `owners` (`user@laptop` or an
        id), or all with `everything`: they are adopted. Raises LtError `no_such_host`.
        """
        self._known_host(host)
        return self._recover(host, {"owners": list(owners), "all": everything})

    def adopt(self, ref: str, *, host: str | None = None) -> Request:
        """Asks for another laptop's job to be this one's, by its name, id or their beginning; of `host` if named.

        Raises LtError `no_such_job`, `ambiguous_job`.
        """
        found = self._find_other(ref, host)
        return self._recover(found[1], {"jobs": [found[0]]})

    def wait_recovered(self, request: Request, timeout: float) -> Request:
        """Waits up to `timeout` seconds for a request of `recover` or `adopt`; how it stands then.

        A controller that dies meanwhile is started again. Raises why the request was refused.
        """
        deadline = time.monotonic() + timeout
        with self._watch(keep_running=True) as watch:
            while True:
                request = queries.request(self._db, request.id) or request
                if request.state == "failed":
                    raise error_from_dict(dict(request.error or {}))
                left = deadline - time.monotonic()
                if not request.open or left <= 0:
                    return request
                watch.wait(left)

    def recovered(self, request: Request) -> Recovered:
        """What came of a request of `recover` or `adopt` that is done."""
        from .homecoming import Recovered

        row = self._db.row("SELECT params FROM intents WHERE id=?", (request.id,))
        value = (load(row["params"]) or {}).get("result") if row is not None else None
        if not isinstance(value, dict):
            return Recovered()
        return Recovered(value["found"], tuple(value["fresh"]), value["others"], tuple(value["wrong"]))

    def other_jobs(self, host: str | None = None) -> list[OtherJob]:
        """Other laptops' jobs on our hosts, as each host told when it was last connected; oldest first."""
        from .homecoming import OtherJob

        rows = self._db.rows("SELECT * FROM other_jobs WHERE ?1 IS NULL OR host=?1 ORDER BY id", (host,))
        return [
            OtherJob(
                id=row["id"],
                name=row["name"],
                host=row["host"],
                owner=row["owner"],
                by=row["by"] or row["owner"],
                kind=row["kind"],
                state=row["state"],
                reason=row["reason"] or None,
                attempt=row["attempt"],
                seen_at=when(row["seen_at"]),
            )
            for row in rows
        ]

    def _recover(self, host: str, params: dict[str, Any]) -> Request:
        import socket

        whence = f"{person()}@{socket.gethostname()}"
        return self._ask("recover", "", {"host": host, "from": whence, "by": person(), **params}, host=host)

    def _known_host(self, host: str) -> None:
        from lt_inventory.hosts_file import HostsFile

        known = sorted(HostsFile(self.home.hosts_file).load())
        if host not in known:
            raise LtError("no_such_host", host=host, near=near(host, known))

    def _find_other(self, ref: str, host: str | None) -> tuple[str, str]:
        """(id, host) of the job to adopt: another laptop's, or one that was ours."""
        text = ref.strip()
        others = self.other_jobs(host)
        found = [other for other in others if text.upper() == other.id or text == other.name]
        found = found or [o for o in others if text and (o.id.startswith(text.upper()) or o.name.startswith(text))]
        if len(found) > 1:
            told = [f"{other.name} ({other.host})" for other in found[:8]]
            raise LtError("ambiguous_job", ref=ref, jobs=told, count=len(found))
        if found:
            return found[0].id, found[0].host
        ours = queries.find_jobs(self._db, text)
        if len(ours) == 1 and host in (None, ours[0].host):
            return ours[0].id, ours[0].host
        known = [other.name for other in others]
        raise LtError("no_such_job", ref=ref, near=near(ref, known))

    def _come_home(self, *options: str) -> Homecoming:
        import os
        import subprocess

        from .client import Client
        from .homecoming import Homecoming
        from .socket import JOB_VARIABLES

        assert isinstance(self, Client)
        self.controller_stop()
        self.close()
        # A process of its own: no command imports the engine, and whoever writes the database is alone with it.
        done = subprocess.run(
            [sys.executable, "-m", "lt_controller.engine.homecoming", "--home", str(self.home.path), *options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={key: value for key, value in os.environ.items() if key not in JOB_VARIABLES},
            cwd="/",  # `-m` imports from the folder one stands in first, and that may be a stranger's project
            check=False,
        )
        try:
            value = json.loads(done.stdout)
        except ValueError:
            tail = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise LtError("recover_failed", why=tail, log=str(self.home.controller_log)) from None
        if "error" in value:
            raise error_from_dict(value["error"])
        bad = tuple((str(item["path"]), str(item["why"])) for item in value.pop("bad", ()))
        return Homecoming(**value, bad=bad)
