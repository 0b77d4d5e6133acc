"""Sweeps over two hosts: every trial once, whatever happens to the controller; the best named; the slow ones pruned."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from support.laptop import Laptop
from support.sshd import SshHost
from support.wait import until

GRID = """\
version: 1
command: [sh, -c, 'echo {a}-{b} >> "$HOME/ran"; echo "at {a} the loss is {b}"']
printed: ["at {step} the loss is {loss}"]
sweep:
  a: [1, 2, 3, 4]
  b: [0.5, 0.25, 0.75]
  metric: loss
  concurrency: 2
"""
ALL = sorted(f"{a}-{b}" for a in (1, 2, 3, 4) for b in (0.5, 0.25, 0.75))


def start(laptop: Laptop, hosts: str, text: str, *words: str) -> str:
    (laptop.work / "tries.yaml").write_text(text)
    return laptop.lt("submit", hosts, "tries.yaml", *words).stdout.strip()


def shown(laptop: Laptop, name: str) -> dict[str, Any]:
    found = json.loads(laptop.lt("sweep", "show", name, "--json").stdout)
    assert isinstance(found, dict)
    return found


def ran(*hosts: SshHost) -> list[str]:
    return [line for host in hosts if (file := host.sshd.home / "ran").exists() for line in file.read_text().split()]


def test_twelve_trials_over_two_hosts_run_once_each_though_the_controller_is_killed(
    laptop: Laptop, box: SshHost, twin: SshHost
) -> None:
    name = start(laptop, "any", GRID, "--name", "grid")
    assert name == "grid"
    under_way = "SELECT count(*) FROM jobs WHERE state NOT IN ('succeeded', 'failed', 'cancelled', 'lost', 'timed_out')"
    most = 0

    def half_done() -> bool:
        nonlocal most
        most = max(most, laptop.query(under_way)[0][0])
        return len(ran(box, twin)) >= 5

    until(half_done, 90, "five trials have run")
    laptop.kill_controller()
    laptop.lt("sweep", "wait", "grid")

    assert sorted(ran(box, twin)) == ALL
    found = shown(laptop, "grid")
    assert found["state"] == "done" and most <= 2
    assert [trial["state"] for trial in found["trials"]] == ["succeeded"] * 12
    assert sorted(f"{t['params']['parameters.a']}-{t['params']['parameters.b']}" for t in found["trials"]) == ALL
    assert len(laptop.query("SELECT * FROM jobs")) == 12
    assert {trial["host"] for trial in found["trials"]} == {"box", "twin"}
    assert found["best"]["value"] == 0.25 and found["best"]["params"]["parameters.b"] == 0.25

    told = laptop.lt("sweep", "show", "grid").stdout
    assert f"best: {found['best']['job']}, loss 0.25" in told and f"lt pull {found['best']['job']}" in told
    rows = list(csv.DictReader(io.StringIO(laptop.lt("sweep", "show", "grid", "--csv", "-").stdout)))
    assert [row["value"] for row in rows] == [str(trial["value"]) for trial in found["trials"]]
    assert "grid" in laptop.lt("sweep", "ls").stdout
