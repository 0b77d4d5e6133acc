"""What is wrong with a recipe, said so that a person can mend it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

COMMAND_LINE = "command line"


@dataclass(frozen=True)
class Problem:
    """One thing to mend. `file` is a path or `command line`; `line` counts from 1; `key` is dotted."""

    file: str
    line: int | None
    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        what = f"{self.key}: {self.message}" if self.key else self.message
        return f"{place}: {what}" + (f" ({self.hint})" if self.hint else "")


class RecipeError(Exception):
    """A recipe that can't be used, with every problem found in it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)
