"""`runs/.flows/`: each sweep and pipeline as a file, for the day the database is gone. `homecoming` reads them back.

A job's own files say nothing of the sweep or the pipeline that it belongs to; this says which jobs were whose, and what
was still to come.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lt_agent.protocol.files import write_bytes

from ..home import Home
from ..store import kept_flows
from ..store.kept_flows import ALIVE, Flow
from ..store.writer import Writer


class FlowFiles:
    """Writes what has changed. Used from one thread."""

    def __init__(self, home: Home, writer: Writer) -> None:
        self._folder = folder_of(home)
        self._writer = writer
        self._rested: dict[Flow, tuple[str, str | None]] = {}  # as they were written, those at rest

    def keep(self) -> None:
        """Looks at all that is under way, and once at what has come to rest. Raises OSError (disk full)."""
        heads = self._writer.read(kept_flows.heads)
        for flow, head in heads.items():
            if self._rested.get(flow) == head:
                continue
            text = json.dumps(self._writer.read(kept_flows.record, *flow), ensure_ascii=False, indent=1) + "\n"
            self._write(self._folder / f"{flow[1]}.json", text.encode("utf-8", "replace"))
            if head[0] not in ALIVE:
                self._rested[flow] = head
        for flow in self._rested.keys() - heads.keys():  # a person has had it forgotten
            (self._folder / f"{flow[1]}.json").unlink(missing_ok=True)
            del self._rested[flow]

    def _write(self, path: Path, data: bytes) -> None:
        try:
            if path.read_bytes() == data:
                return
        except OSError:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_bytes(path, data, durable=False)


def folder_of(home: Home) -> Path:
    """Where the files lie. The dot keeps it apart from every job's name."""
    return home.runs / ".flows"


def read_back(home: Home) -> Iterator[tuple[Path, Any]]:
    """(file, value) of each; ValueError or OSError as the value where it can't be read."""
    for path in sorted(folder_of(home).glob("*.json")):
        try:
            yield path, json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            yield path, error
