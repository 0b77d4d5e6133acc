"""Two processes that train as one, over SSH: they save and stop when asked, together, and go on bit by bit."""

from __future__ import annotations

import json

import pytest

from support.laptop import Laptop, job_processes
from support.sshd import SshHost
from support.wait import until

pytestmark = [pytest.mark.train, pytest.mark.slow, pytest.mark.timeout(900)]
pytest.importorskip("trl", reason="the train extra is not installed")

FOREVER = ["train.max_steps=100000", "save.save_steps=100000", "train.logging_steps=1"]


def test_two_processes_save_stop_and_go_on_as_one(laptop: Laptop, box: SshHost) -> None:
    small = ["train.per_device_train_batch_size=2", *FOREVER]
    name = laptop.submit("box", "tiny-sft-lora", "parallel.processes=2", *small)
    until(lambda: len(laptop.metrics(name, "loss")) >= 3, 240, "some steps done")
    job = laptop.job(name)
    (plan,) = laptop.query("SELECT params FROM events WHERE job_id=? AND code='plan'", job["id"])
    assert (json.loads(plan["params"])["processes"], json.loads(plan["params"])["batch_size"]) == (2, 4)

    laptop.lt("save", name)
    saved = until(lambda: next(iter(laptop.checkpoints(name).values()), None), 120, "the checkpoint is recorded")
    assert saved and saved["resumable"]
    files = {entry["path"] for entry in json.loads(saved["manifest"])["files"]}
    assert {"rng_state_0.pth", "rng_state_1.pth"} <= files, "each has written its part"
    until(lambda: max(laptop.metrics(name, "loss")) >= saved["step"] + 3, 120, "both went on")
    laptop.lt("stop", name)
    laptop.wait_state(name, "cancelled", timeout=120)
    assert job_processes(job["id"]) == []
    assert len(laptop.checkpoints(name)) == 2, "a stop saves, once for both"

    before = {step: loss for step, loss in laptop.metrics(name, "loss", attempt=1).items() if step > saved["step"]}
    laptop.lt("resume", name, "--from", str(saved["step"]))
    until(lambda: len(laptop.metrics(name, "loss", attempt=2)) >= len(before), 240, "it has done those steps again")
    again = laptop.metrics(name, "loss", attempt=2)
    assert {step: again[step] for step in before} == before
    laptop.lt("stop", name)
    laptop.wait_state(name, "cancelled", timeout=120)
    assert job_processes(job["id"]) == []
