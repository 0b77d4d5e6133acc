"""Recipes, really trained: submit over SSH, metrics, verified checkpoints at home, exact resume, save, stop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.laptop import Laptop, job_processes, tree_hashes
from support.sshd import SshHost
from support.wait import until

pytestmark = pytest.mark.train
pytest.importorskip("trl", reason="the train extra is not installed")

SMALL = ["train.per_device_train_batch_size=2", "train.logging_steps=1"]


def test_a_recipe_trains_over_ssh_and_its_checkpoints_come_home_hash_equal(laptop: Laptop, box: SshHost) -> None:
    name = laptop.submit("box", "tiny-sft", "train.max_steps=20", "save.save_steps=10", "save.pull=all", *SMALL)
    laptop.lt("wait", name, timeout=200)
    until(lambda: laptop.job(name)["pull_state"] == "pulled", 60, "pulled")

    job = laptop.job(name)
    assert (job["state"], job["step"], job["total_steps"], job["method"]) == ("succeeded", 20, 20, "sft")
    loss = laptop.metrics(name, "loss")
    assert sorted(loss) == list(range(1, 21)) and loss[20] < loss[1]
    attempt = box.root / "jobs" / job["id"] / "1"
    checkpoints = laptop.checkpoints(name)
    assert {"checkpoint-10", "checkpoint-20"} <= set(checkpoints)
    for checkpoint, row in checkpoints.items():
        assert row["pull_state"] == "pulled"
        manifest = json.loads((attempt / "manifests" / f"{checkpoint}.json").read_text())
        expected = {entry["path"]: entry["sha256"] for entry in manifest["files"]}
        assert tree_hashes(Path(row["path"])) == expected == tree_hashes(attempt / manifest["base"])


def test_a_second_submit_of_the_same_data_sends_no_file_again(laptop: Laptop, box: SshHost) -> None:
    data = laptop.work / "mine.jsonl"
    data.write_text("".join(json.dumps({"prompt": f"q{n}", "completion": f" a{n}"}) + "\n" for n in range(64)))
    typed = ["datasets.0.path=mine.jsonl", "datasets.0.type=prompt_completion"]
    words = ["box", "tiny-sft", *typed, "train.max_steps=2", *SMALL]
    first, second = laptop.submit(*words), laptop.submit(*words)
    laptop.wait_state(second, "waiting", "preparing", "running", "succeeded", timeout=60)

    snapshots = [path for path in (box.root / "data").glob("*/*") if path.is_dir() and _holds(path, "mine.jsonl")]
    assert len(snapshots) == 1
    pushed = laptop.query("SELECT job_id, files, done FROM transfers WHERE direction='push' AND job_id IS NOT NULL")
    sent = {row["job_id"]: row["files"] for row in pushed if row["files"]}
    assert laptop.job(first)["id"] in sent
    assert laptop.job(second)["id"] not in sent

    data.write_text(data.read_text() + json.dumps({"prompt": "new", "completion": " row"}) + "\n")
    third = laptop.submit(*words)
    laptop.wait_state(third, "waiting", "preparing", "running", "succeeded", timeout=60)
    snapshots = [path for path in (box.root / "data").glob("*/*") if path.is_dir() and _holds(path, "mine.jsonl")]
    assert len(snapshots) == 2
    for name in (third, second, first):
        laptop.lt("stop", name, code=None)
        laptop.wait_state(name, "cancelled", "succeeded", timeout=90)


METHODS = ("dpo", "kto", "orpo", "reward", "grpo", "gspo", "rloo", "ppo")
OTHERS = [f"tiny-{method}{kind}" for method in METHODS for kind in ("", "-lora")]


LONG = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("recipe", ["tiny-sft", "tiny-sft-lora", *(pytest.param(name, marks=LONG) for name in OTHERS)])
def test_stopped_and_resumed_equals_straight_through(laptop: Laptop, box: SshHost, recipe: str) -> None:
    # Long enough a step that the pause falls into the middle.
    words = ["box", recipe, "train.max_steps=20", "save.save_steps=100", "train.gradient_accumulation_steps=8"]
    straight = laptop.submit(*words, *SMALL)
    laptop.lt("wait", straight, timeout=280)
    paused = laptop.submit(*words, *SMALL)
    until(lambda: len(laptop.metrics(paused, "loss")) >= 8, 120, "some steps done")
    job = str(laptop.job(paused)["id"])
    workers = job_processes(job)
    for process in workers:
        process.suspend()  # so that it is not through before it hears of the pause
    laptop.lt("pause", paused)
    asked = box.root / "jobs" / job / "1" / "control" / "stop.json"
    until(asked.exists, 60, "the host knows of the pause")
    for process in workers:
        process.resume()
    laptop.wait_state(paused, "paused", timeout=90)
    done = len(laptop.metrics(paused, "loss"))
    assert 8 <= done < 20
    laptop.lt("resume", paused)
    laptop.lt("wait", paused, timeout=200)

    assert laptop.job(paused)["attempt"] == 2
    assert sorted(laptop.metrics(paused, "loss", attempt=2)) == list(range(done + 1, 21))
    assert laptop.metrics(paused, "loss") == laptop.metrics(straight, "loss")
    assert _weights(_final(box, laptop, straight)) == _weights(_final(box, laptop, paused))


def test_save_writes_a_checkpoint_now_and_resume_can_start_from_it(laptop: Laptop, box: SshHost) -> None:
    words = ["train.max_steps=4000", "save.save_steps=100000", "train.lr_scheduler_type=constant", *SMALL]
    name = laptop.submit("box", "tiny-sft", *words)
    until(lambda: len(laptop.metrics(name, "loss")) >= 3, 90, "some steps done")
    laptop.lt("save", name)
    saved = until(lambda: next(iter(laptop.checkpoints(name).values()), None), 60, "the checkpoint is recorded")
    assert saved and saved["resumable"] and saved["step"] >= 3
    until(lambda: laptop.job(name)["step"] > saved["step"] + 2, 30, "it went on")
    laptop.lt("stop", name)
    job = laptop.wait_state(name, "cancelled", timeout=90)
    assert job_processes(job["id"]) == []
    assert len(laptop.checkpoints(name)) == 2  # stop saves first

    laptop.lt("resume", name, "--from", str(saved["step"]))
    until(lambda: laptop.metrics(name, "loss", attempt=2), 90, "the second attempt trains")
    assert min(laptop.metrics(name, "loss", attempt=2)) == saved["step"] + 1
    laptop.lt("stop", name)
    laptop.wait_state(name, "cancelled", timeout=90)


def test_rotation_keeps_the_newest_and_what_came_home_stays(laptop: Laptop, box: SshHost) -> None:
    words = ["train.max_steps=12", "save.save_steps=2", "save.save_total_limit=2", "save.pull=last", *SMALL]
    name = laptop.submit("box", "tiny-sft", *words)
    laptop.lt("wait", name, timeout=200)
    until(lambda: laptop.job(name)["pull_state"] == "pulled", 60, "pulled")
    present = [n for n, row in laptop.checkpoints(name).items() if row["host_state"] == "present"]
    on_host = sorted(p.stem for p in (box.root / "jobs" / laptop.job(name)["id"] / "1" / "manifests").glob("*.json"))
    assert sorted(present) == on_host
    assert {"checkpoint-10", "checkpoint-12"} <= set(present) and "checkpoint-2" not in present


def test_a_training_that_fails_says_why(laptop: Laptop, box: SshHost) -> None:
    name = laptop.submit("box", "tiny-sft", "train.max_steps=5", "model.from_config.num_attention_heads=5", *SMALL)
    laptop.lt("wait", name, code=1, timeout=120)
    job = laptop.job(name)
    assert job["state"] == "failed" and job["reason"] and job["message"]
    assert job["reason"] in laptop.lt("show", name).stdout or job["message"][:20] in laptop.lt("show", name).stdout


def _holds(folder: Path, name: str) -> bool:
    return any(path.name == name for path in folder.rglob("*"))


def _final(box: SshHost, laptop: Laptop, name: str) -> Path:
    job = laptop.job(name)
    finals = [row for row in laptop.checkpoints(name).values() if row["kind"] == "final"]
    assert finals, laptop.checkpoints(name)
    manifest = json.loads(finals[-1]["manifest"])
    return box.root / "jobs" / job["id"] / str(finals[-1]["attempt"]) / manifest["base"]


def _weights(folder: Path) -> dict[str, Any]:
    from safetensors.numpy import load_file

    (path,) = folder.glob("*.safetensors")
    return {key: (tensor.dtype.name, tensor.tobytes()) for key, tensor in load_file(path).items()}
