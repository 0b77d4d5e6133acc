"""Between the client and the screens: one thread that watches, one that reads, and one for each thing that is asked.

A client is used by one thread at a time; no call of it runs in the thread that draws.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lt_controller.client import Client
from lt_controller.client.words import LtError

from .messages import Changed, WatchFailed

if TYPE_CHECKING:
    from .app import LtApp

T = TypeVar("T")
_BEAT_SECONDS = 1.0  # how soon the watcher notices that the app has gone
_RETRY_SECONDS = 2.0
_TURN_SECONDS = 0.001
_KEEP_SECONDS = 30.0  # how often is looked whether live jobs have a controller


class Feed:
    """One per app. Begin with `start`, end with `close`."""

    def __init__(self, app: LtApp, home: Any, keep_controller: bool) -> None:
        self._app = app
        self._home = home
        self.keeps_controller = keep_controller
        self._client: Client | None = None
        self._readers = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lt-read")
        self._closed = threading.Event()

    def start(self) -> None:
        """Begins to watch."""
        # The thread that draws waits so long at the most for the one that reads; a key must not wait five of them.
        sys.setswitchinterval(_TURN_SECONDS)
        threading.Thread(target=self._watch, name="lt-watch", daemon=True).start()
        if self.keeps_controller:
            threading.Thread(target=self._keep, name="lt-keep", daemon=True).start()

    def close(self) -> None:
        """Ends both threads; jobs and the controller go on."""
        self._closed.set()
        self._readers.shutdown(wait=False, cancel_futures=True)

    async def read(self, question: Callable[[Client], T]) -> T:
        """The answer to `question`, asked in the reading thread. Raises what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._answer, question)

    async def act(self, deed: Callable[[Client], T]) -> T:
        """As `read`, for what may take long (a host is asked): in a thread and with a client of its own."""

        def alone() -> T:
            with Client(self._home) as client:
                return deed(client)

        return await asyncio.to_thread(alone)

    def _answer(self, question: Callable[[Client], T]) -> T:
        if self._client is None:
            self._client = Client(self._home)
        return question(self._client)

    def _watch(self) -> None:
        while not self._closed.is_set():
            try:
                with Client(self._home) as client:
                    inventory = _stamp(client.home.hosts_file)
                    for topics in client.changes(_BEAT_SECONDS):
                        if self._closed.is_set():
                            return
                        if (now := _stamp(client.home.hosts_file)) != inventory:
                            inventory, topics = now, topics | {"hosts"}  # a file: the store does not tell of it
                        if topics:
                            self._app.post_message(Changed(topics))
            except Exception as error:
                # Whatever it is, the screen goes on with what it has; the next try may do better.
                self._app.post_message(WatchFailed(error))
                self._closed.wait(_RETRY_SECONDS)

    def _keep(self) -> None:
        """Live jobs flow only while a controller runs: sees to it that one does."""
        while not self._closed.is_set():
            with contextlib.suppress(LtError), Client(self._home) as client:
                if client.jobs():
                    client.controller_start()
            self._closed.wait(_KEEP_SECONDS)


def _stamp(path: Path) -> tuple[int, int]:
    """Changes when the file does."""
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size
