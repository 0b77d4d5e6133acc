"""The one place that turns an argv into a line for a remote shell."""

from __future__ import annotations

import re
from collections.abc import Sequence

_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
# Escaped outside of quotes, where sh, csh and fish agree on what a backslash does; within quotes they don't.
_ESCAPED = "'\\!"


def quote(text: str) -> str:
    """`text` as one word for the login shell of a remote account (sh, bash, zsh, dash, fish, csh).

    Raises ValueError for a NUL, which no argument can hold.
    """
    if "\0" in text:
        raise ValueError("an argument cannot hold a NUL byte")
    if _PLAIN.fullmatch(text) and not text.startswith("="):
        return text
    pieces: list[str] = []
    run = ""
    for letter in text:
        if letter in _ESCAPED:
            pieces += [f"'{run}'"] if run else []
            pieces.append("\\" + letter)
            run = ""
        else:
            run += letter
    if run or not pieces:
        pieces.append(f"'{run}'")
    return "".join(pieces)


def command_line(argv: Sequence[str], stdin: str = "") -> str:
    """The line that makes a remote shell run `argv`, each argument as it is; it reads the file `stdin` if given."""
    words = [quote(word) for word in argv]
    return " ".join([*words, f"<{quote(stdin)}"] if stdin else words)


def script(text: str, *arguments: str) -> list[str]:
    """An argv that runs a script of ours under `/bin/sh`, whatever the login shell; `arguments` become `$1` …

    Values travel as arguments only: `text` itself is a constant of this program.
    """
    return ["/bin/sh", "-c", text, "lt", *arguments]
