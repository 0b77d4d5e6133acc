"""A file per family of faults. `families` finds them all."""

from __future__ import annotations

import importlib

from benchmarks.faults.model import Family

ORDER = (
    "controller",
    "links",
    "limits",
    "hosts",
    "processes",
    "disks",
    "environments",
    "hostile",
    "floods",
    "clocks",
    "sharing",
    "database",
)


def families() -> list[Family]:
    """All of them, in the order of the table."""
    return [importlib.import_module(f"benchmarks.faults.rows.{name}").FAMILY for name in ORDER]
