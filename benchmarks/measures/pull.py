"""The pull of a 1 GiB checkpoint, verified.

Timed from the checkpoint's appearance in the database (the host has hashed it and told) until it is recorded as pulled:
pinned, transferred, every file's sha256 compared, renamed into place. The floor: `rsync -a` of the same files over ssh,
then `sha256sum` of the copy.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from benchmarks.harness import HOST, Bench, Row, median, spread, timed, until

GOAL = 1.1
FILES = 4
MIB_EACH = 256
# Random bytes: neither compression nor a block that repeats may help. Moved in whole, so that it is one checkpoint.
MAKE = "mkdir new; for n in $(seq {files}); do head -c {size} /dev/urandom > new/part-$n.bin; done; mv new out"


def measure(bench: Bench) -> list[Row]:
    """One row."""
    floors, results = [], []
    for _ in range(bench.runs):
        script = MAKE.format(files=FILES, size=MIB_EACH << 20)
        name = bench.run("sh", "-c", script, options=["--pull", "out/**"])
        results.append(_until_pulled(bench, name))
        bench.lt("wait", name, "--pulled")
        source = next(bench.attempt_folder(name).rglob("part-1.bin")).parent
        floors.append(_floor(bench, source))
        bench.lt("rm", name)
        shutil.rmtree(bench.home.run(name), ignore_errors=True)
        until(lambda s=source: not s.exists(), 60)
    ratio = median(results) / median(floors)
    rate = FILES * MIB_EACH / median(results)
    return [
        Row(
            "pull of a 1 GiB checkpoint, verified",
            f"{spread(floors)} s",
            f"{spread(results)} s = {ratio:.2f} ×",
            f"≤ {GOAL:g} ×",
            ratio <= GOAL,
            f"{rate:.0f} MiB/s",
        )
    ]


def _until_pulled(bench: Bench, name: str) -> float:
    def state() -> str:
        rows = bench.query(
            "SELECT pull_state FROM checkpoints WHERE job_id=(SELECT id FROM jobs WHERE name=?) AND size>?",
            name,
            MIB_EACH << 20,
        )
        return str(rows[0][0]) if rows else ""

    until(state, 300)
    began = time.perf_counter()
    until(lambda: state() == "pulled", 300)
    return time.perf_counter() - began


def _floor(bench: Bench, source: Path) -> float:
    target = bench.folder / "floor copy"
    target.mkdir()
    link = bench.sshd.home / "source"  # rsync's remote path without quoting
    link.symlink_to(source)
    took = timed(bench.rsync("-a", f"{HOST}:source/", f"{target}/"))
    took += timed(["sha256sum", *map(str, sorted(target.iterdir()))])
    link.unlink()
    shutil.rmtree(target)
    return took
