"""`lt recipe check`: problems and warnings with file and line, in both languages, and what a script reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lt_controller.store.times import iso
from support.cli import Lt
from support.store import START, Store

RECIPE = """version: 1
method: sft
model:
  from_config: {model_type: llama, hidden_size: 64, intermediate_size: 128, num_hidden_layers: 2,
                num_attention_heads: 4, max_position_embeddings: 512}
  tokenizer: {train_from: rows.jsonl}
datasets: [{path: rows.jsonl, type: prompt_completion}]
train:
  num_train_epochs: 1
  max_length: 64
resources: {gpus: 0}
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [{"prompt": f"question {n}", "completion": "a word " * n} for n in range(1, 81)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "mine.yaml").write_text(RECIPE)
    return tmp_path / "mine.yaml"


def test_warnings_are_told_with_their_line_and_leave_the_exit_code_alone(lt: Lt, mine: Path) -> None:
    done = lt("recipe", "check", "mine.yaml")
    assert "warning: mine.yaml:10: train.max_length: about" in done.out
    assert "Estimated from characters" in done.out
    assert "mine.yaml is fine; warnings: 1." in done.err


def test_problems_end_the_check_with_exit_code_2(lt: Lt, mine: Path, store: Store) -> None:
    store.insert("facts", host="local", time=iso(START), data={"gpus": [], "disks": {"root": {"free": 10**12}}})
    done = lt("recipe", "check", "mine.yaml", "train.fp16=true", "--host", "local", code=2)
    assert "problem: command line: train.fp16: a CPU does not train in float16" in done.out
    assert lt("recipe", "check", "mine.yaml", "--host", "local", code=0)


def test_a_script_reads_codes_keys_and_lines(lt: Lt, mine: Path) -> None:
    found = json.loads(lt("recipe", "check", "mine.yaml", "train.report_to=wandb", "--json").out)
    told = {item["code"]: item for item in found["findings"]}
    assert (told["rows_cut_estimated"]["line"], told["rows_cut_estimated"]["weight"]) == (10, "warning")
    assert told["tracker_not_named"]["params"] == {"tracker": "wandb"}
    assert found["lengths_by"] == "characters"
    assert found["sends"]["datasets.0.path"].endswith("rows.jsonl")


def test_it_speaks_chinese(lt: Lt, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LT_LANG", "zh")
    done = lt("recipe", "check", "mine.yaml")
    assert "注意: mine.yaml:10: train.max_length:" in done.out
    assert "按字符数估算" in done.out


def test_what_is_wrong_is_told_in_chinese_too(lt: Lt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LT_LANG", "zh")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("extends: tiny-sft\ntrian: {}\n")
    assert "mine.yaml:2: trian: 不认识这个键 (是不是想写 train？)" in lt("recipe", "check", "mine.yaml", code=2).err
    (tmp_path / "d.jsonl").write_text(json.dumps({"messages": "hello"}) + "\n")
    said = lt("recipe", "check", "tiny-sft", "datasets.0.path=d.jsonl", code=2).err
    assert "messages 必须是对话轮次的列表，而不是 文本" in said
