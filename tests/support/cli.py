"""`lt` run in this process, for tests of what commands print."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from lt_controller.cli import main


class Done(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


class Lt:
    """`lt` in this process; stdout is a pipe to it, as in a script."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str, code: int | None = 0) -> Done:
        """Runs `lt WORDS`; fails if it exits with anything but `code` (None: anything will do)."""
        self._capsys.readouterr()
        got = main(list(words))
        out, err = self._capsys.readouterr()
        assert code is None or got == code, f"lt {' '.join(words)} -> {got}\n{out}\n{err}"
        assert "Traceback" not in err
        return Done(got, out, err)
