"""The most memory that this process has held, for `lt estimate` to lay beside its estimate."""

from __future__ import annotations

import sys
from typing import Any


def peak_memory() -> dict[str, int]:
    """Metrics, in bytes since the process began.

    On a GPU `memory/peak` is what tensors took at most and `memory/reserved` what the allocator held for them; CUDA's
    own context comes on top of both. On a CPU `memory/peak` is the process's largest resident size, its imports
    included. Empty where nobody can tell.
    """
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        return {
            "memory/peak": int(torch.cuda.max_memory_allocated()),
            "memory/reserved": int(torch.cuda.max_memory_reserved()),
        }
    resident = _largest_resident()
    return {"memory/peak": resident} if resident else {}


def _largest_resident() -> int | None:
    # Not getrusage: its figure survives exec, so it may be that of whoever started this process.
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as lines:
            for line in lines:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None
