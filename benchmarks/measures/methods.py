"""Every method on the tiny model: a step through lt's worker against the same TRL trainer by hand, and what it learnt.

Both run in this process with the same model, rows and arguments, one thread, in turns; timed is `train_runtime`, which
TRL itself takes from the first step to the last. `python -m benchmarks.measures.methods` prints the table of
docs/trainers.md.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import Bench, Row, median
from lt_agent.protocol.paths import AttemptPaths
from lt_agent.protocol.ulid import new_ulid

STEPS = 40
GOAL = 2.0  # percent
ROLLOUTS = ("grpo", "gspo", "rloo", "ppo")


@dataclass(frozen=True)
class Trained:
    """One training: seconds of its steps, and the first and last quarter's mean of what it is to learn by."""

    seconds: float
    first: float
    last: float
    measured: str


def measure(bench: Bench) -> list[Row]:
    """A row per method, with LoRA."""
    rows = []
    for name in _methods():
        if name == "ppo":
            continue  # a trainer of ours: TRL 1.16 has none to compare it with
        with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
            ours, alone = _pairs(f"tiny-{name}-lora", Path(folder), max(2, bench.runs))
        slower = 100 * (median([a / b for a, b in zip(ours, alone, strict=True)]) - 1)
        by_hand, through = (1000 * median(times) / STEPS for times in (alone, ours))
        rows.append(
            Row(
                f"a step of {name} with LoRA against TRL by hand",
                f"{by_hand:.1f} ms",
                f"{through:.1f} ms = {slower:+.1f} %",
                f"≤ {GOAL:g} %",
                slower <= GOAL,
                "a tiny model: lt's own part of a step does not grow with the model",
            )
        )
    return rows


def main() -> int:
    """Prints the table of what was run."""
    print("| method | weights | learns by | first quarter | last quarter | ms a step |")
    print("|---|---|---|---|---|---|")
    for name in _methods():
        for kind, title in (("", "full"), ("-lora", "LoRA")):
            with tempfile.TemporaryDirectory() as folder:
                done = _through_lt(_recipe(f"tiny-{name}{kind}"), Path(folder) / "a")
            figures = f"{done.first:.3f} | {done.last:.3f} | {1000 * done.seconds / STEPS:.0f}"
            print(f"| `{name}` | {title} | {done.measured} | {figures} |", flush=True)
    return 0


def _methods() -> list[str]:
    from lt_recipes.schema import METHODS

    return list(METHODS)


def _pairs(name: str, folder: Path, runs: int) -> tuple[list[float], list[float]]:
    recipe = _recipe(name)
    _by_hand(recipe, folder / "warm")  # imports and caches are nobody's step
    ours, alone = [], []
    for turn in range(runs):
        ours.append(_through_lt(recipe, folder / f"ours {turn}").seconds)
        alone.append(_by_hand(recipe, folder / f"alone {turn}"))
    return ours, alone


def _recipe(name: str) -> dict[str, Any]:
    from lt_recipes import load, local_paths, with_paths

    overrides = [f"train.max_steps={STEPS}", "train.logging_steps=1", "save.save_steps=1000"]
    loaded = load(name, overrides)
    return with_paths(loaded, {item.key: str(item.path) for item in local_paths(loaded)})


def _worker(recipe: dict[str, Any], folder: Path) -> Path:
    paths = AttemptPaths(folder, new_ulid(), 1)
    for path in (paths.out, paths.control):
        path.mkdir(parents=True)
    spec = {"job": paths.job, "attempt": 1}
    paths.worker.write_text(json.dumps({"spec": spec, "recipe": recipe, "attempt_dir": str(folder)}))
    return paths.worker


def _through_lt(recipe: dict[str, Any], folder: Path) -> Trained:
    from lt_agent.trainers.worker import run

    worker = _worker(recipe, folder)
    with contextlib.redirect_stdout(io.StringIO()):
        assert run(str(worker)) == 0
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    rewarded = recipe["method"] in ROLLOUTS
    measured = "reward" if rewarded else "loss"
    values = [line[measured] for line in lines if "loss" in line and measured in line]
    quarter = len(values) // 4
    first, last = sum(values[:quarter]) / quarter, sum(values[-quarter:]) / quarter
    return Trained(lines[-1]["train_runtime"], first, last, measured)


def _by_hand(recipe: dict[str, Any], folder: Path) -> float:
    """What a script would do: the same arguments, TRL's own trainer, no callback of ours."""
    import importlib

    from transformers import PrinterCallback

    from lt_agent.trainers.adapters import new_adapter
    from lt_agent.trainers.arguments import Device, field_names, trainer_arguments
    from lt_agent.trainers.data import load_data
    from lt_agent.trainers.job import load_job
    from lt_agent.trainers.models import load_model, load_tokenizer

    job = load_job(_worker(recipe, folder))
    method = importlib.import_module(f"lt_agent.trainers.{job.method}").METHOD
    library = importlib.import_module(method.module)
    config, trainer_class = getattr(library, method.config), getattr(library, method.trainer)
    own = {**method.defaults, **job.section(method.block)}
    with contextlib.redirect_stdout(io.StringIO()):
        args = config(**trainer_arguments(job, field_names(config), Device("cpu", bf16=False), False, own))
        tokenizer = load_tokenizer(job)
        model = load_model(job, tokenizer, scores=method.scores)
        adapter = new_adapter(job.section("adapter"), model, scores=method.scores)
        trainer = trainer_class(
            model=model,
            args=args,
            train_dataset=load_data(job).train,
            processing_class=tokenizer,
            peft_config=adapter,
            **method.further(job, tokenizer),
        )
        trainer.remove_callback(PrinterCallback)
        seconds = float(trainer.train().metrics["train_runtime"])
    shutil.rmtree(folder)
    return seconds


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    sys.exit(main())
