"""`lt demo`, as the first thing a person does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.laptop import Laptop, processes_under
from support.wait import until

pytestmark = pytest.mark.train
pytest.importorskip("trl", reason="the train extra is not installed")


def test_the_demo_trains_over_ssh_shows_each_step_and_leaves_nothing_running(laptop: Laptop, tmp_path: Path) -> None:
    demo = laptop.work / "demo"
    told = laptop.lt("demo", "--folder", str(demo), timeout=240)
    out = told.stdout
    assert "sshd" in out or "local" in out  # it says which way it went
    assert re.search(r"loss", out)
    (place,) = {line.strip() for line in out.splitlines() if "runs/" in line and line.strip().startswith("/")}
    assert list(Path(place).glob("*.safetensors"))
    assert "before" in out.lower() and "after" in out.lower()
    until(lambda: not processes_under(demo), 15, "every process of the demo has ended")
    assert not (laptop.home / "lt.db").exists()  # it has an LT_HOME of its own
