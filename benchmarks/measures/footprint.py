"""What supervisor and bridge cost while a job trains, and how much slower the training is for them.

Memory is each process's resident set at its highest (sampled every 0.2 s), CPU its own time over the training's wall
time. The slow-down compares the time from the first to the last logged step with the same worker, on a copy of the same
worker.json, started by hand; the two take turns, and the median of the pairs' ratios counts.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.harness import Bench, Row, median, spread, until

STEPS = 600
GOAL_MEMORY = 40
GOAL_CPU = 0.5
GOAL_SLOWDOWN = 1.0
TRAINING = (f"train.max_steps={STEPS}", "train.logging_steps=20", "save.save_steps=100000", "save.pull=none")


@dataclass
class Watched:
    """One process: its highest resident set (bytes) and the CPU seconds between the first and the last sample."""

    process: psutil.Process
    memory: int = 0
    cpu: list[float] = field(default_factory=list)

    def sample(self) -> None:
        """Takes one."""
        with self.process.oneshot():
            self.memory = max(self.memory, self.process.memory_info().rss)
            times = self.process.cpu_times()
            self.cpu.append(times.user + times.system)

    @property
    def spent(self) -> float:
        """CPU seconds."""
        return self.cpu[-1] - self.cpu[0]


def measure(bench: Bench) -> list[Row]:
    """Five rows: memory and CPU of both, and the slow-down."""
    ratios, ours, alone = [], [], []
    highest: dict[str, Watched] = {}
    shares: dict[str, list[float]] = {"supervisor": [], "bridge": []}
    for turn in range(bench.runs):
        name = bench.submit("tiny-sft", *TRAINING)
        watched, wall = _watch(bench, name)
        bench.lt("wait", name)
        for who, seen in watched.items():
            shares[who].append(100 * seen.spent / wall)
            if who not in highest or seen.memory > highest[who].memory:
                highest[who] = seen
        attempt = bench.attempt_folder(name)
        ours.append(_training_time(attempt / "metrics.jsonl"))
        alone.append(_by_hand(bench, attempt, turn))
        ratios.append(ours[-1] / alone[-1])
    slower = 100 * (median(ratios) - 1)
    rows = []
    for who in ("supervisor", "bridge"):
        memory = highest[who].memory / 1e6
        rows.append(
            Row(
                f"{who} while a job trains: memory",
                "0",
                f"{memory:.0f} MB",
                f"≤ {GOAL_MEMORY} MB",
                memory <= GOAL_MEMORY,
            )
        )
        share = median(shares[who])
        rows.append(
            Row(
                f"{who} while a job trains: CPU",
                "0",
                f"{spread(shares[who])} % of a core",
                f"≤ {GOAL_CPU:g} %",
                share <= GOAL_CPU,
            )
        )
    pairs = [100 * (ratio - 1) for ratio in ratios]
    rows.append(
        Row(
            "slow-down of training against the same worker by hand",
            f"{spread(alone)} s",
            f"{spread(ours)} s = {slower:+.1f} %",
            f"≤ {GOAL_SLOWDOWN:g} %",
            slower <= GOAL_SLOWDOWN,
            f"the pairs differ by {min(pairs):+.1f} to {max(pairs):+.1f} %, which is the machine's own unrest",
        )
    )
    return rows


def _watch(bench: Bench, name: str) -> tuple[dict[str, Watched], float]:
    """Samples supervisor and bridge from the first logged step to the last; also the wall time between."""
    until(lambda: bench.job(name).get("step"), 120, every=0.1)
    record = json.loads((bench.attempt_folder(name) / "supervisor.json").read_text())
    watched = {
        "supervisor": Watched(psutil.Process(record["pid"])),
        "bridge": Watched(_bridge(bench)),
    }
    began = time.perf_counter()
    while (bench.job(name)["step"] or 0) < STEPS - 20:
        for seen in watched.values():
            seen.sample()
        time.sleep(0.2)
    return watched, time.perf_counter() - began


def _bridge(bench: Bench) -> psutil.Process:
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "bridge" in words and any(str(bench.root) in word for word in words) and "python" in words[0]:
            return process
    raise LookupError("no bridge runs")


def _by_hand(bench: Bench, attempt: Path, turn: int) -> float:
    folder = bench.folder / f"by hand {turn}"
    for part in ("out", "control/saved", "manifests"):
        (folder / part).mkdir(parents=True)
    shutil.copytree(attempt / "code", folder / "code") if (attempt / "code").is_dir() else (folder / "code").mkdir()
    worker = json.loads((attempt / "worker.json").read_text())
    worker["attempt_dir"] = str(folder)
    (folder / "worker.json").write_text(json.dumps(worker))
    with (folder / "log").open("wb") as log:
        subprocess.run(
            [sys.executable, "-m", "lt_agent.trainers", str(folder / "worker.json")],
            check=True,
            cwd=folder / "code",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**bench.environment, "PYTHONUNBUFFERED": "1"},
        )
    took = _training_time(folder / "metrics.jsonl")
    shutil.rmtree(folder)
    return took


def _training_time(metrics: Path) -> float:
    """Seconds from the first logged loss to the last."""
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    times = [line["time"] for line in lines if "loss" in line]
    return float(times[-1] - times[0])
