"""How `--help` looks: click's layout, and in Chinese lines that are broken by the width of their signs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from unicodedata import east_asian_width

import click

from ..wording.help_text import help_text
from ..wording.language import language

_NEVER_FIRST = frozenset("，。、；：）”》！？")  # belong to what stands before them


class HelpFormatter(click.HelpFormatter):
    """click's formatter, which says everything through `help_text`."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """The line that says how the command is typed."""
        super().write_usage(prog, args, prefix or ("Usage: " if language() == "en" else help_text("Usage:")))

    def write_heading(self, heading: str) -> None:
        """A heading: Options, Commands, or one of ours."""
        if language() == "en":
            super().write_heading(heading)
        else:
            self.write(f"{help_text(heading)}：\n")

    def write_text(self, text: str) -> None:
        """The paragraphs that tell what a command does; examples stay as they are."""
        if language() == "en":
            super().write_text(text)
            return
        space = " " * self.current_indent
        told = []
        for part in text.split("\n\n"):
            if part.startswith("\b"):
                told.append("\n".join(space + line for line in part.splitlines()[1:]))
            else:
                told.append("\n".join(space + line for line in _lines(help_text(part), self.width - len(space))))
        self.write("\n\n".join(told) + "\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Options or commands, each with a line of help."""
        if language() == "en":
            super().write_dl(rows, col_max, col_spacing)
            return
        rows = list(rows)
        first = min(max((len(name) for name, _ in rows), default=0), col_max) + col_spacing
        space = " " * self.current_indent
        for name, text in rows:
            lines = _lines(_worded(text), max(self.width - first - 2, 10)) or [""]
            if len(name) <= first - col_spacing:
                self.write(f"{space}{name:<{first}}{lines.pop(0)}".rstrip() + "\n")
            else:
                self.write(f"{space}{name}\n")
            for line in lines:
                self.write(f"{space}{'':<{first}}{line}\n")


class HelpContext(click.Context):
    """A context whose help is written by `HelpFormatter`."""

    formatter_class = HelpFormatter


def _worded(text: str) -> str:
    """An option's help in the person's language; what click adds (`[default: 20]`) stays."""
    said, bracket, extra = text.partition("  [")
    return help_text(said) + bracket + extra


def _lines(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` cells: broken between words, and between any two Chinese signs."""
    lines, line = [], ""
    for word in _words(text):
        if line and cells(line) + cells(word.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += word.lstrip() if not line else word
    return [*lines, line.rstrip()] if line.strip() else lines


def _words(text: str) -> Iterator[str]:
    """What is never broken: a word with the blank after it, a wide sign with the stop after it."""
    word = ""
    for sign in text:
        wide = cells(sign) == 2
        if word and sign not in _NEVER_FIRST and (wide or word[-1] == " " or cells(word[-1]) == 2) and sign != " ":
            yield word
            word = ""
        word += sign
    if word:
        yield word


def cells(text: str) -> int:
    """How many columns of a terminal it takes."""
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in text)
