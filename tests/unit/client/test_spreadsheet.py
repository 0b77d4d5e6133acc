"""What hosts have named is harmless in a file, too: a spreadsheet runs formulas, a terminal acts on sequences."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET

import pytest

from lt_controller.cli.asking import _words
from lt_controller.cli.curves import as_csv
from lt_controller.client.details import MetricPoint
from lt_controller.client.drawing import svg
from lt_controller.client.prompts import LoginPrompt, LoginQuestion
from lt_controller.client.spreadsheet import csv_text
from lt_tui.export import rows_as

FORMULA = '=HYPERLINK("http://evil","loss")'


@pytest.mark.parametrize("name", [FORMULA, "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\x1b[2J=1"])
def test_no_cell_is_a_formula_or_an_act_of_the_terminal(name: str) -> None:
    for text in (as_csv([MetricPoint(1, name, 1, -0.5)]), rows_as([["name"], [name]], ".csv")):
        assert "\x1b" not in text
        cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
        assert not any(cell.startswith(("=", "+", "@", "-2")) for cell in cells)


def test_numbers_and_words_stay_as_they_are() -> None:
    assert csv_text([["a", -0.5, "-0.5", "train/loss", None, "1e-4", "多"]]) == "a,-0.5,-0.5,train/loss,,1e-4,多\n"


def test_a_chart_with_any_name_is_a_picture() -> None:
    ET.fromstring(svg([("\x00\x1b[2J<script>\ud800", [1, 2], [0.5, 1.5])]))


def test_a_prompt_says_who_asks_before_what_is_asked() -> None:
    question = LoginQuestion("lab", "me@lab", "interactive", ())
    trick = LoginPrompt("Enter passphrase for key '/home/me/.ssh/id_ed25519':")
    assert _words(question, trick).startswith("(me@lab) Enter passphrase")
    assert _words(question, LoginPrompt("")) == "(me@lab) "
