"""Secrets: kept in the system's keyring, taken from the environment, given to jobs. No value is ever returned."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lt_agent.protocol.errors import LtError

from . import queries
from .jobs import JobCalls

if TYPE_CHECKING:
    from .details import Secret

KEY = "secret:"  # before a secret's name in the keyring
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")
_OURS = ("LT_", "LD_", "PYTHON", "CUDA_")  # what decides how a worker runs is no secret
_TAKEN = frozenset({"PATH", "HOME", "USER", "SHELL", "PWD", "IFS", "BASH_ENV", "ENV"})
_LONG_ENOUGH = 8  # letters from which a value is looked for where it must not stand


class SecretCalls(JobCalls):
    """The part of the client that speaks of secrets."""

    def secrets(self) -> list[Secret]:
        """Those that were put into the keyring."""
        from .details import Secret

        return [Secret(name, True, name in os.environ) for name in self._named()]

    def set_secret(self, name: str, value: str) -> None:
        """Puts a secret into the system's keyring; jobs that wait for it are served.

        Raises LtError `bad_secret_name`, `bad_secret{name}`, `no_keyring_for_secrets{name, why}`, `keyring_failed`.
        """
        from .. import keychain

        check_names([name])
        if not value or "\0" in value:
            raise LtError("bad_secret", name=name)
        try:
            keychain.check()
        except LtError as error:
            raise LtError("no_keyring_for_secrets", name=name, why=error.params.get("why")) from None
        with self._acting("secret set", name):
            keychain.put(KEY + name, value)
            self._name({*self._named(), name})
        for job in queries.jobs(self._db):
            if name in (queries.spec(self._db, job.id).get("secrets") or ()):
                self._wake(job.host)

    def remove_secret(self, name: str) -> None:
        """Takes a secret out of the keyring. Raises LtError `no_such_secret`, `keyring_failed`, `no_keyring`."""
        from .. import keychain

        if name not in self._named():
            raise LtError("no_such_secret", name=name, known=self._named())
        with self._acting("secret remove", name):
            keychain.drop(KEY + name)
            self._name({*self._named()} - {name})

    def secrets_of(self, ref: str) -> list[str]:
        """The names of the secrets that a job asked for."""
        return [str(name) for name in queries.spec(self._db, self.job(ref).id).get("secrets") or ()]

    def give_secrets(self, ref: str, values: Mapping[str, str] | None = None, only: Sequence[str] = ()) -> list[str]:
        """Gives a job its secrets once more: `values`, else what is in the environment or the keyring; their names.

        `only`: no others than these. A job that is known from its host's word alone has to be named them: the host may
        have invented what it asks for. Raises LtError `no_secrets{job}` for a job that asked for none (of `only`),
        `job_has_ended`, `secrets_of_host{job, host, names}`, `secret_missing{names}` where nothing is known.
        """
        job = self.job(ref)
        names = [name for name in self.secrets_of(job.id) if not only or name in only]
        if not names:
            raise LtError("no_secrets", job=job.name, names=list(only))
        if job.ended:
            raise LtError("job_has_ended", job=job.name, state=job.state)
        strange = [] if only else [name for name in names if name not in self._known_secrets(job.id)]
        if strange:
            raise LtError("secrets_of_host", job=job.name, host=job.host, names=strange)
        found = {**found_of(names), **{name: value for name, value in (values or {}).items() if name in names}}
        if not found:
            raise LtError("secret_missing", names=names)
        with self._acting("secret give", job.name, names=sorted(found)):
            pass  # the controller, which may have to be started for it, writes as well
        self._call("confide", job=job.id, values=found)
        self._wake(job.host)
        self._give_the_others(job.id, found)
        return sorted(found)

    def _give_the_others(self, job: str, found: dict[str, str]) -> None:
        """All jobs of a pipeline or a sweep have the same secrets: who waits for them is served, and who comes."""
        from ..store.confided import NEEDS_SECRET, WORK_OF

        row = self._db.row(WORK_OF, (job,))
        if row is None:
            return
        self._call("confide", job=row[0], values=found)
        others = "SELECT DISTINCT host FROM jobs WHERE reason=?1 AND id IN (SELECT job_id FROM stages WHERE pipeline=?2"
        others += " UNION ALL SELECT job_id FROM trials WHERE sweep_id=?2)"
        for waiting in self._db.rows(others, (NEEDS_SECRET, row[0])):
            self._wake(waiting["host"])

    def needed_secrets(self, names: Sequence[str]) -> tuple[str, ...]:
        """The names, once each of them is known to have a value here. Raises LtError `bad_secret_name`,
        `secret_missing`."""
        present(check_names(names))
        return check_names(names)

    def _submitting(self, intent: Mapping[str, Any]) -> None:
        """Before a submit is written: the controller gets what the job asks for.

        Raises LtError `secret_missing`, `secret_in_plain{name}` where a value stands in what is written down.
        """
        spec = intent["spec"]
        names = spec.get("secrets") or ()
        if names:
            found = present(names)
            check_not_plain(found, spec)
            self._call("confide", job=spec["job"], values=found)

    def _confide_again(self, job: str) -> None:
        """Before a resume: what is known here is given again; what is not, the job will wait for."""
        self._confide_ahead(job, self._known_secrets(job))

    def _known_secrets(self, job: str) -> list[str]:
        """Those of a job's secrets that a person on this machine has named (`store.confided.may_have`)."""
        spec = queries.spec(self._db, job)
        pull = spec.get("pull") or {}
        names = [str(name) for name in spec.get("secrets") or ()]
        return [name for name in names if name in pull.get("agreed", ())] if pull.get("told_by") else names

    def _named(self) -> list[str]:
        from lt_agent.protocol.files import read_json

        try:
            value = read_json(self.home.path / "secrets.json")
        except (OSError, ValueError):
            value = None
        return sorted(str(name) for name in value) if isinstance(value, list) else []

    def _name(self, names: set[str]) -> None:
        """A keyring can't be asked for what it holds: the names, and no more, are in a file."""
        from lt_agent.protocol.files import write_json

        write_json(self.home.path / "secrets.json", sorted(names))


def check_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names, each once. Raises LtError `bad_secret_name` for what can't be a secret's variable."""
    for name in names:
        if not _NAME.match(name) or name in _TAKEN or name.startswith(_OURS):
            raise LtError("bad_secret_name", name=name)
    return tuple(dict.fromkeys(names))


def check_not_plain(values: Mapping[str, str], written: Any) -> None:
    """Raises LtError `secret_in_plain{name}` where a value stands in what is to be written down, plain JSON values."""
    text = json.dumps(written, ensure_ascii=False)
    for name, value in values.items():
        if len(value) >= _LONG_ENOUGH and json.dumps(value, ensure_ascii=False)[1:-1] in text:
            raise LtError("secret_in_plain", name=name)


def present(names: Sequence[str]) -> dict[str, str]:
    """The values of all of them. Raises LtError `secret_missing{names}`."""
    found = found_of(names)
    missing = [name for name in names if name not in found]
    if missing:
        raise LtError("secret_missing", names=missing)
    return found


def found_of(names: Sequence[str]) -> dict[str, str]:
    """The values that are in the environment of this process, or else in the keyring."""
    from .. import keychain

    found = {}
    for name in names:
        value = os.environ.get(name) or keychain.get(KEY + name)
        if value:
            found[name] = value
    return found
