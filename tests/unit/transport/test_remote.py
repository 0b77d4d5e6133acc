"""The one quoting function, asked of real shells."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lt_controller.transport.remote import command_line, quote, script

# Without NUL, which no argument holds, and without what cannot be encoded.
TEXT = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=30)


def through(shell: str, words: list[str]) -> list[str]:
    line = command_line([*script("printf '%s\\0' \"$@\""), *words])
    done = subprocess.run([shell, "-c", line], capture_output=True, check=True)
    return done.stdout.decode().split("\0")[:-1]


@pytest.mark.parametrize("shell", ["sh", "bash", "dash", "zsh", "fish", "busybox"])
def test_hard_words_pass_through_a_login_shell(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    words = ["", "a b", "it's", "\\", "\\\\'", "$x", "`x`", "!!", "a\nb", "*", "~", "#", ";", "-n", "=x", "%", "ü"]
    argv = ["busybox", "sh"] if shell == "busybox" else [shell]
    line = command_line([*script("printf '%s\\0' \"$@\""), *words])
    done = subprocess.run([*argv, "-c", line], capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == words


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=4))
def test_any_words_pass_through_sh(words: list[str]) -> None:
    assert through("sh", words) == words


def test_plain_words_stay_readable() -> None:
    assert command_line(["ls", "-l", "/tmp/a.b"]) == "ls -l /tmp/a.b"


def test_a_nul_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        quote("a\0b")
