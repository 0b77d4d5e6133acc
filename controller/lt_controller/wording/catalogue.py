"""What a language has to say, gathered from the files of its folder."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from importlib import import_module
from pkgutil import iter_modules


@dataclass(frozen=True)
class Catalogue:
    """Sentences by code. An error and a check have two: what happened, and what to type next."""

    WORDS: dict[str, str] = field(default_factory=dict)  # states
    REASONS: dict[str, str] = field(default_factory=dict)  # why a job ended
    WHYS: dict[str, str] = field(default_factory=dict)  # small causes inside other sentences
    WAITS: dict[str, str] = field(default_factory=dict)  # why a job waits on its host
    EVENTS: dict[str, str] = field(default_factory=dict)
    ERRORS: dict[str, tuple[str, str]] = field(default_factory=dict)
    ADDING: dict[str, str] = field(default_factory=dict)  # by error, what to type while a host is being added
    CHECKS: dict[str, tuple[str, str]] = field(default_factory=dict)
    PHRASES: dict[str, str] = field(default_factory=dict)  # whatever else a command prints


def merged(package: str) -> Catalogue:
    """The topics of a language, as one. Raises ValueError where two topics have the same code: one of them is lost."""
    found = Catalogue()
    for topic in sorted(info.name for info in iter_modules(import_module(package).__path__)):
        module = import_module(f"{package}.{topic}")
        for kind in fields(Catalogue):
            mine, all_of_them = getattr(module, kind.name, {}), getattr(found, kind.name)
            twice = mine.keys() & all_of_them.keys()
            if twice:
                raise ValueError(f"{module.__name__}: {kind.name} has been given already: {', '.join(sorted(twice))}")
            all_of_them.update(mine)
    return found
