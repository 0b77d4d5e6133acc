"""The one place that makes bytes and text from a host safe for a terminal.

Logs, names, error texts and paths of a host are stored exactly as they came. Whatever is about to be shown goes
through here first: escape sequences (CSI, OSC, DCS, APC, PM, SOS) vanish, every other control character, bidirectional
override and invalid byte is written out as a visible escape such as `\\x07`. Colours are dropped too: a colour can hide
text, and a log reads well without.
"""

from __future__ import annotations

import codecs
import re
from typing import Literal

# A string sequence (OSC and its kin) is dropped only if it ends on its own line within this many characters; the
# patterns below say the same number.
# A terminal would swallow everything up to a terminator that may never come; here the text stays visible.
_STRING_LIMIT = 4096
_SEQUENCES = re.compile(
    r"""
    (?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])      # OSC, DCS, SOS, PM, APC …
        [^\x07\x1b\x9c\n\x90\x98\x9d-\x9f]{0,4096}   # … with their text: a new one ends it, or time grows squarely …
        (?:\x07|\x1b\\|\x9c)                   # … and their end
    | (?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]         # CSI: colours, cursor moves, erasing
    | \x1b[ -/]+[0-~]                          # character sets and the like
    | \x1b[0-OQ-WYZ\\`-~]                      # two-character sequences: reset, save cursor
    """,
    re.VERBOSE,
)
# What may stand at the end of a chunk and still become a sequence when more arrives.
_UNFINISHED = re.compile(
    r"""
    (?: (?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f]) [^\x07\x1b\x9c\n\x90\x98\x9d-\x9f]{0,4096} \x1b?
      | (?:\x1b\[|\x9b) [0-?]{0,64} [ -/]{0,8}
      | \x1b [ -/]{0,8}
    )\Z
    """,
    re.VERBOSE,
)
# C0 without tab and newline, DEL, C1; marks, embeddings, overrides and isolates of direction; line separators;
# lone surrogates; the byte order mark; invisible tag characters.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ud800-\udfff\ufeff\U000e0000-\U000e007f]"
)


def safe(text: str | bytes | None, *, multiline: bool = False) -> str:
    """`text` in a form that no terminal acts on.

    One line by default: newlines and tabs become spaces, for table cells and messages. With `multiline` they stay.
    A `\\r` inside a line keeps what a terminal would show in the end: the text after the last one.
    """
    if text is None:
        return ""
    raw = text.decode("utf-8", "backslashreplace") if isinstance(text, bytes) else text
    if "\r" in raw:
        raw = "\n".join(_last_state(line) for line in raw.split("\n"))
    clean = _scrub(raw)
    return clean if multiline else clean.replace("\n", " ").replace("\t", " ")


class Cleaner:
    """Makes a stream of log bytes safe, chunk by chunk: sequences and characters may be cut anywhere.

    `progress="last"` gives whole lines only, each as it looked in the end (a progress bar leaves its last state):
    right for pipes, files and searching. `progress="live"` gives text as it comes and lets `\\r` return to the line's
    start, after clearing it: right for following on a terminal.
    """

    #: A line without an end is passed on at this length (characters), so that memory stays bounded.
    LINE_LIMIT = 64 << 10

    def __init__(self, progress: Literal["last", "live"] = "last") -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._live = progress == "live"
        self._held = ""

    def feed(self, data: bytes) -> str:
        """What can be shown after `data` has come; the rest is held until more comes."""
        text = self._held + self._decoder.decode(data)
        self._held = ""
        return self._feed_live(text) if self._live else self._feed_lines(text)

    def finish(self) -> str:
        """What was still held. The stream is over."""
        text = self._held + self._decoder.decode(b"", True)
        self._held = ""
        return _scrub(text.rstrip("\r")) if self._live else _scrub(_last_state(text))

    def _feed_lines(self, text: str) -> str:
        cut = text.rfind("\n") + 1
        whole, rest = text[:cut], text[cut:]
        if len(rest) > self.LINE_LIMIT:
            whole, rest = whole + _last_state(rest) + "\n", ""
        elif "\r" in rest:
            # Only the last state counts: a bar that runs for hours must not pile up here.
            tail = rest.rstrip("\r")
            rest = tail[tail.rfind("\r") + 1 :] + rest[len(tail) :][:1]
        self._held = rest
        if "\r" in whole:
            whole = "\n".join(_last_state(line) for line in whole.split("\n"))
        return _scrub(whole)

    def _feed_live(self, text: str) -> str:
        if text.endswith("\r"):
            # `\r\n` is a line's end, a lone `\r` a return: the next byte tells.
            text, self._held = text[:-1], "\r"
        unfinished = _UNFINISHED.search(text, max(0, len(text) - _STRING_LIMIT - 3))
        if unfinished:
            text, self._held = text[: unfinished.start()], text[unfinished.start() :] + self._held
        parts = re.split(r"\r+(?!\n)", text.replace("\r\n", "\n"))
        return "\r\x1b[K".join(_scrub(part) for part in parts)


def _last_state(line: str) -> str:
    """What stays on the screen of a line that returned to its start by `\\r`."""
    return line.rstrip("\r").rpartition("\r")[2]


def _scrub(text: str) -> str:
    if not _UNSAFE.search(text):
        return text
    return _UNSAFE.sub(_escape, _SEQUENCES.sub("", text))


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
