"""AiiDA's half of the comparison; runs in the peers' own environment, with a profile and a daemon that are there.

`python aiida_side.py COMPUTER JOBS RUNS FOLDER` prints JSON: seconds from `submit()` to the first thing the job does,
and until `JOBS` jobs, submitted one after another, have all ended. A job is `core.arithmetic.add` by bash, whose script
notes the time first.
"""

import json
import sys
import time
from pathlib import Path

from aiida import load_profile, orm
from aiida.engine import submit
from aiida.plugins import CalculationFactory

PATIENCE = 900.0  # seconds
Add = CalculationFactory("core.arithmetic.add")


def main(computer: str, jobs: int, runs: int, folder: Path) -> None:
    """Measures and prints."""
    load_profile()
    where = orm.load_computer(computer)
    where.set_minimum_job_poll_interval(1.0)
    code = orm.InstalledCode(computer=where, filepath_executable="/bin/bash", label="bash").store()
    starts = []
    for _ in range(runs):
        stamp = folder / f"stamp-{time.time_ns()}"
        began = time.time()
        node = submit(_job(code, f"date +%s.%N > {stamp}"))
        _until([node])
        starts.append(float(stamp.read_text()) - began)
    began = time.time()
    nodes = [submit(_job(code)) for _ in range(jobs)]
    _until(nodes)
    took = time.time() - began
    failed = sum(not node.is_finished_ok for node in nodes)
    print(json.dumps({"starts": starts, "jobs": took, "failed": failed}))


def _job(code: orm.InstalledCode, first: str = ""):
    builder = Add.get_builder()
    builder.code = code
    builder.x, builder.y = orm.Int(1), orm.Int(2)
    builder.metadata.options.resources = {"num_machines": 1, "num_mpiprocs_per_machine": 1}
    builder.metadata.options.prepend_text = first
    return builder


def _until(nodes: list) -> None:
    deadline = time.time() + PATIENCE
    while not all(node.is_terminated for node in nodes):
        if time.time() > deadline:
            raise TimeoutError(f"{sum(not node.is_terminated for node in nodes)} of {len(nodes)} have not ended")
        time.sleep(0.05)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
