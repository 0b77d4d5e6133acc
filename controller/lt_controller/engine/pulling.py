"""A thread per connected host that brings checkpoints home, one after another."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any

from lt_agent.protocol.errors import LtError

from ..home import Home
from ..store import checkpoints
from ..store.writer import Writer
from .connect import Connected
from .pulls import Puller

TRIES = 3  # before a checkpoint counts as failed, until somebody asks for it again or the host is reached anew
PAUSE = 10.0  # seconds before the same checkpoint is tried again

Key = tuple[str, int, str]


class Pulling:
    """Pulls while there is something to pull. `pass_once` looks for work and never blocks on a transfer."""

    def __init__(self, host: str, home: Home, writer: Writer, connected: Connected, poke: Callable[[], None]) -> None:
        self._host = host
        self._writer = writer
        self._link = connected.link
        self._puller = Puller(host, home, writer, connected.link, connected.bulk)
        self._poke = poke
        self._cancel = threading.Event()
        self._wake = threading.Event()
        self._tries: dict[Key, int] = {}
        self._due: dict[Key, float] = {}
        self._thread = threading.Thread(target=self._run, name=f"pull-{host}", daemon=True)
        self._thread.start()

    def pass_once(self) -> bool:
        """Whether checkpoints wait to come home; if so, the thread is at them."""
        if self._next(everything=True) is None:
            return False
        self._wake.set()
        return True

    def close(self) -> None:
        """Cancels the transfer under way, which goes on from there at the next connection, and waits for the thread."""
        self._cancel.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._cancel.is_set():
            wish = self._next()
            if wish is None:
                self._wake.wait(PAUSE if self._due else None)
                self._wake.clear()
                continue
            self._one(wish)
            self._poke()

    def _one(self, wish: dict[str, Any]) -> None:
        key: Key = (wish["job"], wish["attempt"], wish["name"])
        try:
            self._puller.pull(wish, self._cancel)
        except LtError as error:
            self._failed(key, error)
        except OSError as error:
            self._failed(key, LtError("pull_failed", name=key[2], why=error.strerror or str(error)))
        except sqlite3.Error as error:
            self._failed(key, LtError("pull_failed", name=key[2], why=str(error)))

    def _failed(self, key: Key, error: LtError) -> None:
        if self._cancel.is_set() or self._link.ended is not None:
            return  # the connection's end, not this checkpoint's
        if error.code in ("checkpoint_gone", "no_such_checkpoint"):
            self._writer.run("checkpoints", checkpoints.gone, *key)
            return
        self._tries[key] = self._tries.get(key, 0) + 1
        self._due[key] = time.monotonic() + PAUSE
        final = self._tries[key] >= TRIES or error.code == "bad_manifest"
        state = "failed" if final else "pending"
        self._writer.run("checkpoints", checkpoints.set_pull, *key, state, None, error.as_dict())
        if final:
            self._tries.pop(key)
            self._due.pop(key)

    def _next(self, everything: bool = False) -> dict[str, Any] | None:
        later = set() if everything else {key for key, due in self._due.items() if due > time.monotonic()}
        return self._writer.run("", checkpoints.next_pull, self._host, later)
