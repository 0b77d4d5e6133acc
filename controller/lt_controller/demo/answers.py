"""Asks the model the same question before and after training, in a process of its own: torch is never loaded here."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lt_agent.protocol.errors import LtError

NEEDED = ("torch", "transformers", "trl", "accelerate", "datasets")
_TIMEOUT = 180.0


def require_training() -> None:
    """Raises LtError `demo_needs_training` with what this Python lacks for training."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise LtError("demo_needs_training", missing=missing, python=sys.executable)


def ask_both(worker_file: Path, model: Path, question: str) -> tuple[str, str]:
    """What the model says with the weights it starts from, and with those it ended with.

    `worker_file` is the attempt's `worker.json`, `model` the folder that came home. Both are asked at once, since
    most of the time is spent on importing torch. Raises LtError `demo_no_answer`.
    """
    with ThreadPoolExecutor(2) as pool:
        before = pool.submit(_ask, ["--untrained", "--recipe", str(worker_file.absolute())], question)
        after = pool.submit(_ask, ["--model", str(model.absolute())], question)
        return before.result(), after.result()


def _ask(words: Sequence[str], question: str) -> str:
    argv = [sys.executable, "-m", "lt_agent.trainers.generate", *words, "--prompt", question, "--max-new-tokens", "48"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    # From the top folder: `-m` imports from the folder one stands in first.
    done = subprocess.run(argv, capture_output=True, text=True, timeout=_TIMEOUT, env=environment, cwd="/", check=False)
    if done.returncode != 0:
        raise LtError("demo_no_answer", why=done.stderr.strip()[-500:])
    return str(json.loads(done.stdout.splitlines()[-1])["answer"])
