"""The tables of docs/planning.md are those that the command prints."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lt_recipes.estimate.tables import inference_table, preset_table, training_table

PAGE = (Path(__file__).parents[3] / "docs" / "planning.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("table", [inference_table, training_table, preset_table])
def test_the_page_holds_each_line_of_a_table(table: object) -> None:
    assert [line for line in table() if line not in PAGE] == []  # type: ignore[operator]


def test_the_sizes_people_ask_for_are_there_in_every_precision() -> None:
    rows = [line.split("|")[1:-1] for line in inference_table()][2:]
    assert [row[0].strip() for row in rows] == ["0.5 B", "1.5 B", "3 B", "7 B", "8 B", "14 B", "32 B", "70 B"]
    assert [cell.strip() for cell in rows[-1][1:]] == ["260.8", "130.4", "65.2", "32.6"]  # 70e9 × 4, 2, 1, ½ bytes


def test_the_command_prints_them() -> None:
    done = subprocess.run([sys.executable, "-m", "lt_recipes.estimate"], capture_output=True, text=True, check=True)
    assert "| 70 B | 260.8 | 130.4 | 65.2 | 32.6 |" in done.stdout and "`80gb`" in done.stdout
