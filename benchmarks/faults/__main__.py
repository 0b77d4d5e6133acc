"""`python -m benchmarks.faults [--quick] [--only WORD …] [--at-once N] [--list] [--no-write]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.faults.report import markdown, text
from benchmarks.faults.rows import families
from benchmarks.faults.run import run_rows

TABLE = Path(__file__).parents[1] / "faults.md"


def main() -> int:
    """Runs the rows, prints the table, writes `faults.md` when all were run; 1 if anything was lost or doubled."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the quick half, as in `make test`")
    parser.add_argument("--only", nargs="+", default=[], help="rows or families with one of these words in their name")
    parser.add_argument("--at-once", type=int, default=3, help="rows at a time (most of them wait; default 3)")
    parser.add_argument("--list", action="store_true", help="tell the rows, run none")
    parser.add_argument("--no-write", action="store_true", help="print only")
    options = parser.parse_args()
    known = families()
    chosen = [
        (family, row)
        for family in known
        for row in family.rows
        if (row.quick or not options.quick)
        and (not options.only or any(word in f"{family.name}: {row.name}" for word in options.only))
    ]
    if options.list:
        sys.stdout.writelines(f"{family.name}: {row.name}\n" for family, row in chosen)
        return 0
    results = run_rows(chosen, options.at_once)
    sys.stdout.write(text(results) + "\n")
    if not (options.quick or options.only or options.no_write):
        TABLE.write_text(markdown(known, results))
    return 0 if all(result.good for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
