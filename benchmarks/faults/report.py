"""The table, on the screen and in `faults.md`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from benchmarks.faults.model import Family, Result
from benchmarks.report import machine

HEAD = ("fault", "injected", "survived", "lost", "doubled", "jobs", "seconds")


def cells(result: Result) -> tuple[str, ...]:
    """A row's texts in the order of `HEAD`."""
    if result.skipped:
        return (result.row, "–", "–", "–", "–", "–", f"skipped: {result.skipped}")
    name = f"{result.row} ({result.note})" if result.note else result.row
    counts = (result.injected, result.survived, len(result.lost), len(result.doubled), result.jobs)
    return (name, *map(str, counts), f"{result.seconds:.0f}")


def text(results: Sequence[Result]) -> str:
    """For a terminal."""
    lines = [HEAD, *map(cells, results)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(HEAD))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    return "\n".join([*table, total(results)])


def total(results: Sequence[Result]) -> str:
    """One line over all rows."""
    run = [result for result in results if not result.skipped]
    return (
        f"{sum(r.injected for r in run)} faults injected in {len(run)} rows under {sum(r.jobs for r in run)} jobs: "
        f"{sum(r.survived for r in run)} survived, {sum(len(r.lost) for r in run)} lost, "
        f"{sum(len(r.doubled) for r in run)} doubled, {sum(len(r.wrong) for r in run)} otherwise wrong; "
        f"{len(results) - len(run)} rows skipped."
    )


def markdown(families: Sequence[Family], results: Sequence[Result]) -> str:
    """The whole of `faults.md`."""
    now = datetime.now(timezone.utc)
    parts = [
        "# Faults",
        "",
        f"Written by `make faults` on {now:%Y-%m-%d}. Each row breaks something under real jobs, mends it, and then",
        "reads both sides: every log byte, metric and event of the host is at home once, each attempt was started at",
        "most once, no job was called ended before its host said so, what is called pulled equals its hashes, what is",
        "called complete is. `docs/reliability.md` says what is promised and which row holds it.",
        "",
        "*injected*: how many times the fault was put in. *survived*: after how many of them every check held. *lost*",
        "and *doubled*: findings, of whatever size. A clock that was shortened stands behind the fault's name.",
        "",
        *(f"- {line}" for line in machine()),
        "",
        f"**{total(results)}**",
        "",
    ]
    for family in families:
        mine = [result for result in results if result.family == family.name]
        if mine:
            parts += [f"## {family.name.capitalize()}", "", family.promise, "", _line(HEAD), "|" + "---|" * len(HEAD)]
            parts += [_line(cells(result)) for result in mine]
            parts += ["", *_findings(mine)]
    return "\n".join(parts)


def _findings(results: Sequence[Result]) -> list[str]:
    found = [f"- {r.row}: {text}" for r in results for text in (*r.lost, *r.doubled, *r.wrong)]
    return [*found, ""] if found else []


def _line(texts: Sequence[str]) -> str:
    return "| " + " | ".join(text.replace("|", "\\|").replace("\n", " ") for text in texts) + " |"
