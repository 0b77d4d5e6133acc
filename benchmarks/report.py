"""The table, on the screen and in `results.md`, with the machine it was measured on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from benchmarks.harness import Row

HEAD = ("measure", "floor", "result", "goal", "met")


def cells(row: Row) -> tuple[str, ...]:
    """A row's texts in the order of `HEAD`."""
    met = "" if row.met is None else ("yes" if row.met else "**missed**")
    return (row.measure, row.floor, row.result, row.goal, met)


def text_table(rows: Sequence[Row]) -> str:
    """For a terminal."""
    lines = [HEAD, *(cells(row) for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(HEAD))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def markdown(rows: Sequence[Row], runs: int, reasons: str) -> str:
    """The whole of `results.md`. `reasons` is kept from the file before: it is written by a person, after profiling."""
    table = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    table += ["| " + " | ".join(cells(row)) + " |" for row in rows]
    notes = [f"- {row.measure}: {row.note}." for row in rows if row.note]
    now = datetime.now(timezone.utc)
    return "\n".join(
        [
            "# Speed",
            "",
            f"Written by `make bench` on {now:%Y-%m-%d}: medians of at least {runs} runs (lowest–highest), laptop and",
            "host on one machine over a private sshd on loopback. Each floor was measured in the same run, beside its",
            "result. What exactly is timed stands at the top of each file in `benchmarks/measures/`.",
            "",
            *(f"- {line}" for line in machine()),
            "",
            *table,
            "",
            *notes,
            "",
            REASONS_HEAD,
            "",
            reasons.strip() or "Nothing was missed.",
            "",
        ]
    )


REASONS_HEAD = "## What was missed, and why"


METHODS_HEAD = "## A step of each method"


def with_methods(text: str, rows: Sequence[Row], runs: int) -> str:
    """`results.md` with the methods' steps at its end, in place of those of an earlier run.

    They are measured apart (`--only methods`), and stand after the reasons, so that `kept_reasons` keeps them.
    """
    before, _, _ = text.partition(METHODS_HEAD)
    table = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    table += ["| " + " | ".join(cells(row)) + " |" for row in rows]
    now = datetime.now(timezone.utc)
    lines = [
        METHODS_HEAD,
        "",
        f"Written by `python -m benchmarks --only methods` on {now:%Y-%m-%d}: medians of {runs} pairs. The load at the",
        f"end was {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; `benchmarks/measures/methods.py` says what is",
        "timed.",
        "",
        *table,
        "",
    ]
    return before.rstrip() + "\n\n" + "\n".join(lines)


def kept_reasons(path: Path) -> str:
    """The part under `REASONS_HEAD` of an earlier `results.md`."""
    try:
        _, _, reasons = path.read_text().partition(REASONS_HEAD)
    except FileNotFoundError:
        return ""
    return reasons


def machine() -> list[str]:
    """What the figures depend on, one line each."""
    memory = psutil.virtual_memory().total / 2**30
    return [
        f"{_cpu_model()}, {os.cpu_count()} cores, {memory:.0f} GiB of memory; load at the end {os.getloadavg()[0]:.1f}",
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, {_first_line(['ssh', '-V'])}, "
        f"{_first_line(['rsync', '--version'])}",
        ", ".join(f"{name} {_version(name)}" for name in ("labtrain", "fabric", "paramiko", "torch", "trl")),
    ]


def _cpu_model() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def _first_line(argv: list[str]) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except OSError:
        return f"no {argv[0]}"
    return (done.stdout or done.stderr).splitlines()[0].strip()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def show(rows: Sequence[Row]) -> None:
    """Prints the table."""
    sys.stdout.write(text_table(rows).replace("**", "") + "\n")
