"""The terminal UI in tmux, against a real controller and a real sshd, by keys alone."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.laptop import LT, Laptop
from support.sshd import make_host, needs_sshd
from support.wait import until

pytestmark = [needs_sshd, pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")]


class Tmux:
    """A terminal of 140 × 40 that runs `lt`."""

    def __init__(self, laptop: Laptop) -> None:
        self._name = f"lt-{uuid.uuid4().hex[:8]}"
        environment = {**laptop.environment(), "TERM": "xterm-256color"}
        environment.pop("NO_COLOR")
        environment.pop("COLUMNS")
        environment.pop("TMUX", None)
        self._tmux("new-session", "-d", "-x", "140", "-y", "40", shlex.join([LT]), cwd=laptop.work, env=environment)

    def _tmux(self, *words: str, **more: object) -> str:
        done = subprocess.run(["tmux", "-L", self._name, *words], capture_output=True, text=True, check=False, **more)  # type: ignore[call-overload]
        return str(done.stdout)

    @property
    def screen(self) -> str:
        """What a person sees."""
        return self._tmux("capture-pane", "-p")

    def keys(self, *keys: str) -> None:
        """Presses named keys (`Enter`, `Escape`) or types letters."""
        for key in keys:
            self._tmux("send-keys", *([] if key in ("Enter", "Escape", "Tab") else ["-l"]), key)

    def sees(self, text: str, timeout: float = 120) -> None:
        """Waits until it is on the screen."""
        try:
            until(lambda: text in self.screen, timeout)
        except AssertionError:
            raise AssertionError(f"{text!r} never came:\n{self.screen}") from None

    def loses(self, text: str, timeout: float = 90) -> None:
        """Waits until it is no longer on the screen."""
        until(lambda: text not in self.screen, timeout, f"{text!r} is gone")

    def close(self) -> None:
        """Ends the terminal."""
        self._tmux("kill-server")


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Laptop]:
    (tmp_path / "work").mkdir()
    made = Laptop(tmp_path / "lt", tmp_path / "work")
    yield made
    made.lt("controller", "stop", code=None)


@pytest.mark.train
@pytest.mark.timeout(900)
def test_from_the_first_run_to_a_pulled_checkpoint(laptop: Laptop, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    host = make_host(tmp_path / "host", home_name="home", lt_home=tmp_path / "unused")
    terminal = Tmux(laptop)
    try:
        # The first run: a host is added, its key is shown and taken.
        terminal.sees("Press one key")
        terminal.keys("a")
        terminal.sees("Add a host")
        address = f"box {host.sshd.user}@{host.sshd.address}:{host.sshd.port}"
        settings = f"key={host.sshd.client_key} lease_dir={tmp_path}/lease python={sys.executable}"
        terminal.keys(f"{address} {settings}", "Enter")
        terminal.sees("shows this key")
        terminal.sees("SHA256:")
        terminal.keys("y")
        terminal.sees("Nothing of yours runs or waits here.", 180)

        # What the host holds: our own bridge among its processes, and the agent on its disk.
        terminal.keys("2")
        terminal.sees("PROCESS")
        terminal.sees("lt ", 90)
        terminal.keys("3")
        terminal.sees("of ours", 90)
        terminal.sees("agent")
        terminal.keys("1")

        # Submit the tiny recipe there, longer than the test needs.
        terminal.keys("n")
        terminal.sees("all is well")
        terminal.keys("/")
        terminal.sees("!not")
        terminal.keys("max_steps", "Enter")
        terminal.loses("!not")  # the line in which one types has closed
        terminal.keys("Enter")
        terminal.sees("╭")
        terminal.keys("5000", "Enter")  # the old value is selected: typing replaces it
        terminal.sees("5000")
        terminal.keys("S")
        terminal.sees("running", 180)
        until(lambda: laptop.query("SELECT 1 FROM metrics WHERE name='loss' LIMIT 1"), 150, "a loss")
        job = laptop.query("SELECT name FROM jobs")[0]["name"]
        terminal.sees("loss")

        # Stop, resume, stop; pull what was saved.
        terminal.keys("x")
        terminal.sees(f"Stop {job}?")
        terminal.keys("y")
        terminal.sees("cancelled", 180)
        until(lambda: laptop.checkpoints(job), 90, "a checkpoint")
        terminal.keys("r")
        until(lambda: laptop.job(job)["attempt"] == 2 and laptop.job(job)["state"] == "running", 180, "attempt 2")
        terminal.sees("attempt 2")
        terminal.keys("x")
        terminal.sees(f"Stop {job}?")
        terminal.keys("y")
        terminal.sees("cancelled", 180)
        terminal.keys("p", "4")
        terminal.sees("verified", 180)
        names = [row["name"] for row in laptop.query("SELECT name FROM checkpoints WHERE pull_state='pulled'")]
        assert names

        # Out along the crumbs, and away.
        terminal.keys("Escape")
        terminal.sees("Hosts")
        terminal.keys("q")
        until(lambda: not terminal.screen.strip(), 90, "the app has gone")
    finally:
        terminal.close()
        laptop.lt("controller", "stop", code=None)
        host.sshd.stop()


def test_without_a_terminal_lt_alone_prints_help(laptop: Laptop) -> None:
    assert "Usage: lt" in laptop.lt().stdout
    assert os.environ.get("LT_HOME") != str(laptop.home)
