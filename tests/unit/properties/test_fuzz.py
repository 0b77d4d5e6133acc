"""What reads strangers' bytes, fed with damaged ones for a moment; `make fuzz` does it for minutes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from benchmarks.faults.fuzz import HostMessages, RecipeFiles, Target, bridge_reader, fuzz

SEED = 20261122


def test_the_bridges_reader_refuses_in_its_own_words() -> None:
    _runs(bridge_reader, 400)


def test_a_hosts_messages_never_break_the_intake(tmp_path: Path) -> None:
    messages = HostMessages(tmp_path)
    try:
        _runs(messages, 100)
    finally:
        messages.writer.close()


def test_the_recipe_loader_refuses_in_its_own_words(tmp_path: Path) -> None:
    _runs(RecipeFiles(tmp_path), 30)


@pytest.mark.slow
def test_a_minute_of_each(tmp_path: Path) -> None:
    messages = HostMessages(tmp_path)
    try:
        for target in (bridge_reader, messages, RecipeFiles(tmp_path)):
            _, findings = fuzz(target, 20.0, SEED)
            assert findings == []
    finally:
        messages.writer.close()


def _runs(target: Target, count: int) -> None:
    for number in range(count):
        target(random.Random(SEED + number))  # raises what it should not
