"""The migrations as sqlite-utils wants them.

Importing this costs much where the `train` extra is installed: sqlite-utils imports pandas if there is one (0.9 s and
100 MB). So `schema.open_writable` runs it in a process of its own, and only where a migration is due.
"""

from __future__ import annotations

from importlib import import_module

from sqlite_utils import Migrations

from . import NAMES


def migrations() -> Migrations:
    """All of them, in their order."""
    found = Migrations("lt")
    for name in NAMES:
        found(name=name)(import_module(f"{__package__}.{name}").migrate)
    return found
