"""Reading data files row by row, saying what is malformed and going on where that is possible."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

MAX_LINE = 64 << 20  # bytes; a longer line is no row but a file without line ends

Tell = Callable[..., None]
"""Told (line or None, what is wrong, what to do about it)."""


def _lines(path: Path, tell: Tell) -> Iterator[tuple[int, str]]:
    """(number, text) of each line; says where the encoding breaks, and passes over such lines."""
    with path.open("rb") as stream:
        number = 0
        while raw := stream.readline(MAX_LINE + 1):
            number += 1
            if len(raw) > MAX_LINE:
                tell(number, f"is longer than {MAX_LINE >> 20} MiB", "one row a line")
                return
            if number == 1 and raw.startswith((b"\xff\xfe", b"\xfe\xff")):
                tell(1, "is UTF-16", "save the file as UTF-8")
                return
            if number == 1 and raw.startswith(b"\xef\xbb\xbf"):
                raw = raw[3:]  # a byte order mark does no harm here; datasets reads past it as well
            try:
                yield number, raw.decode("utf-8")
            except UnicodeDecodeError as error:
                tell(number, f"is not UTF-8 (byte {error.start + 1} of the line)", "save the file as UTF-8")


def _read_jsonl(path: Path, tell: Tell) -> Iterator[tuple[int, Any]]:
    for number, line in _lines(path, tell):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            hint = "one JSON object a line"
            if number == 1 and line.strip() == "[":
                hint = "this is a JSON array: name the file .json, or write one object a line"
            tell(number, f"is no JSON: {error.msg} (column {error.colno})", hint)
            if hint.startswith("this"):
                return
            continue
        except (RecursionError, ValueError):
            tell(number, "is no JSON: nested too deeply, or a number too long")
            continue
        yield number, row


def _read_json(path: Path, tell: Tell) -> Iterator[tuple[int, Any]]:
    text = "".join(line for _, line in _lines(path, tell))
    try:
        value = json.loads(text) if text.strip() else []
    except json.JSONDecodeError as error:
        tell(
            error.lineno,
            f"is no JSON: {error.msg} (column {error.colno})",
            "one object a line belongs in a .jsonl file",
        )
        return
    except (RecursionError, ValueError):
        tell(None, "is no JSON: nested too deeply, or a number too long")
        return
    if isinstance(value, dict) and isinstance(value.get("data"), list):
        value = value["data"]
    if not isinstance(value, list):
        tell(None, f"must be a list of rows, not {kind_of(value)}")
        return
    yield from enumerate(value, 1)


def _read_csv(path: Path, tell: Tell) -> Iterator[tuple[int, Any]]:
    csv.field_size_limit(1 << 30)  # the default, 128 KiB, is less than one long document
    reader = csv.reader((line for _, line in _lines(path, tell)), strict=True)
    try:
        header = next(reader, None)
        if header is None:
            return
        for values in reader:
            if not values:
                continue
            if len(values) != len(header):
                tell(reader.line_num, f"has {len(values)} columns, the header {len(header)}")
                continue
            yield reader.line_num, dict(zip(header, values, strict=True))
    except csv.Error as error:
        tell(reader.line_num, f"is no CSV: {error}")


READERS: dict[str, Callable[[Path, Tell], Iterator[tuple[int, Any]]]] = {
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".json": _read_json,
    ".csv": _read_csv,
}
"""Per suffix: yields (number, row), where the number is a line, in a .json file the place in its list."""


def kind_of(value: Any) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
    for type_, word in ((bool, "true or false"), (str, "text"), ((int, float), "a number"), (list, "a list")):
        if isinstance(value, type_):
            return (
                ("empty " + word.split()[-1])
                if value in ("", []) or (isinstance(value, str) and not value.strip())
                else word
            )
    return "an object"
