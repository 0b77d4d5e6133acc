"""What a call is refused with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lt_agent.protocol.errors import LtError


def code_of(call: Callable[..., Any], *args: Any, **named: Any) -> str:
    """The code of the LtError that the call raises; fails if it raises none."""
    with pytest.raises(LtError) as caught:
        call(*args, **named)
    return caught.value.code
