"""Where in a TOML file something is set: its readers give values without lines, and a person needs the line."""

from __future__ import annotations

import re
from collections.abc import Sequence


def line_of(lines: Sequence[str], path: Sequence[str]) -> int:
    """The line where `path` is set, as near as a search by table header and key gets; 1 where it is not found."""
    best = 1
    for depth in range(len(path), 0, -1):
        end = r"\s*[\].]" if depth == len(path) else r"\s*\]"
        header = re.compile(r"\s*\[\s*" + r"\s*\.\s*".join(_key(part) for part in path[:depth]) + end)
        for number, line in enumerate(lines, start=1):
            if not header.match(line):
                continue
            best = number
            if depth == len(path):
                return number
            key = re.compile(rf"\s*{_key(path[depth])}\s*[=.]")
            for further, later in enumerate(lines[number:], start=number + 1):
                if re.match(r"\s*\[", later):
                    break
                if key.match(later):
                    return further
        if best != 1:
            return best
    key = re.compile(rf"\s*{_key(path[0])}\s*[=.]")
    return next((number for number, line in enumerate(lines, start=1) if key.match(line)), 1)


def _key(text: str) -> str:
    return rf"[\"']?{re.escape(text)}[\"']?"
