"""What goes on by itself when jobs do: one thread that calls each driver (pipelines, sweeps) after every change.

A driver is an object with `advance()` and `busy()`; it is listed in `drivers` below. `advance()` looks at the database
and takes whatever steps can be taken now; it is called often, may be killed between any two of its steps, and finds out
from the database alone what is left to do. It returns the seconds after which it wants to be called again, should
nothing change until then (None: no need).

How a driver submits: by `client.orders`, as everybody does. When a person starts something that will submit jobs later,
the client makes an `Order` for each (`freeze_recipe`, `freeze_command`): the recipe, its data and its folder as they
are now. The order, as JSON, and the id that its job will have are written down with the person's intent; from then on
`orders.submit(client, order, host, job, name, overrides=…, jobs=…)` hands it in, once for each id however often it is
asked. The `client` it needs is a `Client` like any other, whose questions to the controller are answered in this
process (`Inside`). It reads by a connection of its own and writes intents; all other writes go through the writer, by
functions of the store. So nothing here freezes, hashes or waits for a host while the writer's thread is held.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from lt_agent.protocol.errors import LtError

from ..client import Client
from ..home import Home
from ..journal import fault
from ..store.writer import Writer

if TYPE_CHECKING:
    from ..client.details import ControllerStatus

SLOW = 30.0  # seconds between two calls of a busy driver without news
QUIET = 0.2  # seconds at the least: a thousand commits a second are one piece of news
CLOSE_LIMIT = 10.0  # seconds that a driver may take to come to an end
PASSING = frozenset(  # errors that say nothing of the job itself: whoever submits waits, and tries again
    {
        "config_invalid",  # a person is at that file, or was and will be
        "hosts_file_invalid",
        "no_host_meant",
        "controller_busy",
        "controller_foreign",
        "controller_gone",
        "controller_not_running",
        "controller_silent",
        "controller_start_failed",
        "database_damaged",
        "database_unreadable",
    }
)

Handle = Callable[[dict[str, Any]], Any]


class Driver(Protocol):
    """Something that submits jobs as others end."""

    def advance(self) -> float | None:
        """Does what can be done now; seconds until it is to be called again without news."""

    def busy(self) -> bool:
        """Whether anything is left that this process has to wait for: it does not leave meanwhile. Cheap."""


class Inside(Client):
    """A client in the controller's own process: no socket, and no controller that would have to be started.

    Secrets are those that were given when a person asked, or that the keyring has; a job whose secret is unknown waits
    for it on its host, as after a restart.
    """

    asked_before = True

    def __init__(self, home: Home, handle: Handle) -> None:
        super().__init__(home)
        self._handle = handle

    def needed_secrets(self, names: Sequence[str]) -> tuple[str, ...]:
        """The names, whether or not their values are known here."""
        from ..client.secret import check_names

        return check_names(names)

    def wake(self) -> None:
        """Has the controller look at once: a request was written for a host."""
        self._handle({"op": "wake", "host": None})

    def controller_start(self) -> ControllerStatus:
        """It runs: this is it."""
        from ..client.details import ControllerStatus

        return ControllerStatus(True)

    def _submitting(self, intent: Mapping[str, Any]) -> None:
        """Values were given for the job's id before, or are found when its host asks (`Vault.find`)."""

    def _call(self, op: str, timeout: float = 120.0, **params: Any) -> Any:
        return self._handle({"op": op, "limit": timeout, **params})

    def _wake(self, host: str) -> None:
        self._handle({"op": "wake", "host": host})


def drivers(client: Inside, writer: Writer) -> list[Driver]:
    """All of them. A new one is a line here."""
    from .onward import Onward
    from .pipelining import PipelineDriver
    from .sweeping import Sweeps

    return [PipelineDriver(client, writer), Sweeps(client, writer), Onward(client, writer)]


class Flows:
    """The thread. `handle` answers what a client asks of the controller."""

    def __init__(
        self,
        home: Home,
        writer: Writer,
        handle: Handle,
        make: Callable[[Inside, Writer], list[Driver]] = drivers,
    ) -> None:
        self._client = Inside(home, handle)
        self._drivers = make(self._client, writer)
        self._news = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="flows", daemon=True)
        self._thread.start()

    def poke(self) -> None:
        """A job, a checkpoint or a request may have changed."""
        self._news.set()

    def busy(self) -> bool:
        """Whether a driver has something to wait for."""
        return any(driver.busy() for driver in self._drivers)

    def close(self) -> None:
        """Leaves after the step that is being taken; the next controller goes on."""
        self._closing.set()
        self._news.set()
        self._thread.join(CLOSE_LIMIT)
        if not self._thread.is_alive():
            self._client.close()

    def _run(self) -> None:
        self._news.set()  # what an earlier controller left
        wait: float | None = None
        while not self._closing.is_set():
            self._news.wait(wait)
            self._news.clear()
            if self._closing.is_set():
                return
            asked = [self._advance(driver) for driver in self._drivers]
            wait = min((seconds for seconds in asked if seconds is not None), default=None)
            self._closing.wait(QUIET)

    def _advance(self, driver: Driver) -> float | None:
        try:
            again = driver.advance()
            return SLOW if again is None and driver.busy() else again
        except LtError as error:
            if error.code != "controller_gone":  # it is leaving
                fault()
        except Exception:  # one driver's must not stop the others
            fault()
        return SLOW
