"""What a person asks of one host over the socket, done on the host's own thread while it is connected."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_inventory.model import Host

from ..home import Home
from ..store.writer import Writer
from ..transport import logins_of
from .answers import Ask, Memory
from .connect import Connected, look_again
from .install import install_rsync
from .install_key import install_key


@dataclass
class Errand:
    """`connect`, `probe` (look at the host anew), `install` (rsync, then look), `login` or `install_key`.

    `ask` puts a question to the person who waits, if they can be asked. `future` carries the answer, or why not.
    """

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    ask: Ask | None = None
    future: Future[dict[str, Any]] = field(default_factory=Future)


class Errands:
    """Does errands over a connection that stands."""

    def __init__(self, host: Host, home: Home, writer: Writer, memory: Memory) -> None:
        self._host = host
        self._home = home
        self._writer = writer
        self._memory = memory
        self.renew = False  # the connection is to be made anew: files have a better way from now on

    def do(self, errands: list[Errand], connected: Connected) -> None:
        """Answers all of them. What is no LtError ends the connection as well, so it is raised again."""
        facts: dict[str, Any] | None = None
        for errand in errands:
            try:
                if errand.name == "install":
                    install_rsync(connected.transport, self._host, connected.facts)
                    self.renew = True
                if errand.name in ("probe", "install"):
                    facts = facts if facts is not None and errand.name == "probe" else self._look(connected)
                    answer: dict[str, Any] = facts
                elif errand.name == "login":
                    answer = self._login(errand, connected)
                elif errand.name == "install_key":
                    answer = install_key(connected.transport, self._host, self._home)
                else:
                    answer = connected.facts
            except Exception as error:
                errand.future.set_exception(error)
                if not isinstance(error, LtError):
                    for other in errands:
                        if not other.future.done():
                            other.future.set_exception(error)
                    raise
            else:
                errand.future.set_result(answer)

    def _look(self, connected: Connected) -> dict[str, Any]:
        return look_again(connected.transport, self._host, self._writer, connected.facts)

    def _login(self, errand: Errand, connected: Connected) -> dict[str, Any]:
        """How the login went: `asked`, `once` (what was answered works only once), `kept` (memory, keyring or "")."""
        logins = logins_of(connected.transport)
        slots = [slot for login in logins for slot in login.slots]
        if errand.params.get("remember"):
            for slot in slots:
                self._memory.remember(slot)
        kept = "keyring" if self._memory.in_keyring(slots) else "memory"
        return {
            "asked": any(login.asked for login in logins),
            "once": any(login.once for login in logins),
            "kept": kept if slots else "",
        }
