"""Data files become rows: what is accepted, and what a bad line is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lt_agent.formats import BadRow, convert, data_files, read_rows

USER = {"role": "user", "content": "hi"}
ASSISTANT = {"role": "assistant", "content": "hello"}


@pytest.mark.parametrize(
    ("kind", "row", "expected"),
    [
        ("text", {"text": "abc", "more": 1}, {"text": "abc"}),
        ("messages", {"messages": [{**USER, "weight": 1}, ASSISTANT]}, {"messages": [USER, ASSISTANT]}),
        ("prompt_completion", {"prompt": "a", "completion": "b"}, {"prompt": "a", "completion": "b"}),
        (
            "prompt_completion",
            {"prompt": [USER], "completion": [ASSISTANT]},
            {"prompt": [USER], "completion": [ASSISTANT]},
        ),
        (
            "alpaca",
            {"instruction": "Add", "input": "1 2", "output": "3"},
            {
                "prompt": [{"role": "user", "content": "Add\n\n1 2"}],
                "completion": [{"role": "assistant", "content": "3"}],
            },
        ),
        (
            "alpaca",
            {"instruction": "Add", "input": "", "output": "3", "system": "Count.", "history": [["a", "b"]]},
            {
                "prompt": [
                    {"role": "system", "content": "Count."},
                    {"role": "user", "content": "a"},
                    {"role": "assistant", "content": "b"},
                    {"role": "user", "content": "Add"},
                ],
                "completion": [{"role": "assistant", "content": "3"}],
            },
        ),
        (
            "sharegpt",
            {"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}], "system": "S"},
            {"messages": [{"role": "system", "content": "S"}, USER, ASSISTANT]},
        ),
    ],
)
def test_each_type_becomes_the_rows_that_trl_knows(kind: str, row: dict[str, Any], expected: dict[str, Any]) -> None:
    assert convert(row, kind) == expected


def test_columns_may_have_other_names() -> None:
    row = {"question": "a", "answer": "b"}
    assert convert(row, "prompt_completion", {"prompt": "question", "completion": "answer"}) == {
        "prompt": "a",
        "completion": "b",
    }


def test_further_columns_of_a_prompt_reach_the_rewards_as_they_are() -> None:
    row = {"question": "a", "solution": 4, "cases": [1, {"x": 2}], "other": "y"}
    columns = {"prompt": "question", "answer": "solution", "tests": "cases"}
    assert convert(row, "prompt", columns) == {"prompt": "a", "answer": "4", "tests": [1, {"x": 2}]}
    with pytest.raises(BadRow, match="no column 'cases'"):
        convert({"question": "a"}, "prompt", columns)


@pytest.mark.parametrize(
    ("kind", "row", "columns", "words"),
    [
        ("messages", {"dialogue": []}, None, "no column 'messages'; the row has 'dialogue'"),
        ("messages", {"messages": []}, None, "is empty"),
        ("messages", {"messages": [{"role": "robot", "content": "x"}]}, None, "message 1 has role 'robot'"),
        ("messages", {"messages": [{"role": "user", "content": None}]}, None, "message 1 has no text"),
        ("text", {"text": "  "}, None, "'text' is not text"),
        ("text", {"text": "half \ud83d"}, None, "surrogate"),
        ("text", {"body": "x"}, {"text": "content"}, "no column 'content'"),
        ("prompt_completion", {"prompt": "a"}, None, "no column 'completion'"),
        ("vectors", {}, None, "unknown data type 'vectors'"),
    ],
)
def test_what_does_not_fit_is_named(kind: str, row: dict[str, Any], columns: Any, words: str) -> None:
    with pytest.raises(BadRow, match=words.replace("(", r"\(")):
        convert(row, kind, columns)


def test_jsonl_skips_a_byte_order_mark_and_empty_lines(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'\xef\xbb\xbf{"text": "a"}\n\n{"text": "b"}')
    assert list(read_rows(file)) == [("line 1", {"text": "a"}), ("line 3", {"text": "b"})]


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("a.jsonl", b'{"text": "a"}\n{"text": \n', "line 2"),
        ("a.jsonl", b'{"text": "a"}\n[1]\n', "line 2"),
        ("a.jsonl", b'{"text": "a"}\n\xff\n', "line 2"),
        ("a.json", b'[{"text": "a"},\n {"text": ]', "line 2"),
        ("a.json", b'[{"text": "a"}, 7]', "row 2"),
        ("a.csv", b"text\na\nb,c\n", "line 3"),
    ],
)
def test_a_malformed_row_is_named_by_its_place(tmp_path: Path, name: str, content: bytes, place: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(BadRow) as caught:
        list(read_rows(file))
    assert caught.value.where == place
    assert str(file) in str(caught.value)


def test_json_and_csv_give_the_same_rows(tmp_path: Path) -> None:
    rows = [{"prompt": "a, b", "completion": "c\nd"}, {"prompt": "你好", "completion": "e"}]
    (tmp_path / "a.json").write_text(json.dumps({"data": rows}))
    (tmp_path / "a.csv").write_text('prompt,completion\n"a, b","c\nd"\n你好,e\n')
    assert [row for _, row in read_rows(tmp_path / "a.json")] == rows
    assert [row for _, row in read_rows(tmp_path / "a.csv")] == rows


def test_a_folder_means_its_data_files_in_order(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.csv", "notes.md"):
        (tmp_path / name).write_text("")
    assert [file.name for file in data_files(tmp_path)] == ["a.csv", "b.jsonl"]
    with pytest.raises(BadRow, match="no such file"):
        data_files(tmp_path / "gone.jsonl")


def test_the_shipped_questions_and_answers_are_whole() -> None:
    """The demo and the tiny recipes learn from them: both languages alike, short, each question once."""
    import lt_recipes

    file = Path(lt_recipes.__file__).parent / "data" / "gpu_box_qa.jsonl"
    rows = [convert(row, "messages")["messages"] for _, row in read_rows(file)]
    assert len(rows) >= 200
    assert all([message["role"] for message in row] == ["user", "assistant"] for row in rows)
    questions = [row[0]["content"] for row in rows]
    assert len(set(questions)) == len(rows)
    chinese = [q for q in questions if any("\u4e00" <= letter <= "\u9fff" for letter in q)]
    assert len(chinese) == len(rows) // 2
    assert all(len(row[1]["content"].split()) <= 42 for row in rows)
