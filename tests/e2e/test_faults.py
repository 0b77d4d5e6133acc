"""The quick half of the table of faults (`make faults` runs all of it): nothing is lost, nothing is done twice.

Among its rows is one for each step of the controller's work, after which the controller is killed.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from benchmarks.faults.model import Family, Row
from benchmarks.faults.rows import families
from benchmarks.faults.run import run_row

from lt_controller.engine.steps import every_step

ROWS = [(family, row) for family in families() for row in family.rows]
QUICK = [pytest.param(family, row, id=f"{family.name}: {row.name}") for family, row in ROWS if row.quick]


@pytest.mark.parametrize(("family", "row"), QUICK)
def test_a_fault_loses_nothing_and_doubles_nothing(family: Family, row: Row) -> None:
    # Sockets lie in it, so its path is short.
    with tempfile.TemporaryDirectory(prefix="lt-f-", ignore_cleanup_errors=True) as folder:
        result = run_row(family, row, Path(folder) / "row")
    if result.skipped:
        pytest.skip(result.skipped)
    assert (result.lost, result.doubled, result.wrong) == ([], [], [])
    assert result.survived == result.injected > 0


def test_no_step_of_the_controller_escapes_the_table() -> None:
    names = {row.name for family, row in ROWS if family.name == "controller"}
    assert names == {f"killed at {step.value}" for step in every_step()}


def test_each_row_has_a_name_of_its_own() -> None:
    names = [(family.name, row.name) for family, row in ROWS]
    assert len(names) == len(set(names))
