"""The quoting function: any argument reaches a program as it is, through every shell that is here."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lt_controller.transport.remote import command_line, quote, script
from support.steady import STEADY

SHELLS = [shell for shell in ("sh", "dash", "bash", "zsh", "fish", "csh", "tcsh") if shutil.which(shell)]
# Everything but NUL (no argument holds it) and halves of surrogate pairs (no text is made of them).
LETTERS = st.characters(blacklist_categories=("Cs",), blacklist_characters="\0")
MEANT = st.sampled_from([*"'\"\\$`!*?[]{}()<>|&;#~= \t\n-%^@,.:/", "$(id)", "${HOME}", "\\\\", "''", "!!", "=ls"])
WORDS = st.lists(st.lists(MEANT | LETTERS, max_size=8).map("".join), min_size=1, max_size=12)


@pytest.mark.parametrize("shell", SHELLS)
@given(WORDS)
@settings(STEADY, max_examples=25)
def test_arguments_arrive_as_they_were(shell: str, words: list[str]) -> None:
    if shell in ("csh", "tcsh"):
        words = [word.replace("\n", " ") for word in words]  # csh cannot hold a newline in a word
    line = command_line(["printf", r"%s\0", *words])
    done = subprocess.run([shell, "-c", line], capture_output=True, check=True)
    assert done.stdout == "".join(word + "\0" for word in words).encode()


@given(st.text(alphabet=LETTERS, max_size=40))
@settings(STEADY, max_examples=25)
def test_a_scripts_arguments_are_never_its_text(word: str) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", command_line(script('printf "%s" "$1"', word))], capture_output=True, check=True
    )
    assert done.stdout == word.encode()


@given(st.text(max_size=10), st.text(max_size=10))
@settings(STEADY)
def test_a_nul_is_refused(before: str, after: str) -> None:
    with pytest.raises(ValueError, match="NUL"):
        quote(f"{before}\0{after}")
