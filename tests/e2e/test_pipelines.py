"""A pipeline over two real hosts: what one stage makes the next one finds, nothing runs twice, a resume runs the
rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lt_controller.client import Client
from lt_controller.client.stages import Pipeline, Stage
from support.laptop import Laptop
from support.sshd import SshHost
from support.wait import until

SCRIPT = """
import json, os, sys
model = sys.argv[2]
assert os.environ["LT_INPUT_MODEL"] == model and os.path.exists(os.path.join(model, "config.json"))
os.makedirs("out", exist_ok=True)
json.dump({"files": len(os.listdir(model))}, open("out/score.json", "w"))
if not os.path.exists(os.path.expanduser("~/mended")):
    sys.exit("not yet")
"""

SFT = """
version: 1
params: {steps: 2}
stages:
  sft:
    recipe: tiny-sft
    overrides: {train.max_steps: param:steps}
  eval:
    command: [python, eval.py, --model, input:model]
    inputs: {model: job:sft}
    outputs: [out/**]
  more:
    host: twin
    recipe: tiny-sft
    needs: [eval]
    overrides:
      model: {name_or_path: job:sft, from_config: null, tokenizer: null}
      train.max_steps: param:steps
"""

COMMANDS = """
version: 1
host: box
stages:
  make: {command: [sh, -c, 'echo "$$" >> "$HOME/made"; mkdir out; echo good > out/a.txt'], outputs: [out/**]}
  wait: {command: [sh, -c, 'while [ ! -e "$HOME/go" ]; do sleep 0.1; done'], host: twin}
  take:
    host: twin
    needs: [wait]
    inputs: {made: job:make/out/a.txt}
    command: [sh, -c, 'cat "$1" >> "$HOME/taken"', sh, input:made]
  alone: {command: ['false']}
  never: {command: ['true'], needs: [alone]}
"""


def write(laptop: Laptop, name: str, text: str) -> Path:
    path = laptop.work / name
    path.write_text(text)
    return path


def begun(laptop: Laptop, *words: str) -> str:
    """`lt pipeline run WORDS`; the pipeline's id, once the controller has taken it."""
    run = laptop.lt("pipeline", "run", *words).stdout.strip()
    until(lambda: laptop.query("SELECT 1 FROM pipelines WHERE id=?", run), 30, f"{run} is known")
    return run


def shown(laptop: Laptop, ref: str) -> Pipeline:
    """The pipeline as it is known on the laptop now."""
    with Client(laptop.home) as client:
        return client.pipeline(ref)


def states(laptop: Laptop, ref: str) -> dict[str, str]:
    """As `shown`, stage by stage; where no controller runs, a command is typed, which starts one."""
    if laptop.controller() is None:
        laptop.lt("pipeline", "ls")
    return {stage.name: stage.state for stage in shown(laptop, ref).stages}


def settled(laptop: Laptop, ref: str, state: str, timeout: float) -> dict[str, Stage]:
    """The pipeline's stages, once it has come to rest in this state."""
    try:
        until(lambda: states(laptop, ref) and shown(laptop, ref).state == state, timeout, f"{ref} is {state}")
    except AssertionError as late:
        raise AssertionError(f"{late}: {shown(laptop, ref)}{laptop.controller_log()}") from None
    return {stage.name: stage for stage in shown(laptop, ref).stages}


@pytest.mark.train
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_training_evaluating_and_training_again_whose_middle_fails_once(
    laptop: Laptop, box: SshHost, twin: SshHost
) -> None:
    pytest.importorskip("trl", reason="the train extra is not installed")
    write(laptop, "eval.py", SCRIPT)
    write(laptop, "sft-eval.yaml", SFT)
    run = begun(laptop, "sft-eval.yaml", "--on", "box")
    laptop.wait_state(shown(laptop, run).stage("sft").job_name, "running")
    laptop.kill_controller()
    stages = settled(laptop, run, "failed", 120)
    assert [stages[name].state for name in ("sft", "eval", "more")] == ["succeeded", "failed", "blocked"]

    (box.sshd.home / "mended").touch()
    laptop.lt("pipeline", "resume", run)
    stages = settled(laptop, run, "succeeded", 120)
    assert {name: (stage.host, stage.attempt) for name, stage in stages.items()} == {
        "sft": ("box", 1),
        "eval": ("box", 2),
        "more": ("twin", 1),
    }
    assert len(laptop.query("SELECT 1 FROM jobs")) == 3
    model = f"{box.root}/jobs/{stages['sft'].job}/1/out/final"
    spec = json.loads(laptop.job(stages["eval"].job_name)["spec"])
    assert spec["inputs"] == {"model": model} and spec["data"] == []  # it lay there: no trip home
    spec = json.loads(laptop.job(stages["more"].job_name)["spec"])
    assert spec["recipe"]["model"]["name_or_path"].startswith(f"data:{stages['sft'].job_name}-final/")
    acts = [row["act"] for row in laptop.query("SELECT act FROM audit ORDER BY seq")]
    assert [act for act in acts if act.startswith(("pipeline", "submit"))] == [
        "pipeline run",
        "submit",
        "submit",
        "pipeline resume",
        "submit",
    ]


@pytest.mark.timeout(600)
def test_no_stage_runs_twice_though_the_controller_is_killed_again_and_again(
    laptop: Laptop, box: SshHost, twin: SshHost
) -> None:
    write(laptop, "five.yaml", COMMANDS)
    run = begun(laptop, "five.yaml")
    laptop.kill_controller()
    until(lambda: states(laptop, run)["alone"] == "failed", 60, "one has failed")
    laptop.kill_controller()
    until(lambda: states(laptop, run)["make"] == "succeeded", 60, "the first has succeeded")
    assert states(laptop, run)["never"] == "blocked" and states(laptop, run)["take"] == "pending"
    laptop.kill_controller()
    (twin.sshd.home / "go").touch()
    stages = settled(laptop, run, "failed", 60)
    assert {name: stage.state for name, stage in stages.items()} == {
        "make": "succeeded",
        "wait": "succeeded",
        "take": "succeeded",
        "alone": "failed",
        "never": "blocked",
    }
    assert len((box.sshd.home / "made").read_text().split()) == 1
    assert (twin.sshd.home / "taken").read_text() == "good\n"
    assert len(laptop.query("SELECT 1 FROM intents WHERE kind='submit'")) == 4

    again = laptop.lt("pipeline", "run", "five.yaml", code=2).stderr
    assert "lt pipeline resume five --file" in again
    write(laptop, "five.yaml", COMMANDS.replace("['false']", "['true']"))
    told = laptop.lt("pipeline", "resume", "five", "--file", "five.yaml").stderr
    assert "alone: a new job" in told and "make: stays as it is" in told
    settled(laptop, run, "succeeded", 60)
    assert len((box.sshd.home / "made").read_text().split()) == 1


def test_a_stop_ends_what_runs_and_begins_nothing_more(laptop: Laptop, box: SshHost) -> None:
    text = "{version: 1, stages: {a: {command: [sleep, '600']}, b: {command: ['true'], needs: [a]}}}"
    write(laptop, "two.yaml", text)
    run = begun(laptop, "two.yaml", "--on", "box")
    until(lambda: states(laptop, run)["a"] == "running", 60, "the first runs")
    assert "pipeline" in laptop.lt("pipeline", "rm", run, code=1).stderr.lower()
    laptop.lt("pipeline", "stop", run)
    stages = settled(laptop, run, "stopped", 60)
    assert (stages["a"].state, stages["b"].state) == ("cancelled", "blocked")
    laptop.lt("pipeline", "rm", run)
    until(lambda: not laptop.query("SELECT 1 FROM pipelines"), 30, "forgotten")
    laptop.lt("pipeline", "show", run, code=4)
    assert len(laptop.query("SELECT 1 FROM jobs")) == 1
