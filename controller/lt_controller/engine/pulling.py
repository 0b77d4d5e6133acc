"""A thread per connected host that brings checkpoints home, one after another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from lt_agent.protocol.errors import LtError

from ..home import Home
from ..journal import fault
from ..store import checkpoints
from ..store.writer import Writer
from .connect import Connected
from .pulls import Puller

TRIES = 5  # before a checkpoint counts as failed, until somebody asks for it again or the host is reached anew
PAUSE, LONGEST = 10.0, 300.0  # seconds before the same checkpoint is tried again: each time four times as long
HOPELESS = frozenset({"bad_manifest", "not_your_job"})  # the same the next time

Key = tuple[str, int, str]


class Pulling:
    """Pulls while there is something to pull, when it is woken."""

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
        self._under_way: tuple[Key, threading.Event] | None = None  # the event cancels it
        self._thread = threading.Thread(target=self._run, name=f"pull-{host}", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Checkpoints wait to come home. What a lease's end has asked for does not wait for a transfer under way."""
        self._wake.set()
        present = self._under_way
        if present is not None:
            key, over = present
            urgent = self._writer.read(checkpoints.urgent, self._host)
            if key not in urgent and urgent - self._later():
                over.set()

    def cancel(self) -> None:
        """Cancels the transfer under way, which goes on from there at the next connection."""
        self._cancel.set()
        self._wake.set()
        present = self._under_way
        if present is not None:
            present[1].set()

    def close(self) -> None:
        """Cancels, and waits for the thread."""
        self.cancel()
        self._thread.join()

    def _run(self) -> None:
        fresh = True
        while not self._cancel.is_set() and self._link.ended is None:
            try:
                if fresh:
                    self._writer.run("checkpoints", checkpoints.try_again, self._host)
                    fresh = False
                wish = self._next()
                if wish is not None:
                    self._one(wish)
                    self._poke()
                    continue
            except Exception:  # the database's, say, on a full disk: it must not end the pulling for good
                fault()
                self._cancel.wait(PAUSE)
            self._wake.wait(PAUSE if self._due else None)
            self._wake.clear()

    def _one(self, wish: dict[str, Any]) -> None:
        key: Key = (wish["job"], wish["attempt"], wish["name"])
        over = threading.Event()
        self._under_way = (key, over)
        if self._cancel.is_set():  # by somebody who could not see this one yet
            return
        try:
            self._puller.pull(wish, over)
        except LtError as error:
            if over.is_set() and not self._cancel.is_set():  # it makes way; what has arrived of it stays
                self._writer.run("checkpoints", checkpoints.set_pull, *key, "pending")
            else:
                self._failed(key, error)
        except OSError as error:
            self._failed(key, LtError("pull_failed", name=key[2], why=error.strerror or str(error)))
        except Exception as error:
            fault()
            self._failed(key, LtError("pull_failed", name=key[2], why=f"{type(error).__name__}: {error}"))
        else:
            self._forget(key)
        finally:
            self._under_way = None

    def _failed(self, key: Key, error: LtError) -> None:
        if self._cancel.is_set() or self._link.ended is not None:
            return  # the connection's end, not this checkpoint's
        if error.code in ("checkpoint_gone", "no_such_checkpoint"):
            self._forget(key)
            self._writer.run("checkpoints", checkpoints.gone, *key)
            return
        tries = self._tries[key] = self._tries.get(key, 0) + 1
        self._due[key] = time.monotonic() + min(LONGEST, PAUSE * 4.0 ** (tries - 1))
        # A full laptop is for its person to mend; then all comes home by itself.
        final = error.code in HOPELESS or (tries >= TRIES and error.code != "disk_full")
        if final:
            self._forget(key)
        self._writer.run(
            "checkpoints", checkpoints.set_pull, *key, "failed" if final else "pending", None, error.as_dict()
        )

    def _forget(self, key: Key) -> None:
        self._tries.pop(key, None)
        self._due.pop(key, None)

    def _next(self) -> dict[str, Any] | None:
        return self._writer.read(checkpoints.next_pull, self._host, self._later())

    def _later(self) -> set[Key]:
        """What has failed and is tried again after a pause."""
        return {key for key, due in list(self._due.items()) if due > time.monotonic()}
