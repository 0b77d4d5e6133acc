"""Commands that show what the terminal UI shows: jobs side by side, events, snapshots, values as files, headings."""

from __future__ import annotations

import ast
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.sample_fleet import SampleFleet

import lt_controller.cli
from lt_controller.cli import output
from lt_controller.wording.headings import CHINESE
from support.cli import Lt

FOLDER = Path(lt_controller.cli.__file__).parent


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SampleFleet]:
    monkeypatch.setenv("LT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LT_LANG", "en")
    made = SampleFleet(tmp_path / "home")
    made.db.execute("UPDATE jobs SET state='succeeded', pull_state='none'")  # nothing that a controller is needed for
    yield made
    made.close()


@pytest.fixture
def lt(fleet: SampleFleet, capsys: pytest.CaptureFixture[str]) -> Lt:
    return Lt(capsys)


def test_compare_tells_only_what_differs(lt: Lt) -> None:
    lines = [line.split("\t") for line in lt("compare", "qwen-sft-00", "dpo-math-01").out.splitlines()]
    assert ["train.seed", "0", "1"] in lines
    assert not any("Qwen2.5" in cell for line in lines for cell in line)
    assert next(line for line in lines if line[0] == "eval_loss")[2] == "–"


def test_compare_as_json_and_as_a_picture(lt: Lt, tmp_path: Path) -> None:
    found = json.loads(lt("compare", "qwen-sft-00", "dpo-math-01", "--json").out)
    assert [job["name"] for job in found["jobs"]] == ["qwen-sft-00", "dpo-math-01"]
    lt("compare", "qwen-sft-00", "dpo-math-01", "--svg", str(tmp_path / "loss.svg"))
    assert (tmp_path / "loss.svg").read_text().count("<polyline") == 2


def test_compare_wants_two_jobs_that_are_there(lt: Lt) -> None:
    assert "two jobs" in lt("compare", "qwen-sft-00", code=2).err
    lt("compare", "qwen-sft-00", "no-such-job", code=4)


def test_events_of_all_jobs_the_newest_last(lt: Lt) -> None:
    times = [line.split("\t")[0] for line in lt("events").out.splitlines()[1:]]
    assert len(times) == 8
    assert times == sorted(times)
    assert len(lt("events", "-n", "3").out.splitlines()) == 4
    assert len(json.loads(lt("events", "--host", "a100", "--json").out)) == 8
    assert json.loads(lt("events", "--host", "h100-lab", "--json").out) == []
    lt("events", "--host", "nowhere", code=4)


def test_snapshots_and_where_they_are(lt: Lt) -> None:
    found = json.loads(lt("data", "ls", "--json").out)
    assert {(item["name"], *item["hosts"]) for item in found} == {("train-0.jsonl", "a100"), ("train-1.jsonl", "a100")}


def test_values_as_csv_and_as_a_picture(lt: Lt, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(lt("metrics", "qwen-sft-00", "eval_loss", "--csv", "-").out)))
    assert len(rows) == 12
    assert {row["name"] for row in rows} == {"eval_loss"}
    lt("metrics", "qwen-sft-00", "loss", "eval_loss", "--svg", str(tmp_path / "both.svg"))
    assert (tmp_path / "both.svg").read_text().count("<polyline") == 2


def test_headings_are_chinese_at_a_terminal_and_the_same_in_every_pipe(
    lt: Lt, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LT_LANG", "zh")
    monkeypatch.setenv("COLUMNS", "200")
    assert lt("show", "qwen-sft-00").out.startswith("job\t")
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    shown = lt("show", "qwen-sft-00").out
    assert shown.startswith("任务")
    assert "检查点" in shown
    assert "主机" in lt("host", "ls").out


def test_every_heading_and_name_has_its_chinese() -> None:
    names: set[str] = set()
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            if called == "emit_table" and isinstance(node, ast.Call) and isinstance(node.args[0], ast.Tuple):
                names |= {item.value for item in node.args[0].elts if isinstance(item, ast.Constant)}
            elif called == "emit_pairs" and isinstance(node, ast.Call):
                pairs = [item for item in ast.walk(node.args[0]) if isinstance(item, ast.Tuple) and len(item.elts) == 2]
                firsts = [pair.elts[0] for pair in pairs]
                names |= {item.value for item in firsts if isinstance(item, ast.Constant)}
    missing = {name for name in names if name} - set(CHINESE)
    assert not missing, f"give these a Chinese word in wording/headings.py: {sorted(missing)}"
    assert len(names) > 40
