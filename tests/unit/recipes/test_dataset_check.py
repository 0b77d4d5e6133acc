"""Data files are checked line by line, and as strictly as the worker that will read them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lt_agent import formats
from lt_recipes import check_dataset, gallery, load, local_paths
from lt_recipes.data_files import READERS
from lt_recipes.dataset_check import MAX_PROBLEMS, NOT_READ, ROLES, TYPES, row_problem
from lt_recipes.schema.data import COLUMNS

ROWS: dict[str, dict[str, Any]] = {
    "text": {"text": "a"},
    "messages": {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
    "prompt_completion": {"prompt": "a", "completion": "b"},
    "alpaca": {"instruction": "a", "input": "", "output": "b"},
    "sharegpt": {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]},
    "preference": {"prompt": "a", "chosen": "b", "rejected": "c"},
    "unpaired_preference": {"prompt": "a", "completion": "b", "label": True},
    "prompt": {"prompt": "a", "answer": "b"},
}


def write(folder: Path, *lines: str | bytes, name: str = "d.jsonl") -> Path:
    path = folder / name
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines))
    return path


def told(path: Path, type_: str = "text", columns: dict[str, str] | None = None) -> list[tuple[int | None, str]]:
    problems = check_dataset(path, type_, columns).problems
    return [(problem.line, f"{problem.message} ({problem.hint})") for problem in problems]


@pytest.mark.parametrize("type_", TYPES)
def test_good_rows_pass_and_equal_ones_are_counted(type_: str, tmp_path: Path) -> None:
    line = json.dumps(ROWS[type_])
    report = check_dataset(write(tmp_path, line, "", line, line), type_)
    assert (report.ok, report.rows, report.duplicates) == (True, 3, 2)


def test_malformed_json_is_told_with_its_line_and_the_rest_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, '{"text": "a"}', '{"text": ', '{"text": "b"}', "nonsense")
    assert [line for line, _ in told(path)] == [2, 4]
    assert check_dataset(path, "text").rows == 2


def test_wrong_columns_are_told_with_what_was_found_and_the_nearest_type(tmp_path: Path) -> None:
    ((line, message),) = told(write(tmp_path, json.dumps(ROWS["alpaca"])), "messages")
    assert line == 1
    assert "there is no column messages" in message
    assert "found columns instruction, input, output; this looks like type: alpaca" in message


def test_columns_are_renamed(tmp_path: Path) -> None:
    path = write(tmp_path, '{"q": "a", "a": "b"}')
    assert check_dataset(path, "prompt_completion", {"prompt": "q", "completion": "a"}).ok
    assert "no column ask (for prompt)" in told(path, "prompt_completion", {"prompt": "ask", "completion": "a"})[0][1]


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    assert check_dataset(write(tmp_path, b'\xef\xbb\xbf{"text": "a"}'), "text").rows == 1


def test_other_encodings_are_told(tmp_path: Path) -> None:
    assert told(write(tmp_path, '{"text": "a"}', '{"text": "é"}'.encode("latin-1")))[0][0] == 2
    assert "UTF-16" in told(write(tmp_path, '{"text": "a"}'.encode("utf-16")))[0][1]


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_an_empty_file_is_told(content: bytes, tmp_path: Path) -> None:
    assert told(write(tmp_path, content)) == [(None, "holds no rows ()")]


def test_a_json_array_in_a_jsonl_file_is_told_once(tmp_path: Path) -> None:
    (problem,) = told(write(tmp_path, "[", '{"text": "a"},', '{"text": "b"}', "]"))
    assert "name the file .json" in problem[1]


def test_json_and_csv_files_are_read(tmp_path: Path) -> None:
    assert check_dataset(write(tmp_path, '[{"text": "a"}, {"text": "b"}]', name="d.json"), "text").rows == 2
    assert check_dataset(write(tmp_path, '{"data": [{"text": "a"}]}', name="d.json"), "text").rows == 1
    assert "row 2: text must be text" in told(write(tmp_path, '[{"text": "a"}, {"text": 3}]', name="d.json"))[0][1]
    assert "must be a list of rows" in told(write(tmp_path, "3", name="d.json"))[0][1]
    assert check_dataset(write(tmp_path, "text,x", '"a', 'b",1', name="d.csv"), "text").rows == 1
    assert told(write(tmp_path, "text,x", "a,1", "b,1,2", name="d.csv"))[0][0] == 3


def test_reading_stops_after_enough_problems(tmp_path: Path) -> None:
    report = check_dataset(write(tmp_path, *["x"] * 500), "text")
    assert (len(report.problems), report.stopped) == (MAX_PROBLEMS, True)


def test_a_folder_is_read_file_by_file(tmp_path: Path) -> None:
    write(tmp_path, '{"text": "a"}', name="a.jsonl")
    write(tmp_path, '{"txt": "a"}', name="b.jsonl")
    write(tmp_path, "notes", name="README.md")
    write(tmp_path, b"PAR1", name="c.parquet")
    report = check_dataset(tmp_path, "text")
    assert report.rows == 1
    assert [Path(problem.file).name for problem in report.problems] == ["b.jsonl"]
    assert "not looked into" in report.notes[0]


def test_a_file_that_is_missing_or_no_data_is_told(tmp_path: Path) -> None:
    assert "can't be read" in told(tmp_path / "no.jsonl")[0][1]
    assert "is no data format" in told(write(tmp_path, "x", name="x.docx"))[0][1]
    (tmp_path / "empty").mkdir()
    assert "holds no data file" in told(tmp_path / "empty")[0][1]


MEASURED = """
import sys, tracemalloc
from pathlib import Path
from lt_recipes.dataset_check import check_dataset
small, large = map(Path, sys.argv[1:])
check_dataset(small, "text")  # what is imported on the way is not counted
tracemalloc.start()
print(check_dataset(large, "text").rows, tracemalloc.get_traced_memory()[1])
"""


def test_a_large_file_is_streamed(tmp_path: Path) -> None:
    small, large = tmp_path / "small.jsonl", tmp_path / "large.jsonl"
    for path, rows in ((small, 1), (large, 400)):
        with path.open("w") as lines:
            for _ in range(rows):
                lines.write('{"text": "' + "x" * 50_000 + '"}\n')
    # In a process of its own: the count includes what other threads of this one take meanwhile.
    done = subprocess.run([sys.executable, "-c", MEASURED, small, large], capture_output=True, text=True, check=True)
    rows, peak = map(int, done.stdout.split())
    assert rows == 400
    assert peak < large.stat().st_size / 10


@pytest.mark.parametrize("name", [entry.name for entry in gallery() if entry.name.startswith("tiny")])
def test_the_shipped_data_fits_the_shipped_recipes(name: str) -> None:
    recipe = load(name)
    (path,) = {item.path for item in local_paths(recipe) if item.key.startswith("datasets")}
    report = check_dataset(path, recipe.datasets[0].type, recipe.datasets[0].columns)
    assert report.ok
    assert report.rows >= 200
    assert report.duplicates == 0


def test_the_check_knows_the_types_roles_and_formats_of_the_worker() -> None:
    assert set(TYPES) == set(formats.CONVERTERS) == set(COLUMNS)
    assert set(READERS) | set(NOT_READ) == set(formats.SUFFIXES)
    for role in ROLES:
        formats.convert({"messages": [{"role": role, "content": "a"}]}, "messages")


_TEXTS = (
    st.none()
    | st.integers(-1, 3)
    | st.booleans()
    | st.sampled_from(["", " ", "a", "\ud83d", "é"])
    | st.lists(st.text(), max_size=2)
)
_TURNS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "role": st.sampled_from([*sorted(ROLES), "bot", 3]),
            "content": _TEXTS,
            "from": st.sampled_from([*sorted(ROLES), "x"]),
            "value": _TEXTS,
        },
    ),
    max_size=2,
)
_NAMES = ["text", "messages", "prompt", "completion", "instruction", "input", "output", "system", "conversations"]
_NAMES += ["history", "chosen", "rejected", "label", "answer"]
_RENAMED = st.dictionaries(st.sampled_from(["prompt", "text", "input"]), st.sampled_from(["text", "gone"]), max_size=1)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.sampled_from(_NAMES), _TEXTS | _TURNS | st.just([["a", "b"]]), max_size=5),
    st.sampled_from(TYPES),
    _RENAMED,
)
def test_the_check_and_the_worker_judge_a_row_alike(row: dict[str, Any], type_: str, columns: dict[str, str]) -> None:
    columns = {ours: theirs for ours, theirs in columns.items() if ours in COLUMNS[type_]}
    try:
        formats.convert(row, type_, columns)
        trains = True
    except formats.BadRow:
        trains = False
    assert (row_problem(row, type_, columns) is None) == trains


def test_further_columns_of_a_prompt_must_be_there_as_for_the_worker() -> None:
    columns = {"tests": "cases"}
    row = {"prompt": "a", "cases": [1]}
    assert row_problem(row, "prompt", columns) is None
    assert formats.convert(row, "prompt", columns)["tests"] == [1]
    problem = row_problem({"prompt": "a"}, "prompt", columns)
    assert problem is not None and "no column cases (for tests)" in problem.message
