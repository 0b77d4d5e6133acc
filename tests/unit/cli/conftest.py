"""Commands run in this process, against a store that is filled by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lt_controller.client import Client
from support.cli import Lt
from support.store import Store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("LT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LT_LANG", "en")
    monkeypatch.chdir(tmp_path)
    made = Store(tmp_path / "home")
    yield made
    with Client(made.home) as client:
        client.controller_stop()  # a command that found work may have started one
    made.close()


@pytest.fixture
def lt(store: Store, capsys: pytest.CaptureFixture[str]) -> Lt:
    return Lt(capsys)
