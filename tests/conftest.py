"""For every test: properties are tried on the same examples each time, without a limit of time (`support.steady`)."""

from __future__ import annotations

from hypothesis import settings

from support.steady import STEADY

settings.register_profile("steady", STEADY)
settings.load_profile("steady")
