"""Recording who did what: a row of the audit for each act of a person, in the transaction of the act."""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import json
import re
import shlex
import socket
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lt_agent.protocol.errors import LtError

from ..home import Home
from ..store.audit import record

MASK = "***"
_TELLING = r"(?:token|secret|password|passwd|passphrase|api[_-]?key|credentials?)"
_TELLING = rf"(?<![a-z]){_TELLING}(?![a-z])"  # whole words: --max-tokens and tokenizer.path hold none
_ASSIGNED = re.compile(rf"(?i)^(--?)?([\w.-]*{_TELLING}[\w.-]*)=(.*)$", re.DOTALL)
_OPTION = re.compile(rf"(?i)^--?[\w-]*{_TELLING}[\w-]*$")
_LOGIN = re.compile(r"(://)[^/@\s]+@")
_NAMES_ONLY = frozenset({"--secret"})  # its value is a name
_VARIABLE = "--env"  # of `lt host edit`: any variable of the jobs, whatever it is called


@contextlib.contextmanager
def acting(home: Home, act: str, target: str = "", **params: Any) -> Iterator[None]:
    """Around a short act outside the database, as an edit of `hosts.toml`: its row is there only if it succeeded.

    What can't be recorded is not done. Long acts are recorded as they begin: leave the body empty. Raises LtError
    `database_unreadable`.
    """
    home.make()
    db = writable(home.database)
    try:
        db.execute("BEGIN IMMEDIATE")
        record(db, who(), act, target, masked(params), command_line())
        yield
        db.execute("COMMIT")
    except sqlite3.Error as error:
        raise LtError("database_unreadable", path=str(home.database), why=str(error)) from None
    finally:
        db.close()  # without the commit it takes the row back


def record_intent(db: sqlite3.Connection, kind: str, job: str | None, params: Mapping[str, Any]) -> None:
    """The row of an intent, in its transaction."""
    if kind == "submit":
        spec = params.get("spec") or {}
        text = json.dumps(spec, sort_keys=True, ensure_ascii=True)
        told = {
            "job": job,
            "host": params.get("host"),
            "recipe": params.get("recipe_name"),
            "pull": params.get("pull"),
            "secrets": list(spec.get("secrets") or ()),
            "spec": hashlib.sha256(text.encode()).hexdigest(),
        }
        target = str(spec.get("name") or job)
    elif "told" in params:  # it is of no job, and too long to be told whole
        target, told = str(params.get("name")), params["told"]
    else:
        row = db.execute("SELECT name FROM jobs WHERE id=?", (job,)).fetchone()
        target = row[0] if row else str(job or params.get("host") or "")
        told = {"job": job, **{key: value for key, value in params.items() if key != "by"}}
    record(db, who(), kind, target, masked(told), str(params.get("because") or "") or command_line())


def writable(path: Path) -> sqlite3.Connection:
    """A connection that may write, to a database that is made, and brought up to date, if need be."""
    from ..store.schema import open_writable

    db = open_writable(path)
    # Folding the log in is the controller's (`store.checkpointer`), or the last connection's as it closes: done here,
    # it would be an fsync in most of a sweep's submits.
    db.execute("PRAGMA wal_autocheckpoint=0")
    return db


def who() -> str:
    """Who acts: `user@laptop`."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def command_line(argv: Sequence[str] | None = None) -> str:
    """What was typed, with everything masked that looks like a secret."""
    words = list(sys.argv if argv is None else argv)
    return shlex.join([Path(words[0]).name, *_masked_words(words[1:])]) if words else ""


def masked(value: Any) -> Any:
    """`value` without the login of any URL, and without what stands under a key that tells of a secret."""
    if isinstance(value, Mapping):
        return {key: MASK if _tells(key, item) else masked(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(item) for item in value]
    return _LOGIN.sub(rf"\1{MASK}@", value) if isinstance(value, str) else value


def tells(name: str) -> bool:
    """Whether a variable or an option of this name is likely to hold a secret."""
    return _OPTION.match(f"--{name}") is not None


def _tells(key: object, value: Any) -> bool:
    return isinstance(value, str) and tells(str(key))


def _masked_words(words: Sequence[str]) -> list[str]:
    found: list[str] = []
    hide = False
    for word in words:
        assigned = _ASSIGNED.match(word)
        if hide and not word.startswith("-"):
            found.append(MASK)
        elif found and found[-1] == _VARIABLE and "=" in word:
            found.append(f"{word.partition('=')[0]}={MASK}")
        elif word.startswith(_VARIABLE + "=") and word.count("=") > 1:
            found.append(f"{word.rpartition('=')[0]}={MASK}")
        elif assigned and f"{assigned[1] or ''}{assigned[2]}" not in _NAMES_ONLY:
            found.append(f"{assigned[1] or ''}{assigned[2]}={MASK}")
        else:
            found.append(_LOGIN.sub(rf"\1{MASK}@", word))
        hide = _OPTION.match(word) is not None and word not in _NAMES_ONLY
    return found
