"""Filters, places, words, curves: what needs no terminal."""

from __future__ import annotations

import ast
import math
import re
import subprocess
import sys
import time
from array import array
from datetime import datetime, timezone
from pathlib import Path

import pytest

import lt_tui
from lt_controller.client.details import HostInfo
from lt_inventory.model import Host
from lt_tui import i18n
from lt_tui.filters import parse
from lt_tui.host_acts import parse_host
from lt_tui.places import Place, completions, understood
from lt_tui.screens.fleet.hosts import HostLine, host_columns
from lt_tui.text import wrapped
from lt_tui.widgets.bars import flowed
from lt_tui.widgets.chart import reduce, smoothed

SOURCE = Path(lt_tui.__file__).parent
LINE = {"state": "failed", "host": "a100", "job": "qwen-sft-00"}


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("qwen", True),
        ("QWEN", False),
        ("!qwen", False),
        ("state:failed host:a*", True),
        ("state:fail", True),
        ("!state:failed", False),
        ("host:b*", False),
        ("qw.n|dpo", True),
        ("nosuch:column", False),
        ("", True),
    ],
)
def test_filter(text: str, passes: bool) -> None:
    found = parse(text, tuple(LINE))
    assert found.matches(lambda: " ".join(LINE.values()), LINE.get) is passes


def test_half_a_regular_expression_is_refused() -> None:
    with pytest.raises(re.error):
        parse("(a", ())


def test_what_colon_understands() -> None:
    hosts, jobs = ["a100", "b200"], ["qwen-00", "qwen-01", "dpo-00"]
    assert understood(":jobs", hosts, jobs) == Place("fleet")
    assert understood("host a1", hosts, jobs) == Place("host", "a100")
    assert understood("job dpo", hosts, jobs) == Place("job", "dpo-00")
    assert understood("dpo", hosts, jobs) == Place("job", "dpo-00")
    assert understood("b200", hosts, jobs) == Place("host", "b200")
    assert understood("qwen", hosts, jobs) is None
    assert understood("submit b200", hosts, jobs) == Place("submit", "b200")
    assert understood("q", hosts, jobs) == "quit"
    assert understood("nothing", hosts, jobs) is None
    assert completions("host a", hosts, jobs)[0] == "host a100"


def test_host_line() -> None:
    assert parse_host("a100 root@203.0.113.7:2222 key=~/.ssh/lab slots=2") == (
        "a100",
        {"key": "~/.ssh/lab", "slots": 2, "user": "root", "address": "203.0.113.7", "port": 2222},
    )
    with pytest.raises(ValueError, match="name"):
        parse_host("a100")


def test_reduce_loses_no_spike_and_no_nan_breaks_it() -> None:
    steps = array("q", range(100_000))
    values = array("d", [1.0] * 100_000)
    values[54_321] = 99.0
    values[10] = math.nan
    columns = reduce(steps, values, 0, 99_999, 160)
    assert columns.bounds == (1.0, 99.0)
    assert all(cell is not None for cell in columns.cells)


def test_smoothing_is_unbiased_and_passes_over_nan() -> None:
    assert smoothed([2.0, 2.0, math.nan, 2.0], 0.9) == pytest.approx([2.0] * 4)


def test_four_curves_of_a_hundred_thousand_points_are_reduced_quickly() -> None:
    steps = array("q", range(100_000))
    values = array("d", [math.sin(n / 500) for n in range(100_000)])
    began = time.process_time()
    for _curve in range(4):
        reduce(steps, values, 0, 99_999, 240)
    assert time.process_time() - began < 0.5


def test_wrapped_keeps_to_cells() -> None:
    assert wrapped("中文 单词 很 长", 6) == ["中文", "单词", "很 长"]
    assert wrapped("没有空格的长句", 6) == ["没有空", "格的长", "句"]


def test_a_line_flows_between_its_parts_and_loses_none() -> None:
    line = (("a" * 10, ""), ("   speed ", "dim"), ("4 s", ""), ("   cost ", "dim"), ("0.24", ""))
    assert flowed(line, 80) == [line]
    assert flowed(line, 24) == [line[:3], (("  cost ", "dim"), ("0.24", ""))]
    trailing = (("memory ", "dim"), ("1 GiB   ", ""), ("disk ", "dim"), ("2 GiB   ", ""))
    assert flowed(trailing, 14) == [(("memory ", "dim"), ("1 GiB", "")), (("  disk ", "dim"), ("2 GiB", ""))]


def test_every_text_on_the_screen_has_a_translation() -> None:
    known = i18n.catalogue("zh")
    missing = sorted(text for text in marked() if text not in known)
    assert not missing, missing


def test_no_translation_is_left_of_a_text_that_has_gone() -> None:
    assert set(i18n.catalogue("zh")) <= marked()


def test_translations_have_the_same_fields() -> None:
    for text, told in i18n.catalogue("zh").items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", told)), text


def test_no_screen_is_imported_before_it_opens_and_help_loads_no_tui() -> None:
    code = (
        "import sys; import lt_tui.app; loaded = [m for m in sys.modules if m.startswith('lt_tui.screens.')];"
        "assert not any('fleet' not in m for m in loaded), loaded;"
        "heavy = {'fabric', 'paramiko', 'torch', 'pydantic', 'sqlite_utils', 'tomlkit', 'yaml'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    code = (
        "import sys; from lt_controller.cli import main; main(['--help']);"
        "assert not {'textual', 'lt_tui'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, stdout=subprocess.DEVNULL)


def marked() -> set[str]:
    """Every text that is shown through `_`."""
    places = {"_": 0, "N_": 0, "Binding": 2, "Column": 1, "Heading": 0, "Setting": 3}
    found: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.value if isinstance(node.func, ast.Subscript) else node.func
            at = places.get(called.id) if isinstance(called, ast.Name) else None
            if at is not None and len(node.args) > at and isinstance(node.args[at], ast.Constant):
                found.add(str(node.args[at].value))
    from lt_tui import acts, commands, options
    from lt_tui.places import SCREENS
    from lt_tui.screens.host import lists
    from lt_tui.screens.host import screen as host
    from lt_tui.screens.job import screen as job

    # What is shown by a name that the code keeps in a list.
    found |= {*SCREENS, *host.TABS, *job.TABS, *lists.KINDS, *acts.DEEDS, *acts.ASKED.values()}
    found |= {
        *commands.TITLES.values(),
        *(option.key for option in options.of_a_run()),
        "cpu",
        "free",
        "memory",
        "disk",
    }
    return {text for text in found if text and text != "None"}


def test_a_bar_is_drawn_whatever_use_a_host_says_its_gpus_have() -> None:
    now = datetime.now(timezone.utc)
    gpus = tuple((value, None, True) for value in (-1000.0, 0.0, 50.0, 100.0, 1e300, math.inf, None))
    line = HostLine(HostInfo(Host("lab", "192.0.2.7")), now, gpus, (), 1, 0, now)
    column = next(column for column in host_columns() if column.key == "gpu")
    drawn = [text for text, _tone in column.cell(line, 40)]
    assert drawn[0] == drawn[1] != drawn[2] != drawn[3] == drawn[4] == drawn[5]
