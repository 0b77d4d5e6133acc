"""A store that is filled by hand, and a client that reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lt_controller.client import Client
from support.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def client(store: Store) -> Iterator[Client]:
    with Client(store.home) as made:
        yield made
