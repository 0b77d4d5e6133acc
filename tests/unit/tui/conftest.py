"""The app in this process, on a fleet that is filled by hand; no controller is started."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from benchmarks.sample_fleet import SampleFleet

from lt_controller.client import Client
from lt_tui import glyphs, i18n
from lt_tui.app import LtApp


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs a test that is a coroutine to its end."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test begins in English and with all signs."""
    monkeypatch.setenv("LT_LANG", "en")
    i18n.switch("en")
    glyphs.use("unicode")
    yield
    i18n.switch("en")
    glyphs.use("unicode")


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SampleFleet]:
    monkeypatch.chdir(tmp_path)
    made = SampleFleet(tmp_path / "home")
    yield made
    with Client(made.home) as client:
        client.controller_stop()  # an act that found work may have started one
    made.close()


@pytest.fixture
def app(fleet: SampleFleet) -> LtApp:
    return LtApp(fleet.home.path, keep_controller=False)


@pytest.fixture
def open_app() -> Callable[..., LtApp]:
    return lambda home: LtApp(home, keep_controller=False)
