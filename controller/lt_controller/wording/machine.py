"""The hardware of a host in a few words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .say import phrase, size


def machine(data: Mapping[str, Any], lang: str | None = None) -> str:
    """A period's `data` (`client.periods.HostPeriod`) in a line: GPUs, cores and memory."""
    gpus = [f"{gpu.get('count')} × {gpu.get('name')}" for gpu in data.get("gpus") or () if isinstance(gpu, dict)]
    cpus = phrase("cpu_cores", lang, count=data["cpus"]) if data.get("cpus") else ""
    memory = size(data["memory"]) if data.get("memory") else ""
    return ", ".join(part for part in (" + ".join(gpus), cpus, memory) if part)
