"""Numbers that a script prints become metrics: for scripts that know nothing of lt.

A template is a piece of a line with names in braces, `epoch {step} val loss {val_loss}`: each stands for a number, and
`{_}` for any word. Text is compared as it is, runs of blanks as one.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import time
from collections.abc import Sequence
from typing import Any, Optional

from .protocol.paths import AttemptPaths

MAX_LINE = 4096  # bytes of a line that are looked at
_BLOCK = 1 << 16
_LOOK, _LAST_LOOK = 0.1, 5.0  # seconds that a look may take: the supervisor has a stop, a disk and a lease to watch
_PIECES = re.compile(r"(\{\{|\}\}|\{[A-Za-z_][A-Za-z0-9_]*\}|\s+)")
# All bounded, so that no line takes long to be told from another.
_NUMBER = r"([-+]?(?:\d{1,40}(?:\.\d{0,40})?(?:e[-+]?\d{1,4})?|\.\d{1,40}(?:e[-+]?\d{1,4})?|nan|inf(?:inity)?))"
_WORD = r"\S{1,60}?"


class Template:
    """One template, and how many lines it has met: the step of those that name none."""

    def __init__(self, text: str) -> None:
        pattern, self._names = "", []  # type: str, list[str]
        for piece in _PIECES.split(text.strip()):
            if piece in ("{{", "}}"):
                pattern += re.escape(piece[0])
            elif piece[:1] == "{" and piece[-1:] == "}" and len(piece) > 2:
                name = piece[1:-1]
                # What a template begins with is looked for all over a line: a number is not begun in its middle.
                pattern += r"(?<![\d.])" if name != "_" and not pattern else ""
                pattern += _WORD if name == "_" else _NUMBER
                self._names += [name] if name != "_" else []
            elif piece.isspace():
                pattern += r"\s+"
            else:
                pattern += re.escape(piece)
        self._pattern = re.compile(pattern, re.IGNORECASE)
        self._met = 0

    def read(self, line: str) -> Optional[dict[str, Any]]:
        """The metrics of a line, with its `step`; None for a line of another kind."""
        found = self._pattern.search(line)
        if found is None:
            return None
        self._met += 1
        values = {name: float(text) for name, text in zip(self._names, found.groups())}
        step = values.pop("step", float(self._met))
        if not math.isfinite(step):
            return None
        metrics: dict[str, Any] = {"step": int(step)}
        # NaN and infinities are null, as `lt_metrics` writes them.
        metrics.update({name: value if math.isfinite(value) else None for name, value in values.items()})
        return metrics


class Printed:
    """Follows the log of an attempt and adds what its templates find to the metrics."""

    def __init__(self, attempt: AttemptPaths, templates: Sequence[str]) -> None:
        self._attempt = attempt
        self._templates = [Template(text) for text in templates]
        self._offset = 0
        self._rest = b""

    def look(self, *, last: bool = False) -> None:
        """Reads what has been printed since, or as much of it as time allows.

        `last`: nothing follows, so a line without an end is whole, too.

        What can't be read or written now is tried at the next look; a metric is not worth a training.
        """
        if not self._templates:
            return
        end = time.monotonic() + (_LAST_LOOK if last else _LOOK)
        with contextlib.suppress(OSError), open(self._attempt.log, "rb") as log:
            log.seek(self._offset)
            while data := log.read(_BLOCK):
                self._take(data)
                if time.monotonic() > end:
                    return  # it prints faster than anybody can read: the rest comes at the next looks
            if last and self._rest:
                self._take(b"\n")

    def _take(self, data: bytes) -> None:
        *lines, rest = re.split(rb"[\r\n]", self._rest + data)
        told = [metrics for line in lines for metrics in self._read(line)]
        if told:
            text = "".join(json.dumps(metrics, allow_nan=False) + "\n" for metrics in told)
            _append(os.fspath(self._attempt.metrics), text.encode())
        self._offset += len(data)
        self._rest = rest[:MAX_LINE]

    def _read(self, line: bytes) -> list[dict[str, Any]]:
        text = line[:MAX_LINE].decode("utf-8", "replace")
        found = (template.read(text) for template in self._templates)
        return [metrics for metrics in found if metrics is not None]


def _append(path: str, data: bytes) -> None:
    # The script may append to the file at the same time: a single write to a descriptor opened for appending.
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)
