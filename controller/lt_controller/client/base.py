"""What all parts of the client stand on: the home, the database, the controller."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from lt_agent.protocol.errors import LtError

from ..home import Home
from . import queries
from .database import Reader, write_intent

if TYPE_CHECKING:
    from .details import Request
    from .watch import Watch


#: Called while large data is read: (what, bytes done, bytes of all).
Progress = Callable[[str, int, int], None]


class Connected:
    """Holds the home and its connections; the calls are in the classes that extend it.

    `home`: an LT_HOME other than the usual one. `progress` is called while a submit reads large data.
    """

    asked_before = False
    """Whether it submits what a person asked for earlier: hosts may have left the inventory since."""

    def __init__(self, home: Home | str | os.PathLike[str] | None = None, progress: Progress | None = None) -> None:
        self.progress: Progress = progress or _silent
        self.home = home if isinstance(home, Home) else Home(home)
        self._db = Reader(self.home.database)

    @property
    def reader(self) -> Reader:
        """The database, for the client's own modules that ask what nobody else asks."""
        return self._db

    def close(self) -> None:
        """Closes the database. The controller goes on for as long as it has work."""
        self._db.close()

    def has_host(self, name: str) -> bool:
        """Whether the inventory has this host (still). Raises LtError `hosts_file_invalid`."""
        from lt_inventory.hosts_file import HostsFile

        return name in HostsFile(self.home.hosts_file).load()

    def _call(self, op: str, timeout: float = 120.0, **params: Any) -> Any:
        from .socket import call_ensured

        return call_ensured(self.home, op, timeout, **params)

    def _ask(
        self, kind: str, job: str, params: dict[str, Any], unique_name: str | None = None, host: str = ""
    ) -> Request:
        """Writes an intent, then wakes the controller: should it die in between, the intent is there for the next.

        A person is waiting, so a `host` that could not be reached is tried now and not when its pause is over.
        """
        from .details import Request
        from .socket import ensure

        if not self.home.database.exists():
            ensure(self.home)  # makes the database
        intent = write_intent(self.home.database, kind, job, params, unique_name)
        self._wake(host)
        return queries.request(self._db, intent) or Request(intent, kind, job, "pending")

    def _acting(self, act: str, target: str = "", **params: Any) -> AbstractContextManager[None]:
        """Around what changes something outside the database: the audit has it if, and only if, it succeeded."""
        from .acts import acting

        return acting(self.home, act, target, **params)

    def _watch(self, *, keep_running: bool = False) -> Watch:
        from .watch import Watch

        return Watch(self.home, self._db, keep_running=keep_running)

    def _wake(self, host: str) -> None:
        from .socket import call, ensure

        try:
            call(self.home, "wake", 10.0, host=host)
        except LtError as error:
            if error.code not in ("controller_not_running", "controller_gone", "controller_silent"):
                raise
            ensure(self.home)
            call(self.home, "wake", 10.0, host=host)


def _silent(what: str, done: int, total: int) -> None:
    """Nobody wants to know."""


def near(word: str, known: list[str], count: int = 3) -> list[str]:
    """The known words that `word` may have meant, the closest first."""
    from difflib import get_close_matches

    folded = {name.casefold(): name for name in known}
    return [folded[match] for match in get_close_matches(word.casefold(), list(folded), n=count, cutoff=0.5)]


def person() -> str:
    """Who is asking, for the record."""
    import getpass

    return getpass.getuser()
