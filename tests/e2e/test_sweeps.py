"""Sweeps over two hosts: every trial once, whatever happens to the controller; the best named; the slow ones pruned."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from support.laptop import Laptop
from support.sshd import SshHost
from support.wait import until

DOCS = Path(__file__).parents[2] / "docs"
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


def test_a_trial_that_falls_behind_is_stopped_and_failing_ones_end_a_sweep(laptop: Laptop, box: SshHost) -> None:
    command = "echo 'at 1 the loss is {a}'; case {a} in 9) exec sleep 600;; esac"
    name = start(
        laptop,
        "box",
        f'version: 1\ncommand: [sh, -c, "{command}"]\nprinted: ["at {{step}} the loss is {{loss}}"]\n'
        "sweep: {a: [1, 0.5, 9], metric: loss, pruner: median, startup_trials: 1, concurrency: 1}\n",
    )
    laptop.lt("sweep", "wait", name)
    found = shown(laptop, name)
    assert [trial["state"] for trial in found["trials"]] == ["succeeded", "succeeded", "pruned"]
    assert found["best"]["value"] == 0.5 and found["trials"][2]["value"] == 9
    assert laptop.job(found["trials"][2]["job"])["state"] == "cancelled"
    assert "pruned" in laptop.lt("sweep", "show", name).stdout

    text = (
        "version: 1\ncommand: [sh, -c, 'exit {a}']\nsweep: {a: [1, 2, 3, 4], stop_after_failures: 2, concurrency: 1}\n"
    )
    name = start(laptop, "box", text)
    told = laptop.lt("sweep", "wait", name, code=1).stderr
    assert f"2 trials of {name} failed one after the other" in told
    assert [trial["exit_code"] for trial in shown(laptop, name)["trials"]] == [1, 2]
    assert f"lt logs {name}-2" in laptop.lt("sweep", "show", name).stderr


def test_a_stopped_sweep_goes_on_with_the_jobs_it_had(laptop: Laptop, box: SshHost) -> None:
    text = """\
version: 1
command: [sh, -c, 'until [ -e "$HOME/go" ]; do sleep 0.1; done; echo {a} >> "$HOME/ran"']
sweep: {a: [1, 2, 3], concurrency: 1}
"""
    name = start(laptop, "box", text)
    first = f"{name}-1"
    laptop.wait_state(first, "running")
    assert "under way" in laptop.lt("sweep", "resume", name, code=None).stderr
    laptop.lt("sweep", "stop", name)
    laptop.lt("sweep", "wait", name, code=1)
    assert [trial["state"] for trial in shown(laptop, name)["trials"]] == ["stopped"] and not ran(box)

    (box.sshd.home / "go").touch()
    laptop.lt("sweep", "resume", name)
    laptop.lt("sweep", "wait", name)
    assert ran(box) == ["1", "2", "3"]
    assert len(laptop.query("SELECT * FROM jobs")) == 3 and laptop.job(first)["attempt"] == 2
    assert "nothing left to do" in laptop.lt("sweep", "resume", name, code=1).stderr
    assert "no sweep nothing" in laptop.lt("sweep", "show", "nothing", code=4).stderr


def test_what_is_wrong_with_a_trial_is_told_before_anything_starts(laptop: Laptop) -> None:
    laptop.own_local()
    (laptop.work / "tries.yaml").write_text("version: 1\nextends: tiny-sft\nsweep:\n  train.learnin_rate: [1, 2]\n")
    told = laptop.lt("submit", "local", "tries.yaml", code=2).stderr
    assert "tries.yaml:4: sweep.train.learnin_rate: is not known (did you mean learning_rate?)" in told
    assert "tries.yaml:4" in laptop.lt("recipe", "check", "tries.yaml", code=2).stderr
    assert not laptop.query("SELECT * FROM intents") and not laptop.query("SELECT * FROM sweeps")
    assert "has no sweep" in laptop.lt("sweep", "run", "local", "tiny-sft", code=2).stderr

    (laptop.work / "once.yaml").write_text("version: 1\ncommand: [sh, -c, 'echo {word}']\nparameters: {word: hello}\n")
    laptop.lt("recipe", "check", "once.yaml")
    name = laptop.submit("local", "once.yaml", "parameters.word=bye")
    assert laptop.wait_state(name, "succeeded") and laptop.log(name) == b"bye\n"


@pytest.mark.slow
@pytest.mark.train
def test_somebody_elses_script_is_swept_as_the_documentation_shows(laptop: Laptop, box: SshHost, twin: SshHost) -> None:
    shutil.copytree(DOCS / "examples" / "own_script", laptop.work / "theirs")
    laptop.lt("submit", "any", "sweep.yaml", "--name", "sine", cwd=laptop.work / "theirs")
    laptop.lt("sweep", "wait", "sine", timeout=600)
    found = shown(laptop, "sine")
    assert {trial["host"] for trial in found["trials"]} == {"box", "twin"} and len(found["trials"]) == 6
    best = found["best"]["job"]
    assert laptop.metrics(best, "val_loss").keys() == set(range(1, 41))
    until(lambda: laptop.job(best)["pull_state"] == "pulled", 60, "the best model is at home")
    assert list((laptop.home / "runs" / best).rglob("model.pt"))

    page = (DOCS / "sweeps.md").read_text(encoding="utf-8")
    for file in ("sweep.yaml", "train.py"):
        assert f"examples/own_script/{file}" in page
    assert (DOCS / "examples" / "own_script" / "sweep.yaml").read_text() in page
    told = laptop.lt("sweep", "show", "sine").stdout
    for line in page.partition("$ lt sweep show sine")[2].partition("```")[0].splitlines():
        if line.startswith("best: "):  # torch and a thread make the same numbers everywhere, nearly
            assert line.split(", ")[0] == f"best: {best}" and best in told


@pytest.mark.slow
@pytest.mark.train
def test_a_real_training_is_swept_and_its_best_can_be_used(laptop: Laptop, box: SshHost) -> None:
    words = ["sweep.grid.train.learning_rate=[1e-6, 1e-2]", "sweep.metric=loss", "train.max_steps=4"]
    laptop.lt("sweep", "run", "box", "tiny-sft", *words, "train.logging_steps=1", "--name", "rates")
    laptop.lt("sweep", "wait", "rates", timeout=600)
    found = shown(laptop, "rates")
    assert [trial["state"] for trial in found["trials"]] == ["succeeded", "succeeded"]
    assert found["best"]["params"] == {"train.learning_rate": 1e-2}
    assert f"model.name_or_path=job:{found['best']['job']}" in laptop.lt("sweep", "show", "rates").stdout
