"""Secrets of jobs on the laptop: in this process's memory until their job has ended, or in the system's keyring."""

from __future__ import annotations

import contextlib
import re
import resource
import sqlite3
import threading
import time
from collections.abc import Collection, Sequence
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.ulid import is_ulid

from .. import keychain
from ..store import audit, confided, jobs
from ..store.writer import Writer
from .link import BridgeLink

KEY = "secret:"  # before a secret's name in the keyring
AGAIN = 30.0  # seconds before what a host says it lacks is brought there once more
FOR_NOTICES = "notify"  # in place of a job: addresses and keys by which people are told
EXPECTED = 600.0  # seconds for which values are kept whose job is yet to be submitted
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")


class Vault:
    """What was given for which job, or for all jobs of a pipeline or a sweep. Safe for several threads."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[dict[str, str], float]] = {}
        self._lock = threading.Lock()

    def give(self, job: Any, values: Any) -> None:
        """Takes secrets of a job, a pipeline or a sweep, which may be yet to come. Raises LtError `bad_request`."""
        fits = isinstance(values, dict) and all(
            isinstance(name, str) and _NAME.match(name) and isinstance(value, str) for name, value in values.items()
        )
        if not fits or not isinstance(job, str) or not (is_ulid(job) or job == FOR_NOTICES):
            raise LtError("bad_request", key="secrets")
        _write_no_core()
        with self._lock:
            known, _ = self._kept.get(job, ({}, 0.0))
            self._kept[job] = ({**known, **values}, time.monotonic())

    def holds(self) -> bool:
        """Whether there is anything."""
        return bool(self._kept)

    def forget(self, job: str, names: Collection[str]) -> None:
        """Drops these of a job's: what the keyring has now goes before what was given earlier."""
        with self._lock:
            if job in self._kept:
                kept, since = self._kept[job]
                self._kept[job] = ({name: value for name, value in kept.items() if name not in names}, since)

    def find(self, job: str, names: Sequence[str], work: str = "") -> dict[str, str]:
        """Those of the secrets that are known: given for the job, or for the `work` it is part of, or in the keyring,
        which may ask the person to unlock it.
        """
        with self._lock:
            known = {**self._kept.get(work, ({}, 0.0))[0], **self._kept.get(job, ({}, 0.0))[0]}
        found = {}
        for name in names:
            value = known.get(name)
            if value is None:
                value = keychain.get(KEY + name)
            if value is not None:
                found[name] = value
        return found

    def keep_only(self, alive: Collection[str]) -> None:
        """Forgets the secrets of all others, but those that may be about to be submitted."""
        with self._lock:
            for job, (_, since) in list(self._kept.items()):
                if job not in alive and job != FOR_NOTICES and time.monotonic() - since > EXPECTED:
                    del self._kept[job]


class Confiding:
    """Brings secrets to one connected host: with the start of a job, and again when the host has lost them."""

    def __init__(self, host: str, writer: Writer, link: BridgeLink, vault: Vault) -> None:
        self._host = host
        self._writer = writer
        self._link = link
        self._vault = vault
        self._given: dict[tuple[str, int], float] = {}

    def with_start(self, job: str, names: Sequence[str]) -> dict[str, Any]:
        """What goes along with a job's start."""
        found = self._find(job, names) if names else {}
        if found:
            self._note(job, found)
        return {"secrets": found} if found else {}

    def bring_missing(self, needing: Sequence[tuple[str, int, list[str]]]) -> None:
        """Gives what jobs on the host wait for (as `confided.needing`), as far as it is known here.

        Raises LtError `host_unreachable`.
        """
        for job, attempt, names in needing:
            due = self._given.get((job, attempt), 0.0)
            found = self._find(job, names) if time.monotonic() >= due else {}
            if not found:
                continue
            self._given[job, attempt] = time.monotonic() + AGAIN
            try:
                self._link.request("confide", job=job, attempt=attempt, secrets=found)
            except LtError as error:
                if error.code == "host_unreachable":
                    raise
                self._writer.run("jobs", jobs.note, job, attempt, self._host, error)
            else:
                self._note(job, found)

    def _find(self, job: str, names: Sequence[str]) -> dict[str, str]:
        names = self._writer.read(confided.may_have, job, names)
        return self._vault.find(job, names, self._writer.read(confided.work_of, job))

    def _note(self, job: str, found: Collection[str]) -> None:
        self._writer.run("", _record, self._host, job, sorted(found))


def _record(db: sqlite3.Connection, host: str, job: str, names: list[str]) -> None:
    row = db.execute("SELECT name FROM jobs WHERE id=?", (job,)).fetchone()
    audit.record(db, "controller", "secret send", row[0] if row else job, {"job": job, "host": host, "names": names})


def _write_no_core() -> None:
    """A core of this process would be the secrets on a disk."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
