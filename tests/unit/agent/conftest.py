"""A host for the agent's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.agent_host import AgentHost


@pytest.fixture
def host(tmp_path: Path) -> Iterator[AgentHost]:
    """Two slots, no GPU, real processes."""
    made = AgentHost(tmp_path)
    yield made
    made.close()
