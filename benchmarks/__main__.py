"""`python -m benchmarks [--runs N] [--only NAME …] [--no-write]`."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import traceback
from pathlib import Path

from benchmarks.harness import Row, bench
from benchmarks.report import kept_reasons, markdown, show, with_methods

USUAL = ("startup", "submit", "log_latency", "log_volume", "pull", "many_jobs", "job_cpu", "queue", "footprint", "tui")
MEASURES = (*USUAL, "scale", "methods")  # every method against TRL by hand takes a quarter of an hour: `--only methods`
RESULTS = Path(__file__).with_name("results.md")
SCALE = RESULTS.with_name("scale.md")


def main() -> int:
    """Runs the measures, prints the table, writes `results.md` when all the usual ones were run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="repetitions for each median (default 5)")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=MEASURES,
        help="these alone; writes no results.md, but `methods` its own section of it",
    )
    parser.add_argument("--no-write", action="store_true", help="print only")
    options = parser.parse_args()
    rows: list[Row] = []
    with bench(options.runs) as made:
        for name in options.only or USUAL:
            began = time.perf_counter()
            try:
                rows += importlib.import_module(f"benchmarks.measures.{name}").measure(made)
            except Exception as error:  # the other measures took minutes: theirs are kept
                traceback.print_exc()
                rows.append(Row(name, "", f"not measured: {type(error).__name__}", "", False))
            sys.stderr.write(f"{name}: {time.perf_counter() - began:.0f} s\n")
    show(rows)
    if options.only == ["scale"] and not options.no_write:  # a quarter of an hour, and a machine for itself
        SCALE.write_text(markdown(rows, options.runs, kept_reasons(SCALE)).replace("# Speed", "# Scale", 1))
    if not options.only and not options.no_write:
        RESULTS.write_text(markdown(rows, options.runs, kept_reasons(RESULTS)))
    elif options.only == ["methods"] and not options.no_write:
        RESULTS.write_text(with_methods(RESULTS.read_text(), rows, options.runs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
