"""The app and its terminal, a real pty: what happens when that goes away."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from benchmarks.sample_fleet import SampleFleet

from support.pty_app import PtyApp
from support.wait import until


@pytest.mark.parametrize("place", ["", ":job qwen-sft-00\r", ":submit\r"], ids=["fleet", "job", "submit"])
def test_the_end_of_the_terminal_is_the_end_of_the_app(tmp_path: Path, place: str) -> None:
    """In a session of its own, where the kernel sends no SIGHUP: the app must not go on, let alone spin."""
    fleet = SampleFleet(tmp_path / "home")
    fleet.close()
    app = PtyApp(tmp_path, fleet.home.path)
    try:
        app.until(b"qwen-sft-00")
        app.type(place)
        app.settle()
        app.hang_up()
        until(lambda: app.process.poll() is not None, 60, "the app has ended")
        assert app.process.returncode == -signal.SIGHUP
    finally:
        app.close()
