"""Data files become training rows: reading line by line, and one pure conversion per data type.

Standard library only, so that tests and checks need no torch. What comes out has the column names that TRL knows:
`{"text"}`, `{"messages"}`, `{"prompt", "completion"}`, `{"prompt", "chosen", "rejected"}`, `{"prompt", "completion",
"label"}` or `{"prompt", "answer"}`; a message is `{"role", "content"}`.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Tuple

Row = Dict[str, Any]

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".parquet")

_ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "model": "assistant",
    "system": "system",
    "function_call": "assistant",
    "observation": "tool",
    "tool": "tool",
}


class BadRow(Exception):
    """A row that can't be trained on. `where` names the place in its file (`line 12`, `row 3`), 1-based."""

    def __init__(self, problem: str, path: Path | None = None, where: str = "") -> None:
        super().__init__(problem, path, where)
        self.problem = problem
        self.path = path
        self.where = where

    def __str__(self) -> str:
        place = ", ".join(part for part in (str(self.path) if self.path else "", self.where) if part)
        return f"{place}: {self.problem}" if place else self.problem

    def at(self, path: Path, where: str) -> BadRow:
        """The same problem with its place."""
        return BadRow(self.problem, path, where)


def data_files(path: Path) -> list[Path]:
    """The data files that `path` means: itself, or those below a folder, sorted. Raises BadRow if there are none."""
    if path.is_file():
        if path.suffix.lower() not in SUFFIXES:
            raise BadRow(f"not a data file: {' '.join(SUFFIXES)} are read", path)
        return [path]
    if path.is_dir():
        found = sorted(f for f in path.rglob("*") if f.is_file() and f.suffix.lower() in SUFFIXES)
        if found:
            return found
        raise BadRow(f"no data file in this folder: {' '.join(SUFFIXES)} are read", path)
    raise BadRow("no such file", path)


def read_rows(path: Path) -> Iterator[Tuple[str, Row]]:
    """Yields (place, raw row) of a JSONL, JSON or CSV file, without holding more of it than its form needs.

    A UTF-8 byte order mark and empty lines are passed over. Raises BadRow at the first malformed row.
    """
    suffix = path.suffix.lower()
    if suffix in (".jsonl", ".ndjson"):
        return _read_jsonl(path)
    if suffix == ".json":
        return _read_json(path)
    if suffix == ".csv":
        return _read_csv(path)
    raise BadRow("not a JSONL, JSON or CSV file", path)


def convert(row: Row, kind: str, columns: Mapping[str, str] | None = None) -> Row:
    """One raw row as a training row.

    `kind` is the dataset's `type`. `columns` maps the type's own column names to those of the file:
    `{"messages": "dialogue"}`, and for `prompt` further ones that rewards ask for. Raises BadRow, without a place, for
    what does not fit.
    """
    if kind not in CONVERTERS:
        raise BadRow(f"unknown data type {kind!r}: {', '.join(CONVERTERS)} are known")
    if columns:
        row = {**row, **{ours: row[theirs] for ours, theirs in columns.items() if theirs in row}}
        optional = _OPTIONAL.get(kind, ())
        absent = [theirs for ours, theirs in columns.items() if theirs not in row and ours not in optional]
        if absent:
            raise BadRow(f"no column {absent[0]!r}; the row has {_names(row)}")
    made = CONVERTERS[kind](row)
    if kind == "prompt":
        # What else is named goes to the rewards as it is.
        made.update({ours: row[ours] for ours in columns or () if ours not in made})
    return made


def _text(row: Row) -> Row:
    return {"text": _string(row, "text")}


def _messages(row: Row) -> Row:
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        raise _wrong(row, "messages", "a list of messages")
    return {"messages": _turns(messages)}


def _sharegpt(row: Row) -> Row:
    turns = row.get("conversations")
    if not isinstance(turns, list) or not turns:
        raise _wrong(row, "conversations", "a list of turns")
    messages = [_message(turn, n, "from", "value") for n, turn in enumerate(turns, 1)]
    system = row.get("system")
    if isinstance(system, str) and system.strip() and messages[0]["role"] != "system":
        messages.insert(0, {"role": "system", "content": system})
    return {"messages": messages}


def _prompt_completion(row: Row) -> Row:
    prompt, completion = row.get("prompt"), row.get("completion")
    if isinstance(prompt, list) and isinstance(completion, list) and prompt and completion:
        return {
            "prompt": _turns(prompt),
            "completion": _turns(completion),
        }
    return {"prompt": _string(row, "prompt"), "completion": _string(row, "completion")}


def _alpaca(row: Row) -> Row:
    """The instruction, with its input below, asks; the output answers. `system` and `history` are optional."""
    instruction = _string(row, "instruction")
    extra = row.get("input") or ""
    if not isinstance(extra, str):
        raise _wrong(row, "input", "text")
    prompt: List[Row] = []
    system = row.get("system")
    if isinstance(system, str) and system.strip():
        prompt.append({"role": "system", "content": system})
    for pair in row.get("history") or []:
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)):
            raise _wrong(row, "history", "a list of [question, answer] pairs")
        prompt += [{"role": "user", "content": pair[0]}, {"role": "assistant", "content": pair[1]}]
    prompt.append({"role": "user", "content": f"{instruction}\n\n{extra}" if extra.strip() else instruction})
    return {"prompt": prompt, "completion": [{"role": "assistant", "content": _string(row, "output")}]}


def _preference(row: Row) -> Row:
    """A question with a better and a worse answer, as text or as messages.

    Whole conversations in `chosen` and `rejected` are cut where they part: what is common to both is the prompt.
    """
    chosen, rejected = row.get("chosen"), row.get("rejected")
    if not (isinstance(chosen, list) and isinstance(rejected, list)):
        return {key: _string(row, key) for key in ("prompt", "chosen", "rejected")}
    if not chosen or not rejected:
        raise BadRow("chosen and rejected must have a message each")
    better, worse = _turns(chosen), _turns(rejected)
    if isinstance(row.get("prompt"), list) and row["prompt"]:
        return {"prompt": _turns(row["prompt"]), "chosen": better, "rejected": worse}
    common = 0
    while common < min(len(better), len(worse)) - 1 and better[common] == worse[common]:
        common += 1
    if common == 0:
        raise BadRow("no prompt: neither a list of messages in 'prompt', nor messages that chosen and rejected share")
    return {"prompt": better[:common], "chosen": better[common:], "rejected": worse[common:]}


def _unpaired_preference(row: Row) -> Row:
    """One answer, and whether it is a good one: true and false, also as 1 and 0, in a CSV file as words."""
    label = row.get("label")
    if isinstance(label, str):
        label = {"true": True, "1": True, "false": False, "0": False}.get(label.strip().lower(), label)
    if not isinstance(label, bool) and label not in (0, 1):
        raise _wrong(row, "label", "true or false") if row.get("label") else BadRow("no column 'label': true or false")
    return {**_prompt_completion(row), "label": bool(label)}


def _prompt(row: Row) -> Row:
    """A question whose answer the model writes itself; `answer` is what rewards compare it with, if there is one."""
    prompt, answer = row.get("prompt"), row.get("answer")
    asked: Any = _turns(prompt) if isinstance(prompt, list) and prompt else _string(row, "prompt")
    if isinstance(answer, bool) or not (answer is None or isinstance(answer, (str, int, float))):
        raise _wrong(row, "answer", "text or a number")
    return {"prompt": asked, "answer": None if answer is None else _encodable(str(answer))}


def _turns(value: List[Any]) -> List[Row]:
    return [_message(message, n, "role", "content") for n, message in enumerate(value, 1)]


CONVERTERS: Dict[str, Callable[[Row], Row]] = {
    "text": _text,
    "messages": _messages,
    "prompt_completion": _prompt_completion,
    "alpaca": _alpaca,
    "sharegpt": _sharegpt,
    "preference": _preference,
    "unpaired_preference": _unpaired_preference,
    "prompt": _prompt,
}
_OPTIONAL: Dict[str, Tuple[str, ...]] = {
    "alpaca": ("input", "system", "history"),
    "sharegpt": ("system",),
    "preference": ("prompt",),
    "prompt": ("answer",),
}


def _message(value: Any, number: int, role_key: str, text_key: str) -> Row:
    if not isinstance(value, dict):
        raise BadRow(f"message {number} is not an object")
    role, content = value.get(role_key), value.get(text_key)
    if not isinstance(role, str) or role not in _ROLES:
        raise BadRow(f"message {number} has {role_key} {role!r}: user, assistant, system and tool are known")
    if not isinstance(content, str):
        raise BadRow(f"message {number} has no text in {text_key!r}")
    return {"role": _ROLES[role], "content": _encodable(content)}


def _string(row: Row, key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise _wrong(row, key, "text")
    return _encodable(value)


def _encodable(text: str) -> str:
    """JSON may spell half a surrogate pair (`\\ud83d`). No tokenizer takes it, so it is refused with its place."""
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise BadRow("text with half a surrogate pair, which is no character") from None
    return text


def _wrong(row: Row, key: str, wanted: str) -> BadRow:
    if key not in row:
        return BadRow(f"no column {key!r}; the row has {_names(row)}")
    return BadRow(f"column {key!r} is not {wanted}" if row[key] else f"column {key!r} is empty")


def _names(row: Row) -> str:
    return ", ".join(repr(name) for name in list(row)[:8]) or "none"


def _read_jsonl(path: Path) -> Iterator[Tuple[str, Row]]:
    with path.open("rb") as lines:
        for number, raw in enumerate(lines, 1):
            where = f"line {number}"
            text = _decode(raw, path, where)
            if text.strip():
                yield where, _object(_parse(text, path, where), path, where)


def _read_json(path: Path) -> Iterator[Tuple[str, Row]]:
    rows = _parse(_decode(path.read_bytes(), path, "line 1"), path, "")
    if isinstance(rows, dict) and isinstance(rows.get("data"), list):
        rows = rows["data"]
    if not isinstance(rows, list):
        raise BadRow("a JSON data file holds a list of objects", path)
    for number, row in enumerate(rows, 1):
        yield f"row {number}", _object(row, path, f"row {number}")


def _read_csv(path: Path) -> Iterator[Tuple[str, Row]]:
    csv.field_size_limit(1 << 30)  # the default, 128 KiB, is less than one long document
    with path.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines, strict=True)
        try:
            for row in reader:
                where = f"line {reader.line_num}"
                if None in row:
                    raise BadRow("more fields than the header names", path, where)
                yield where, row
        except (csv.Error, UnicodeDecodeError) as error:
            raise BadRow(f"malformed CSV: {error}", path, f"line {reader.line_num}") from None


def _decode(raw: bytes, path: Path, where: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRow(f"not UTF-8: byte {error.start + 1} of it", path, where) from None


def _parse(text: str, path: Path, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise BadRow(f"malformed JSON: {error}", path, where or f"line {line}") from None
    except RecursionError:
        raise BadRow("JSON nested too deeply", path, where) from None


def _object(value: Any, path: Path, where: str) -> Row:
    if not isinstance(value, dict):
        raise BadRow("not an object", path, where)
    return value
