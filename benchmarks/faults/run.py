"""Running rows: each in a folder of its own, its audit after it, several at a time."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.faults.model import Family, Result, Row, Skip
from benchmarks.faults.scene import scene

_TELLING = threading.Lock()


def run_row(family: Family, row: Row, folder: Path) -> Result:
    """Runs one row. What it can't prove is in the result; it raises nothing of its own."""
    result = Result(family.name, row.name, note=row.shortened)
    began = time.monotonic()
    try:
        with scene(folder, row, result) as made:
            try:
                row.inject(made)
                made.check()
            except Skip:
                raise
            except Exception as error:
                result.wrong.append(f"{type(error).__name__}: {error}")
                sys.stderr.write(f"--- {row.name}\n{traceback.format_exc()[-3000:]}\n{made.laptop.controller_log()}\n")
    except Skip as why:
        result = Result(family.name, row.name, skipped=str(why))
    result.seconds = time.monotonic() - began
    return result


def run_rows(chosen: Sequence[tuple[Family, Row]], at_once: int) -> list[Result]:
    """Runs rows, `at_once` at a time, and tells of each as it ends; the results are in the order of the rows."""

    def one(item: tuple[Family, Row]) -> Result:
        family, row = item
        # A short path: sockets lie in it.
        with tempfile.TemporaryDirectory(prefix="lt-f-", ignore_cleanup_errors=True) as folder:
            result = run_row(family, row, Path(folder) / "row")
        with _TELLING:
            sys.stderr.write(f"{_word(result):8} {result.seconds:5.0f} s  {family.name}: {row.name}\n")
            for text in [*result.lost, *result.doubled, *result.wrong, *filter(None, [result.skipped])]:
                sys.stderr.write(f"           {text}\n")
            sys.stderr.flush()
        return result

    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(one, chosen))


def _word(result: Result) -> str:
    return "skipped" if result.skipped else "ok" if result.good else "FAULT"
