"""English: the end of a rented box."""

from __future__ import annotations

ERRORS: dict[str, tuple[str, str]] = {
    "host_drained": ("{host} is drained: it takes nothing new.", "lt drain {host} --undo"),
    "host_retired": ("{host} is retired: it takes nothing new.", "lt host retire {host} --undo, should it be back"),
    "host_not_home": (
        "{count} checkpoints are on {host} alone: {checkpoints}.",
        "lt drain {host} brings them home; --force gives them up",
    ),
    "checkpoint_not_home": (
        "Checkpoint {name} of {job} is not at home, and {host} has it.",
        "lt pull {job} {name} --wait brings it home",
    ),
    "input_stays_behind": (
        "{job} reads {path}, which another job made on {host}.",
        "submit it anew with job:NAME, which takes it from home",
    ),
}

REASONS: dict[str, str] = {"host_retired": "its host was given up", "no_host_fits": "no host fits"}

EVENTS: dict[str, str] = {
    "host_retired": "given up with its host {host}",
    "relocated": "goes on at {host}, no longer at {origin}[, from {name}]",
}

WAITS: dict[str, str] = {
    "elsewhere": "to go on elsewhere ({asked}), since {host} was given up[; next look in {left:time}][: {reason}]",
}

PHRASES: dict[str, str] = {
    "done_relocate": "{what}: goes on there, from what is at home",
    "host_open": "{host} takes jobs again.",
    "host_given_up": "{host} is retired; jobs there that had not ended: {count}.",
    "go_on_elsewhere": "{job} can go on elsewhere: lt resume {job} --on HOST",
    "goes_on_by_itself": "{job} goes on elsewhere by itself, at the best of {asked}: lt show {job}",
    "goes_on": "{job} goes on at {host}",
    "drain_left": "{host}: {jobs} jobs are not at rest, {checkpoints} checkpoints are not at home",
    "drain_away": "{why}: it goes on when {host} answers; lt host retire {host} if it is gone",
    "may_go": "{host} can go: nothing runs there, and {checkpoints} checkpoints ({size:size}) are at home, verified.",
    "may_not_go": "{host} can't go yet: {jobs} jobs are not at rest, {checkpoints} checkpoints are on it alone.",
}
