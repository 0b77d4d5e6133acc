"""The locked environments: `<method>.txt`, one pinned requirement a line. `python -m lt_recipes.locks` renews them.

Hashes are left out on purpose: torch comes as another file per CUDA version, for the CPU and from a mirror, and no
list of hashes would fit them all. For the same reason CUDA's own packages are not listed: they follow from torch.
"""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parent

_LINE = re.compile(r"([A-Za-z0-9][\w.-]*)(\[[\w.,-]+\])?\s*==\s*([\w.!+*-]+)\s*(;.*)?\Z")


def shipped_locks() -> list[str]:
    """The names that `env.lock` may give."""
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


def read_lock(text: str) -> tuple[str, ...]:
    """The requirement lines of a lock. Raises ValueError, with the line's number, for what is no pinned requirement."""
    lines = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^|\s)#.*$", "", raw).strip()
        if not line:
            continue
        if not _LINE.match(line):
            raise ValueError(f"line {number} is no pinned requirement: {line[:60]!r}; write name==version")
        lines.append(line)
    return tuple(lines)


def load_lock(name: str) -> tuple[str, ...]:
    """A shipped lock's lines. Raises KeyError for an unknown name."""
    if name not in shipped_locks():
        raise KeyError(name)
    return read_lock((FOLDER / f"{name}.txt").read_text(encoding="utf-8"))


def package_name(requirement: str) -> str:
    """The normalised name in a requirement line: `Foo_Bar[x]>=1` is `foo-bar`."""
    found = re.match(r"[A-Za-z0-9][\w.-]*", requirement.strip())
    return re.sub(r"[-_.]+", "-", found[0]).lower().rstrip("-") if found else ""
