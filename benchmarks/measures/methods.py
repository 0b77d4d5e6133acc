"""Every method on the tiny model: a step through lt's worker against the same TRL trainer by hand, and what it learnt.

Both run in this process with the same model, rows and arguments, one thread, in turns, each first half of the time.
Timed is `Trainer.train`, from before its first step to after its last save. The goal is held against CPU time, since
one thread computes and the rest of the machine is nobody's step; the time on the wall, which has what a step waits for
(the metrics' file), stands beside it. `python -m benchmarks.measures.methods` prints the table of docs/trainers.md.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
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
class Timed:
    """What `Trainer.train` took, seconds: on the wall, and of this process's CPU."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Trained:
    """One training: what its steps took, and the first and last quarter's mean of what it is to learn by."""

    took: Timed
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
        slower = _slower([(a.cpu, b.cpu) for a, b in zip(ours, alone, strict=True)])
        on_the_wall = _slower([(a.wall, b.wall) for a, b in zip(ours, alone, strict=True)])
        by_hand, through = (1000 * median([took.cpu for took in times]) / STEPS for times in (alone, ours))
        rows.append(
            Row(
                f"a step of {name} with LoRA against TRL by hand, CPU time",
                f"{by_hand:.1f} ms",
                f"{through:.1f} ms = {slower:+.1f} % (on the wall {on_the_wall:+.1f} %)",
                f"≤ {GOAL:g} %",
                slower <= GOAL,
                f"{len(ours)} pairs of {STEPS} steps; lt's own part of a step does not grow with the model",
            )
        )
    return rows


def _slower(pairs: list[tuple[float, float]]) -> float:
    """Percent, the median of the pairs': what a burst of other work did to one of a pair does not count."""
    return 100 * (median([ours / alone for ours, alone in pairs]) - 1)


def main() -> int:
    """Prints the table of what was run."""
    print("| method | weights | learns by | first quarter | last quarter | ms a step |")
    print("|---|---|---|---|---|---|")
    for name in _methods():
        for kind, title in (("", "full"), ("-lora", "LoRA")):
            with tempfile.TemporaryDirectory() as folder:
                done = _through_lt(_recipe(f"tiny-{name}{kind}"), Path(folder) / "a")
            figures = f"{done.first:.3f} | {done.last:.3f} | {1000 * done.took.wall / STEPS:.0f}"
            print(f"| `{name}` | {title} | {done.measured} | {figures} |", flush=True)
    return 0


def _methods() -> list[str]:
    """All of them, or those that LT_BENCH_METHODS names."""
    from lt_recipes.schema import METHODS

    return os.environ.get("LT_BENCH_METHODS", "").split() or list(METHODS)


def _pairs(name: str, folder: Path, runs: int) -> tuple[list[Timed], list[Timed]]:
    recipe = _recipe(name)
    _by_hand(recipe, folder / "warm")  # imports and caches are nobody's step
    ours: list[Timed] = []
    alone: list[Timed] = []
    for turn in range(runs):
        for mine in (True, False) if turn % 2 else (False, True):
            if mine:
                ours.append(_through_lt(recipe, folder / f"ours {turn}").took)
            else:
                alone.append(_by_hand(recipe, folder / f"alone {turn}"))
    return ours, alone


@contextlib.contextmanager
def _clock() -> Iterator[list[Timed]]:
    """What `Trainer.train` takes while this is open, the same clock for both."""
    from transformers import Trainer

    taken: list[Timed] = []
    train = Trainer.train

    def timed(self: Any, *args: Any, **kwargs: Any) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        result = train(self, *args, **kwargs)
        taken.append(Timed(time.perf_counter() - wall, time.process_time() - cpu))
        return result

    Trainer.train = timed
    try:
        yield taken
    finally:
        Trainer.train = train


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
    with contextlib.redirect_stdout(io.StringIO()), _clock() as taken:
        assert run(str(worker)) == 0
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    rewarded = recipe["method"] in ROLLOUTS
    measured = "reward" if rewarded else "loss"
    values = [line[measured] for line in lines if "loss" in line and measured in line]
    quarter = len(values) // 4
    first, last = sum(values[:quarter]) / quarter, sum(values[-quarter:]) / quarter
    return Trained(taken[0], first, last, measured)


def _by_hand(recipe: dict[str, Any], folder: Path) -> Timed:
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
        with _clock() as taken:
            trainer.train()
    shutil.rmtree(folder)
    return taken[0]


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    sys.exit(main())
