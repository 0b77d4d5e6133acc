"""A store that is filled by hand, and a client that reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lt_controller.client import Client
from lt_controller.engine.server import Server
from lt_controller.store.times import iso
from support.store import FACTS, START, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def client(store: Store) -> Iterator[Client]:
    with Client(store.home) as made:
        yield made


@pytest.fixture
def ready(store: Store) -> Iterator[Store]:
    """The home, with a listening socket and a local host that was looked at."""
    server = Server(store.home.controller_sock, lambda request: {})
    store.insert("facts", host="local", time=iso(START), data=FACTS)
    yield store
    server.close()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A person's folder with a script."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "train.py").write_text("print(1)\n")
    return folder
