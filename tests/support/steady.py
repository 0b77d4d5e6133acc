"""How property tests run among the others: the same examples each time, and no limit of time on a busy machine."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

STEADY = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
