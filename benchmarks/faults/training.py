"""A real (tiny) training, where saving a checkpoint is what matters."""

from __future__ import annotations

import importlib.util
import sys

from benchmarks.faults.model import Skip
from benchmarks.faults.scene import Scene

START_LIMIT = 400.0  # seconds until a training's first step and for its end, on a machine that does much besides
SMALL = ("train.per_device_train_batch_size=2", "train.logging_steps=1")


def train(scene: Scene, *words: str, host: str = "box", env: dict[str, str] | None = None) -> str:
    """Submits `tiny-sft`; the job's name. Raises Skip without the `train` extra."""
    if importlib.util.find_spec("trl") is None:
        raise Skip(f"the train extra is not installed for {sys.executable}")
    _ = scene.box
    return scene.took(scene.laptop.submit(host, "tiny-sft", *SMALL, *words, env=env))
