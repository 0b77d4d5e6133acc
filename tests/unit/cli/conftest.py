"""Commands run in this process, against a store that is filled by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import Lt
from support.store import Store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("LT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LT_LANG", "en")
    monkeypatch.chdir(tmp_path)
    made = Store(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def lt(store: Store, capsys: pytest.CaptureFixture[str]) -> Lt:
    return Lt(capsys)
