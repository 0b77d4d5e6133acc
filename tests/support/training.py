"""A real tiny training to test with: an attempt folder, a recipe, and the worker as the supervisor starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lt_agent
from lt_agent.protocol.paths import AttemptPaths
from lt_agent.protocol.ulid import new_ulid
from support.wait import until

ROWS = [
    {
        "messages": [
            {"role": "user", "content": f"What is {n}?"},
            {"role": "assistant", "content": f"It is {n + 1} now."},
        ]
    }
    for n in range(24)
]


def write_rows(path: Path, rows: list[dict[str, Any]] = ROWS) -> Path:
    """A JSONL file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def tiny_recipe(data: Path, **sections: dict[str, Any]) -> dict[str, Any]:
    """A recipe of few parameters; `sections` are merged into its blocks."""
    recipe: dict[str, Any] = {
        "version": 1,
        "method": "sft",
        "model": {
            "from_config": {
                "model_type": "llama",
                "hidden_size": 32,
                "intermediate_size": 64,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "num_key_value_heads": 2,
                "max_position_embeddings": 128,
            },
            "tokenizer": {"train_from": str(data), "vocab_size": 320},
            "torch_dtype": "float32",
        },
        "datasets": [{"path": str(data), "type": "messages"}],
        "train": {
            "max_steps": 20,
            "per_device_train_batch_size": 4,
            "learning_rate": 3e-3,
            "logging_steps": 1,
            "max_length": 64,
            "gradient_checkpointing": False,
        },
        "save": {"save_steps": 100},
        "resources": {"gpus": 0},
        "seed": 7,
    }
    for name, values in sections.items():
        recipe[name] = {**recipe.get(name, {}), **values}
    return recipe


LORA = {"type": "lora", "r": 4, "alpha": 8, "dropout": 0.1, "modules_to_save": ["embed_tokens", "lm_head"]}
LONG = 150
"""Steps of a training that lasts long enough to be asked something."""


def full_or_lora(data: Path, kind: str, **sections: Any) -> dict[str, Any]:
    """A recipe of `LONG` steps; `kind` is `full` or `lora`.

    Dropout makes a resume without the random state come out wrong.
    """
    recipe = tiny_recipe(data, train={"max_steps": LONG, "gradient_accumulation_steps": 2}, **sections)
    recipe["model"]["from_config"]["attention_dropout"] = 0.1
    if kind == "lora":
        recipe["adapter"] = LORA
    return recipe


def _asked(n: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"What is {n}?"}]


def _said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


PAIRS = [
    {"prompt": _asked(n), "chosen": _said(f"It is {n + 1} now."), "rejected": _said(f"No idea of {n}.")}
    for n in range(24)
]
MARKED = [
    {"prompt": row["prompt"], "completion": row[side], "label": side == "chosen"}
    for row in PAIRS
    for side in ("chosen", "rejected")
]
PROMPTS = [{"prompt": _asked(n), "answer": str(n + 1)} for n in range(24)]

ROWS_OF = {"preference": PAIRS, "unpaired_preference": MARKED, "prompt": PROMPTS, "messages": ROWS}
TYPE_OF = {
    "sft": "messages",
    "dpo": "preference",
    "orpo": "preference",
    "reward": "preference",
    "kto": "unpaired_preference",
    "grpo": "prompt",
    "gspo": "prompt",
    "rloo": "prompt",
    "ppo": "prompt",
}
"""The data type that each method learns from."""


METHOD_STEPS = 25  # no epoch ends with it, but for PPO

LETTERS = """
def reward(completions, **columns):
    texts = [completion[-1]["content"] for completion in completions]
    return [sum("a" <= letter <= "z" for letter in text) / 20 for text in texts]
"""


def method_recipe(folder: Path, method: str, kind: str = "lora", **sections: Any) -> dict[str, Any]:
    """A recipe of few steps for any method, with data of its own in `folder`; `kind` is `full` or `lora`.

    The reward of those that write answers themselves counts letters: even a model that knows nothing gets some.
    """
    data = folder / f"{TYPE_OF[method]}.jsonl"
    if not data.exists():
        write_rows(data, ROWS_OF[TYPE_OF[method]])
    recipe = tiny_recipe(data)
    recipe["method"] = method
    recipe["datasets"] = [{"path": str(data), "type": TYPE_OF[method]}]
    recipe["train"]["max_steps"] = METHOD_STEPS
    if TYPE_OF[method] == "prompt":
        del recipe["train"]["max_length"]
        recipe["train"].update(learning_rate=2e-2, lr_scheduler_type="constant", per_device_train_batch_size=16)
        (folder / "letters.py").write_text(LETTERS)
        recipe["rewards"] = [{"type": "python", "name": "letters", "path": str(folder / "letters.py")}]
        recipe[method] = {"num_generations": 8, "max_completion_length": 8}
        if method == "rloo":  # so small a reward drowns in the default's distance to the start
            recipe[method].update(beta=0.001, normalize_advantages=True)
        if method == "ppo":
            recipe["ppo"] = {"response_length": 8, "temperature": 1.0, "num_ppo_epochs": 1, "kl_coef": 0.001}
    if kind == "lora":
        recipe["adapter"] = dict(LORA)
        if method == "reward":
            recipe["adapter"]["modules_to_save"] = ["embed_tokens"]
    for name, values in sections.items():
        recipe[name] = {**recipe.get(name, {}), **values} if isinstance(values, dict) else values
    return recipe


class Attempt:
    """An attempt's folder as the supervisor leaves it to the worker."""

    def __init__(
        self,
        folder: Path,
        recipe: dict[str, Any],
        resume: Path | None = None,
        step: int | None = None,
        number: int = 1,
    ) -> None:
        self.paths = AttemptPaths(folder, new_ulid(), number)
        for path in (self.paths.out, self.paths.control, self.paths.code):
            path.mkdir(parents=True)
        worker = {
            "spec": {"job": self.paths.job, "attempt": number},
            "recipe": recipe,
            "resume": {"path": str(resume), "step": step} if resume else None,
            "attempt_dir": str(folder),
            "out": str(self.paths.out),
            "metrics": str(self.paths.metrics),
            "events": str(self.paths.events),
            "control": str(self.paths.control),
        }
        self.paths.worker.write_text(json.dumps(worker))

    def recipe(self) -> dict[str, Any]:
        """The recipe as the worker will read it."""
        found: dict[str, Any] = json.loads(self.paths.worker.read_text())["recipe"]
        return found

    def write(self, recipe: dict[str, Any]) -> None:
        """Another recipe, for a worker that has not begun."""
        worker = {**json.loads(self.paths.worker.read_text()), "recipe": recipe}
        self.paths.worker.write_text(json.dumps(worker))

    def start(self) -> subprocess.Popen[bytes]:
        """The worker as its own process, with its output in `log`."""
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
            "HF_HUB_OFFLINE": "1",
            "PYTHONPATH": str(Path(lt_agent.__file__).parents[1]),
        }
        with self.paths.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "lt_agent.trainers", str(self.paths.worker)],
                cwd=self.paths.code,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def run(self) -> int:
        """Trains to the end; the exit code."""
        process = self.start()
        try:
            return process.wait(timeout=580)
        finally:
            process.kill()

    def run_inside(self) -> int:
        """Trains in this process, which has torch imported already: seconds less for each test."""
        from lt_agent.trainers.worker import run

        return run(str(self.paths.worker))

    def log(self) -> str:
        """What the worker printed."""
        return self.paths.log.read_text() if self.paths.log.exists() else ""

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl."""
        return _lines(self.paths.metrics)

    def losses(self) -> dict[int, float]:
        """Training loss by step."""
        return {line["step"]: line["loss"] for line in self.metrics() if "loss" in line}

    def events(self) -> list[dict[str, Any]]:
        """The lines of events.jsonl."""
        return _lines(self.paths.events)

    def word(self, name: str) -> dict[str, Any]:
        """What the worker said of a finished checkpoint."""
        return json.loads((self.paths.saved / name).read_text())

    def words(self) -> set[str]:
        """The finished checkpoints' names."""
        return {path.name for path in self.paths.saved.iterdir()} if self.paths.saved.is_dir() else set()

    def failure(self) -> dict[str, str] | None:
        """failure.json."""
        return json.loads(self.paths.failure.read_text()) if self.paths.failure.exists() else None


def last_checkpoint(attempt: Attempt) -> tuple[int, Path]:
    """(step, folder) of the newest finished checkpoint."""
    step = max(int(name.split("-")[1]) for name in attempt.words() if name.startswith("checkpoint-"))
    return step, attempt.paths.out / f"checkpoint-{step}"


def weights(folder: Path) -> dict[str, Any]:
    """All tensors of a folder's safetensors, by name."""
    from safetensors.torch import load_file

    found: dict[str, Any] = {}
    for file in sorted(folder.glob("*.safetensors")):
        found.update(load_file(file))
    assert found
    return found


class WhenTrained:
    """Does something from another thread once `steps` steps are in the metrics."""

    def __init__(self, attempt: Attempt, steps: int, act: Callable[[], Any]) -> None:
        self._thread = threading.Thread(target=self._run, args=(attempt, steps, act))

    def _run(self, attempt: Attempt, steps: int, act: Callable[[], Any]) -> None:
        until(lambda: attempt.paths.metrics.exists() and attempt.paths.metrics.read_bytes().count(b"\n") >= steps)
        act()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: Any) -> None:
        self._thread.join()


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
