"""`lt recipe new`: by questions on a terminal, by options in a script."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from lt_controller.store.times import iso
from lt_recipes import load
from support.cli import Lt
from support.store import START, Store


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody answers: the model's sizes are not known
    store.insert("facts", host="local", time=iso(START), data={"gpus": [], "disks": {"root": {"free": 10**12}}})
    rows = [{"question": f"What is {n} and one?", "answer": f"It is {n + 1}."} for n in range(200)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "rows.jsonl"


def test_options_alone_write_a_recipe_that_passes_the_check(lt: Lt, data: Path) -> None:
    done = lt("recipe", "new", "mine.yaml", "--data", "rows.jsonl", "--host", "local", "--yes")
    assert done.out == "mine.yaml\n"
    recipe = load("mine.yaml")
    assert (recipe.method, recipe.datasets[0].type, recipe.resources.gpus) == ("sft", "prompt_completion", 0)
    assert recipe.datasets[0].columns == {"prompt": "question", "completion": "answer"}
    assert "# passes over the data" in Path("mine.yaml").read_text()
    assert "is fine" in lt("recipe", "check", "mine.yaml", "--host", "local").err
    assert "is there already" in lt("recipe", "new", "mine.yaml", "--data", "rows.jsonl", "--yes", code=2).err


def test_the_method_reads_the_same_file_its_own_way(lt: Lt, data: Path) -> None:
    lt("recipe", "new", "--data", "rows.jsonl", "--method", "grpo", "--out", "rl.yaml", "--yes")
    assert load("rl.yaml").datasets[0].type == "prompt"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--yes"], "--data is missing"),
        (["--data", "nowhere.jsonl"], "nowhere.jsonl can't be read"),
        (["--data", "rows.jsonl", "--method", "dpo"], "looks like prompt_completion, and dpo learns from preference"),
        (["--data", "rows.jsonl", "--method", "stf"], "There is no method stf"),
        (["--data", "odd.jsonl"], "looks like no type of data"),
    ],
)
def test_what_can_not_be_answered_is_told(lt: Lt, data: Path, words: list[str], said: str) -> None:
    Path("odd.jsonl").write_text('{"x": 1}\n')
    assert said in " ".join(lt("recipe", "new", *words, code=None).err.split())


def test_a_copy_of_the_gallery_is_still_to_be_had(lt: Lt, data: Path) -> None:
    lt("recipe", "new", "copy.yaml", "--from", "tiny-sft")
    assert load("copy.yaml").method == "sft"


@pytest.mark.parametrize(("lang", "question"), [("en", "Method"), ("zh", "训练方法")])
def test_on_a_terminal_it_asks_and_proposes(data: Path, store: Store, lang: str, question: str) -> None:
    master, slave = pty.openpty()
    environment = {**os.environ, "LT_HOME": str(store.home.path), "LT_LANG": lang, "COLUMNS": "200"}
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; from lt_controller.cli import main; sys.exit(main())", "recipe", "new"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
        cwd=data.parent,
    )
    os.close(slave)
    # Data (a wrong one first), method, host, model, adapter, name: each when it is asked for.
    answers = [b"./nowhere", b"rows.jsonl", b"", b"local", b"", b"", b"answers"]
    said, fresh = b"", b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        said, fresh = said + piece, fresh + piece
        if fresh.endswith(b": ") and answers:
            os.write(master, answers.pop(0) + b"\n")
            fresh = b""
    os.close(master)
    text = said.decode(errors="replace")
    assert process.wait(timeout=60) == 0, text
    assert question in text and "prompt_completion" in text
    assert load("answers.yaml", cwd=data.parent).resources.gpus == 0
