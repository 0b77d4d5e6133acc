"""Does a data file hold what its type promises? Read line by line, with nothing but the standard library.

What it does not see: whether the text makes sense, near duplicates, and the inside of parquet files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .data_files import READERS, kind_of

TYPES = ("text", "messages", "prompt_completion", "alpaca", "sharegpt", "preference", "unpaired_preference", "prompt")
MAX_PROBLEMS = 20
MAX_DISTINCT = 2_000_000  # rows remembered for counting duplicates: 16 bytes each and set overhead, about 200 MB

ROLES = {
    **dict.fromkeys(("human", "user"), "user"),
    **dict.fromkeys(("gpt", "assistant", "chatgpt", "bing", "bard", "model", "function_call"), "assistant"),
    **dict.fromkeys(("observation", "tool"), "tool"),
    "system": "system",
}
"""Who may speak in a turn, and who that is; a test holds that the worker knows each."""
NOT_READ = (".parquet",)


@dataclass(frozen=True)
class DataProblem:
    """One thing wrong with a data file. `line` counts from 1; None where the whole file is meant."""

    file: str
    line: int | None
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.message}" + (f" ({self.hint})" if self.hint else "")


@dataclass
class DatasetReport:
    """What was found: readable rows, rows equal to an earlier one, problems (at most `MAX_PROBLEMS`), and notes."""

    rows: int = 0
    duplicates: int = 0
    problems: list[DataProblem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    stopped: bool = False  # there may be more problems: reading ended at `MAX_PROBLEMS`

    @property
    def ok(self) -> bool:
        """Whether training may start with it."""
        return not self.problems


def check_dataset(path: Path, type: str, columns: Mapping[str, str] | None = None) -> DatasetReport:
    """Reads a jsonl, json or csv file, or every such file of a folder, as rows of `type`.

    `columns` maps the type's column names to the file's own. Raises ValueError for an unknown type; everything that
    is wrong with the file, its absence included, is in the report.
    """
    if type not in TYPES:
        raise ValueError(f"not a data type: {type!r}")
    checker = _Checker(type, dict(columns or {}))
    files = [path]
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
        known = [p for p in files if p.suffix.lower() in READERS or p.suffix.lower() in NOT_READ]
        if not known:
            checker.add(path, None, "holds no data file", "jsonl, json, csv and parquet are known")
        files = known
    try:
        for file in files:
            checker.file(file)
    except _EnoughError:
        checker.report.stopped = True
    return checker.report


class _EnoughError(Exception):
    """As many problems as a person wants to read at once."""


class RowError(Exception):
    """A row that does not fit its type: what is wrong, and what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class _Checker:
    def __init__(self, type_: str, columns: dict[str, str]) -> None:
        self.report = DatasetReport()
        self._type, self._columns = type_, columns
        self._seen: set[bytes] = set()

    def add(self, file: Path, line: int | None, message: str, hint: str = "") -> None:
        self.report.problems.append(DataProblem(str(file), line, message, hint))
        if len(self.report.problems) >= MAX_PROBLEMS:
            raise _EnoughError

    def file(self, path: Path) -> None:
        suffix = path.suffix.lower()
        if suffix in NOT_READ:
            self.report.notes.append(f"{path.name}: {suffix[1:]} is not looked into here")
            return
        reader = READERS.get(suffix)
        if reader is None:
            self.add(path, None, f"{suffix or 'no suffix'} is no data format", "use jsonl, json, csv or parquet")
            return
        before, told = self.report.rows, len(self.report.problems)
        try:
            for number, row in reader(path, lambda line, message, hint="": self.add(path, line, message, hint)):
                problem = self._row(row)
                if problem is not None:
                    # In a JSON array nobody knows the lines, but everybody can count the rows.
                    in_array = suffix == ".json"
                    message = f"row {number}: {problem.message}" if in_array else problem.message
                    self.add(path, None if in_array else number, message, problem.hint)
        except OSError as error:
            self.add(path, None, f"can't be read: {error.strerror}")
        if self.report.rows == before and len(self.report.problems) == told:
            self.add(path, None, "holds no rows")

    def _row(self, row: Any) -> RowError | None:
        problem = row_problem(row, self._type, self._columns)
        if problem is None:
            self.report.rows += 1
            if len(self._seen) < MAX_DISTINCT:
                text = json.dumps(row, sort_keys=True)
                key = hashlib.blake2b(text.encode("ascii"), digest_size=16).digest()
                self.report.duplicates += key in self._seen
                self._seen.add(key)
        return problem


def row_problem(row: Any, type: str, columns: Mapping[str, str]) -> RowError | None:
    """Why the worker would not take this row as one of `type`; None if it would."""
    if not isinstance(row, dict):
        return RowError(f"a row must be an object with columns, not {kind_of(row)}")
    try:
        _ROW_CHECKS[type](_Row(row, columns))
        _check_further(row, type, columns)
    except RowError as error:
        near = nearest_type(row)
        if near is not None and near != type:
            error.hint = f"found {_names(row)}; this looks like type: {near}"
        error.hint = error.hint or f"found {_names(row)}"
        return error
    return None


def _check_further(row: Mapping[str, Any], type: str, columns: Mapping[str, str]) -> None:
    """Columns beside a prompt's own, which rewards are called with."""
    for name, own in columns.items() if type == "prompt" else ():
        if name not in ("prompt", "answer") and own not in row:
            raise RowError(f"there is no column {own} (for {name})")


def nearest_type(row: Mapping[str, Any]) -> str | None:
    """The type that a row with these columns most likely has, or None."""
    order = (
        "messages",
        "sharegpt",
        "preference",
        "unpaired_preference",
        "prompt_completion",
        "alpaca",
        "text",
        "prompt",
    )
    for type_ in order:
        try:
            _ROW_CHECKS[type_](_Row(row, {}))
            return type_
        except RowError:
            continue
    return None


class _Row:
    """A row, asked for columns by the names of its type."""

    def __init__(self, row: Mapping[str, Any], columns: Mapping[str, str]) -> None:
        self._row, self._columns = row, columns

    def get(self, column: str, required: bool = True) -> Any:
        own = self._columns.get(column, column)
        if own not in self._row:
            if required:
                renamed = f" (for {column})" if own != column else ""
                raise RowError(f"there is no column {own}{renamed}")
            return self._row.get(column)
        return self._row[own]

    def text(self, column: str) -> None:
        value = self.get(column)
        if not isinstance(value, str) or not value.strip():
            raise RowError(f"{column} must be text, not {kind_of(value)}")
        _encodable(value, column)


def _check_text(row: _Row) -> None:
    row.text("text")


def _check_alpaca(row: _Row) -> None:
    row.text("instruction")
    row.text("output")
    extra = row.get("input", required=False)
    if extra and not isinstance(extra, str):
        raise RowError(f"input must be text, not {kind_of(extra)}")
    for pair in row.get("history", required=False) or []:
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)):
            raise RowError("history must be a list of [question, answer] pairs")


def _check_prompt_completion(row: _Row) -> None:
    prompt, completion = row.get("prompt"), row.get("completion")
    if isinstance(prompt, list) and isinstance(completion, list):
        _turns(prompt, "prompt", "role", "content")
        _turns(completion, "completion", "role", "content")
    else:
        row.text("prompt")
        row.text("completion")


def _check_preference(row: _Row) -> None:
    chosen, rejected = row.get("chosen"), row.get("rejected")
    if not (isinstance(chosen, list) and isinstance(rejected, list)):
        for column in ("prompt", "chosen", "rejected"):
            row.text(column)
        return
    _turns(chosen, "chosen", "role", "content")
    _turns(rejected, "rejected", "role", "content")
    prompt = row.get("prompt", required=False)
    if isinstance(prompt, list) and prompt:
        _turns(prompt, "prompt", "role", "content")
    elif min(len(chosen), len(rejected)) < 2 or _said(chosen[0]) != _said(rejected[0]):
        raise RowError("there is no prompt as a list of turns, and no turn that chosen and rejected share")


def _said(turn: Mapping[str, Any]) -> tuple[str, str]:
    return ROLES[turn["role"]], turn["content"]


def _check_unpaired_preference(row: _Row) -> None:
    _check_prompt_completion(row)
    label = row.get("label")
    if isinstance(label, str) and label.strip().lower() in ("true", "false", "1", "0"):
        return
    if not isinstance(label, bool) and label not in (0, 1):
        raise RowError(f"label must be true or false, not {kind_of(label)}")


def _check_prompt(row: _Row) -> None:
    prompt, answer = row.get("prompt"), row.get("answer", required=False)
    if isinstance(prompt, list) and prompt:
        _turns(prompt, "prompt", "role", "content")
    else:
        row.text("prompt")
    if isinstance(answer, bool) or not (answer is None or isinstance(answer, (str, int, float))):
        raise RowError(f"answer must be text or a number, not {kind_of(answer)}")
    _encodable(str(answer), "answer")


def _check_messages(row: _Row) -> None:
    _turns(row.get("messages"), "messages", "role", "content")


def _check_sharegpt(row: _Row) -> None:
    _turns(row.get("conversations"), "conversations", "from", "value")


def _turns(value: Any, column: str, who: str, what: str) -> None:
    if not isinstance(value, list) or not value:
        raise RowError(f"{column} must be a list of turns, not {kind_of(value)}")
    for number, turn in enumerate(value, 1):
        if not isinstance(turn, dict) or who not in turn:
            raise RowError(f"turn {number} of {column} must be an object with {who} and {what}")
        role, content = turn[who], turn.get(what)
        if not isinstance(role, str) or role not in ROLES:
            known = "user, assistant, system and tool are known"
            raise RowError(f"turn {number} of {column}: {who} {str(role)[:40]!r} is not known", known)
        if not isinstance(content, str):
            raise RowError(f"turn {number} of {column}: {what} must be text, not {kind_of(content)}")
        _encodable(content, f"turn {number} of {column}")


def _encodable(text: str, place: str) -> None:
    # JSON may spell half a surrogate pair; no tokenizer takes it.
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise RowError(f"{place} holds half a surrogate pair, which is no character") from None


_ROW_CHECKS: dict[str, Callable[[_Row], None]] = {
    "text": _check_text,
    "messages": _check_messages,
    "prompt_completion": _check_prompt_completion,
    "alpaca": _check_alpaca,
    "sharegpt": _check_sharegpt,
    "preference": _check_preference,
    "unpaired_preference": _check_unpaired_preference,
    "prompt": _check_prompt,
}


def _names(row: Mapping[str, Any]) -> str:
    return "columns " + ", ".join(str(name)[:40] for name in list(row)[:12]) if row else "no columns"
