"""English: which host a job goes to, and why not to the others."""

from __future__ import annotations

ERRORS: dict[str, tuple[str, str]] = {
    "no_host_meant": (
        "No host is meant by {asked}[; labels there are: {labels}].",
        "lt host ls lists the hosts; lt host add adds one",
    ),
    "no_host_fits": ("None of the hosts that {asked} stands for can take the job.", "lt host ls, or name one of them"),
    "job_has_begun": ("Job {job} has begun, so it stays where it is.", "lt show {job}"),
}

REASONS: dict[str, str] = {"moved": "moved to another host"}

EVENTS: dict[str, str] = {"moved": "moved from {origin} to {host}, where it can begin sooner"}

PHRASES: dict[str, str] = {
    "placed": "{host}: {why}[; passed over: {others}]",
    "placed_more": "and {count} more",
    "rank_fits": "{free} of {slots} free[, {line} in line][, {memory:size} on a GPU][, {price}/h][, {left} h left]"
    "[, {send:size} to send]",
    "rank_asked": "{number}. {host}: {why}",
    "rank_over": "–  {host}: {why}",
    "over_host_drained": "drained",
    "over_host_retired": "retired",
    "over_host_is_unreachable": "can't be reached",
    "over_host_is_refused": "refuses the login",
    "over_host_is_needs_login": "waits for a login",
    "over_host_never_seen": "never seen",
    "over_lease_over": "its lease is over",
    "over_lease_too_short": "its lease ends in {left} h, and {hours} h are needed",
    "over_too_few_gpus": "{there} GPUs of {asked}",
    "over_gpu_too_small": "{there:size} on a GPU, {asked:size} needed",
    "over_too_few_cpus": "{there} CPU cores of {asked}",
    "over_disk_too_small": "{there:size} of disk free, {asked:size} needed",
}
