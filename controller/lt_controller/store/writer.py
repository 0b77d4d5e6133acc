"""The one writer of the database: a thread that gathers what is waiting into one transaction."""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from ..journal import fault
from .checkpointer import Checkpointer
from .schema import open_writable

P = ParamSpec("P")
T = TypeVar("T")

MAX_BATCH = 512  # functions in one transaction
SMALL_COMMIT = 32 << 10  # bytes of WAL that a commit without stream data is taken to cost
MAX_WAITING_BYTES = 8 << 20  # of stream data; past it whoever adds waits, and so, through SSH's window, does the host


class Writer:
    """Runs functions of the form `f(db, …)` in order, each in a savepoint, many to a transaction.

    A function that raises undoes itself alone; its future carries the exception. `on_commit` is called, on the
    writer's thread, with the topics that the functions of a committed batch were given.
    """

    def __init__(self, path: Path, on_commit: Callable[[set[str]], None] | None = None) -> None:
        self._db = open_writable(path)
        self._db.execute("PRAGMA wal_autocheckpoint=0")
        self._checkpointer = Checkpointer(path)
        self._on_commit = on_commit
        self._queue: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._room = threading.Condition()
        self._waiting_bytes = 0
        self._closed = False
        self._thread = threading.Thread(target=self._loop, name="writer", daemon=True)
        self._thread.start()

    def add(self, topic: str, function: Callable[..., T], *args: Any, weight: int = 0) -> Future[T]:
        """Queues `function(db, *args)`. `weight` is the bytes it holds; blocks while too many are waiting.

        Wait for the future where the next step relies on the write being durable in the database.
        """
        future: Future[T] = Future()
        if weight:
            with self._room:
                self._room.wait_for(lambda: self._waiting_bytes < MAX_WAITING_BYTES or self._closed)
                self._waiting_bytes += weight
        self._queue.put(_Task(topic, function, args, weight, future))
        if self._closed:
            self._refuse_waiting()
        return future

    def run(self, topic: str, function: Callable[..., T], *args: Any) -> T:
        """As `add`, and waits for the commit. Raises what the function raised."""
        return self.add(topic, function, *args).result()

    def read(self, function: Callable[..., T], *args: Any) -> T:
        """As `run`, for a function that only reads: after what was added before it, and without the database's lock.

        Looking around must not hold up those who write at the same time: a client that submits waits in growing steps.
        """
        future: Future[T] = Future()
        self._queue.put(_Task("", function, args, 0, future, reads=True))
        if self._closed:
            self._refuse_waiting()
        return future.result()

    def close(self) -> None:
        """Commits what is waiting, then closes the database; what is added later fails (sqlite3.ProgrammingError)."""
        self._queue.put(None)
        self._thread.join()

    def _loop(self) -> None:
        while True:
            batch, last = self._gather()
            if batch:
                self._commit(batch)
                if not all(task.reads for task in batch):
                    self._checkpointer.written(sum(task.weight for task in batch) + SMALL_COMMIT)
                    self._checkpointer.give_way(self._db)
            if last:
                self._checkpointer.close()
                self._db.close()  # the last connection folds the WAL in
                with self._room:
                    self._closed = True
                    self._room.notify_all()
                self._refuse_waiting()
                return

    def _refuse_waiting(self) -> None:
        """After the close: whoever waits for a future of ours would wait for ever."""
        while True:
            try:
                task = self._queue.get_nowait()
            except queue.Empty:
                return
            if task is not None:
                task.future.set_exception(sqlite3.ProgrammingError("the database has been closed"))

    def _gather(self) -> tuple[list[_Task], bool]:
        first = self._queue.get()
        if first is None:
            return [], True
        batch = [first]
        weight = first.weight
        while len(batch) < MAX_BATCH and weight < MAX_WAITING_BYTES // 2:
            try:
                task = self._queue.get_nowait()
            except queue.Empty:
                break
            if task is None:
                return batch, True
            batch.append(task)
            weight += task.weight
        return batch, False

    def _commit(self, batch: list[_Task]) -> None:
        outcomes: list[tuple[_Task, Any, BaseException | None]] = []
        try:
            self._db.execute("BEGIN" if all(task.reads for task in batch) else "BEGIN IMMEDIATE")
            for task in batch:
                outcomes.append((task, *self._one(task)))
            self._db.execute("COMMIT")
        except sqlite3.Error as failure:
            with contextlib.suppress(sqlite3.Error):  # a full disk may have rolled back already
                self._db.execute("ROLLBACK")
            outcomes = [(task, None, failure) for task in batch]
        finally:
            with self._room:
                self._waiting_bytes -= sum(task.weight for task in batch)
                self._room.notify_all()
        topics = {task.topic for task, _, error in outcomes if error is None and task.topic}
        for task, value, error in outcomes:
            if error is None:
                task.future.set_result(value)
            else:
                task.future.set_exception(error)
        if topics and self._on_commit is not None:
            try:
                self._on_commit(topics)
            except Exception:
                fault()  # a listener's must not stop the writer

    def _one(self, task: _Task) -> tuple[Any, BaseException | None]:
        self._db.execute("SAVEPOINT task")
        try:
            value = task.function(self._db, *task.args)
        except Exception as error:
            self._db.execute("ROLLBACK TO task")
            self._db.execute("RELEASE task")
            return None, error
        self._db.execute("RELEASE task")
        return value, None


class _Task:
    __slots__ = ("args", "function", "future", "reads", "topic", "weight")

    def __init__(
        self,
        topic: str,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        weight: int,
        future: Future[Any],
        reads: bool = False,
    ) -> None:
        self.topic = topic
        self.function = function
        self.args = args
        self.weight = weight
        self.future = future
        self.reads = reads
