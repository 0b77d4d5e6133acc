"""One training from start to end per kind, shared by the tests that look at it or go on from it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.training import Attempt, full_or_lora, write_rows

# Read when torch and the hub's client are imported, so before any test of this folder does that.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("data") / "d.jsonl")


@pytest.fixture(scope="session", params=["full", "lora"])
def straight(request: pytest.FixtureRequest, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """(kind, an attempt that trained from start to end)."""
    attempt = Attempt(tmp_path_factory.mktemp(request.param) / "a", full_or_lora(data, request.param))
    assert attempt.run_inside() == 0, attempt.failure()
    return request.param, attempt


@pytest.fixture
def running() -> Iterator[list[Any]]:
    """Processes to end with the test."""
    processes: list[Any] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()
