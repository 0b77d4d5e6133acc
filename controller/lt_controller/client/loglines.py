"""Lines of a log by byte offset, forward and backward, for a view that reads only what it shows.

Nothing is indexed: a log of a gigabyte opens as fast as one of a kilobyte, and only a few pieces are in memory.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from .database import Reader, when

_KEPT = 24  # pieces of up to 256 KiB
LINE_LIMIT = 16 << 10  # a longer line is shown in parts


@dataclass(frozen=True)
class LogLine:
    """One line as it was printed, without its newline; `end` is where the next one begins."""

    offset: int
    end: int
    data: bytes


class LogLines:
    """The log of one attempt that is at home. Offsets given must be the beginnings of lines."""

    def __init__(self, db: Reader, job: str, attempt: int) -> None:
        self._db = db
        self._key = (job, attempt)
        self._pieces: OrderedDict[int, bytes] = OrderedDict()
        self._sizes: list[float] = []  # of the log, by the host's samples …
        self._times: list[datetime | None] = []  # … and when it was that long

    def size(self) -> int:
        """Bytes at home."""
        row = self._db.row(
            "SELECT offset, length(data) AS size FROM logs WHERE job_id=? AND attempt=? ORDER BY offset DESC LIMIT 1",
            self._key,
        )
        return int(row["offset"] + row["size"]) if row else 0

    def after(
        self, offset: int, count: int, match: re.Pattern[bytes] | None = None, limit: int = 64 << 20
    ) -> list[LogLine]:
        """Up to `count` lines from `offset` on; with `match` those that it finds, within `limit` bytes."""
        found: list[LogLine] = []
        for line in self._forward(offset, offset + limit):
            if match is None or match.search(line.data):
                found.append(line)
                if len(found) >= count:
                    break
        return found

    def before(
        self, offset: int, count: int, match: re.Pattern[bytes] | None = None, limit: int = 64 << 20
    ) -> list[LogLine]:
        """Up to `count` lines that end at or before `offset`, in the order of the log; with `match` as `after`."""
        found: list[LogLine] = []
        for line in self._backward(offset, max(0, offset - limit)):
            if match is None or match.search(line.data):
                found.append(line)
                if len(found) >= count:
                    break
        return found[::-1]

    def times(self, lines: Sequence[LogLine]) -> list[datetime | None]:
        """By when each line had been printed; None where nobody measured.

        A log has no clock of its own. Its length is measured on the host every ten seconds, beside memory and load: a
        line's time is that of the first measure that has it, so it is up to ten seconds late and never early.
        """
        self._read_times()
        found = []
        for line in lines:
            at = bisect_left(self._sizes, line.end)
            found.append(self._times[at] if at < len(self._times) else None)
        return found

    def _read_times(self) -> None:
        rows = self._db.rows(
            "SELECT value, time FROM metrics WHERE job_id=? AND attempt=? AND name='sys/log' AND value IS NOT NULL"
            " ORDER BY step LIMIT -1 OFFSET ?",
            (*self._key, len(self._sizes)),
        )
        for row in rows:
            # A script may cut its own log; what was that long once stays so here, or the search would miss.
            self._sizes.append(max(row["value"], self._sizes[-1] if self._sizes else 0.0))
            self._times.append(when(row["time"]))

    def start_of(self, offset: int) -> int:
        """The beginning of the line that holds `offset`."""
        offset = min(max(0, offset), self.size())
        if self._up_to(offset)[-1:] in (b"", b"\n"):
            return offset
        return self.before(offset, 1)[-1].offset

    def _forward(self, offset: int, stop: int) -> Iterator[LogLine]:
        begin, held = offset, b""
        while begin + len(held) < stop:
            data = self._from(begin + len(held))
            if not data:
                break
            held += data
            at = 0
            while (end := held.find(b"\n", at)) >= 0 or len(held) - at >= LINE_LIMIT:
                end = end if 0 <= end <= at + LINE_LIMIT else at + LINE_LIMIT
                whole = held[end : end + 1] == b"\n"
                yield LogLine(begin + at, begin + end + whole, held[at:end])
                at = end + whole
            begin, held = begin + at, held[at:]
        if held:
            yield LogLine(begin, begin + len(held), held)

    def _backward(self, offset: int, stop: int) -> Iterator[LogLine]:
        end, held = offset, b""  # `held` are the bytes that end at `end`
        while True:
            # The newline that ends the last line is its own, not the end of one before it.
            cut = held.rfind(b"\n", 0, len(held) - 1)
            if cut < 0 and len(held) <= LINE_LIMIT:
                start = end - len(held)
                more = self._up_to(start) if start > stop else b""
                if more:
                    held = more + held
                    continue
                if held:
                    yield LogLine(start, end, held.rstrip(b"\n"))
                return
            if len(held) - (cut + 1) > LINE_LIMIT + 1:
                cut = len(held) - LINE_LIMIT - 1
            line = held[cut + 1 :]
            yield LogLine(end - len(line), end, line.rstrip(b"\n"))
            end, held = end - len(line), held[: cut + 1]

    def _from(self, offset: int) -> bytes:
        """The bytes of one piece from `offset` on."""
        piece = self._piece(offset)
        if piece is None:
            return b""
        start, data = piece
        if offset >= start + len(data):  # the last piece has grown since it was read, or this is the end
            self._pieces.pop(start, None)
            piece = self._piece(offset)
            if piece is None:
                return b""
            start, data = piece
        return data[offset - start :]

    def _up_to(self, offset: int) -> bytes:
        """The bytes of one piece that end at `offset`."""
        piece = self._piece(offset - 1) if offset > 0 else None
        return piece[1][: offset - piece[0]] if piece is not None else b""

    def _piece(self, offset: int) -> tuple[int, bytes] | None:
        row = self._db.row(
            "SELECT offset, length(data) AS size FROM logs WHERE job_id=? AND attempt=? AND offset<=?"
            " ORDER BY offset DESC LIMIT 1",
            (*self._key, offset),
        )
        if row is None:
            return None
        start = int(row["offset"])
        data = self._pieces.get(start)
        if data is None or len(data) != row["size"]:
            found = self._db.row("SELECT data FROM logs WHERE job_id=? AND attempt=? AND offset=?", (*self._key, start))
            data = bytes(found["data"]) if found else b""
            self._pieces[start] = data
        self._pieces.move_to_end(start)
        while len(self._pieces) > _KEPT:
            self._pieces.popitem(last=False)
        return start, data
