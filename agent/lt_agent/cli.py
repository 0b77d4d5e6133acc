"""The agent's commands, started as `python3 -E -s -S <agent folder> COMMAND [--root DIR] [--lease-dir DIR] …`.

No argparse: it costs more than the start of some of these commands, and only lt itself ever types them.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

# command -> module and function; the function gets the parsed options and returns the exit code.
COMMANDS: dict[str, tuple[str, str]] = {
    "dispatch": ("lt_agent.dispatcher", "main"),
    "supervise": ("lt_agent.supervisor", "main"),
    "judge": ("lt_agent.judge", "main"),
    "bridge": ("lt_agent.bridge", "main"),
    "facts": ("lt_agent.probe", "main"),
    "untar": ("lt_agent.tarring", "untar_main"),
    "missing": ("lt_agent.tarring", "missing_main"),
    "cat": ("lt_agent.tarring", "cat_main"),
    "shell": ("lt_agent.shell", "main"),
}


def main(argv: Sequence[str]) -> int:
    """Runs `argv[0]` with the options that follow it. Returns the exit code; 2 for what it does not understand."""
    if not argv or argv[0] not in COMMANDS:
        sys.stderr.write("lt agent: one of " + ", ".join(COMMANDS) + " is needed\n")
        return 2
    try:
        options = parse(argv[1:])
    except ValueError as error:
        sys.stderr.write(f"lt agent: {error}\n")
        return 2
    os.umask(0o077)
    module, function = COMMANDS[argv[0]]
    result = getattr(importlib.import_module(module), function)(options)
    return int(result or 0)


def parse(words: Sequence[str]) -> dict[str, str]:
    """`--key value` pairs as a dictionary with the dashes kept inside (`lease-dir`). Raises ValueError."""
    options = {}
    for at in range(0, len(words), 2):
        if not words[at].startswith("--") or at + 1 == len(words):
            raise ValueError(f"--key value was expected, not {words[at]!r}")
        options[words[at][2:]] = words[at + 1]
    return options
