"""Lists on a real terminal of 60 columns: fewer columns, whole words."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from support.store import Store

LT = str(Path(sys.executable).with_name("lt"))


def on_terminal(*words: str, columns: int) -> str:
    """What `lt WORDS` prints on a terminal of so many columns."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "COLUMNS": str(columns), "NO_COLOR": "1", "TERM": "xterm"}
    started = subprocess.Popen([LT, *words], stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL, env=env)
    os.close(theirs)
    shown = b""
    try:
        while data := os.read(ours, 65536):
            shown += data
    except OSError:  # the terminal's other end is closed
        pass
    os.close(ours)
    assert started.wait(30) == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", shown.decode())


def test_a_narrow_terminal_gets_fewer_columns_and_whole_words(store: Store) -> None:
    store.job("sft-lora-k3x9qp", "succeeded", step=10, total_steps=10, pull_state="pulled")
    store.job("tiny-sft-lora-abc", "cancelled", reason="stopped")
    narrow, wide = on_terminal("ps", "-a", columns=60), on_terminal("ps", "-a", columns=160)
    for word in ("sft-lora-k3x9qp", "tiny-sft-lora-abc", "succeeded", "cancelled", "10/10"):
        assert word in narrow and word in wide
    assert "AGE" in wide and "AGE" not in narrow
    assert "LEFT" not in wide  # nobody has a value there
    assert max(map(len, narrow.splitlines())) <= 60
