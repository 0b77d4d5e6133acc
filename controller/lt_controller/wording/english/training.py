"""English: what a worker says of kernels and processes."""

from __future__ import annotations

REASONS: dict[str, str] = {
    "rank_died": "one of its processes was killed or crashed",
}

EVENTS: dict[str, str] = {
    "not_used": "{what} is not used[: {why}]; the run goes on without, slower or with more memory",
}

WHYS: dict[str, str] = {
    "not_installed": "it is not installed in the job's environment",
    "no_gpu": "the job has no GPU",
}
