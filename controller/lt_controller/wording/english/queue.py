"""English: the line of a host, retries, what a job asks of its host."""

from __future__ import annotations

#: Why a job waits, by the code that its host gives.
WAITS: dict[str, str] = {
    "turn": "{ahead} before it[, {others} of them not yours]",
    "slot": "for a free place: {there} at once here",
    "gpus": "for {wanted} GPU: {free} of {there} free",
    "gpu_memory": "for {wanted} GPU with {memory:size}: {free} free",
    "foreign": "for {wanted} GPU: what lt did not start holds {gpus}",
    "cpus": "for {wanted} CPU cores: {free} of {there} free",
    "disk": "for {wanted:size} on the disk: {free:size} free",
    "retry": "next try[ in {left:time}], after: {reason}",
}

ERRORS: dict[str, tuple[str, str]] = {
    "bad_priority": ("A priority is a whole number from -{most} to {most}, not {value}.", "lt priority JOB 10"),
    "bad_size": ("{value} is no size; write 24GiB or 500MB.", "lt run HOST --gpu-memory 24GiB -- COMMAND …"),
    "not_enough_cpus": ("{host} has {there} CPU cores, and the job asks for {asked}.", "lt host show {host}"),
    "not_enough_gpu_memory": (
        "{host} has no {wanted} GPU with {asked:size} of memory: the most is {there:size}.",
        "lt estimate RECIPE --host {host} says what the recipe takes",
    ),
    "not_enough_disk": (
        "The disk of {host} holds {there:size} in all, and the job asks for {asked:size}.",
        "lt host edit {host} --root DIR, on a larger disk",
    ),
}

REASONS: dict[str, str] = {
    "not_enough_cpus": "the host has fewer CPU cores than it asks for",
    "not_enough_gpu_memory": "the host has no GPU with the memory it asks for",
    "not_enough_disk": "the host's disk is smaller than it asks for",
    "not_enough_gpus": "the host has fewer GPUs than it asks for",
}

EVENTS: dict[str, str] = {
    "retry": "will be tried again[ in {wait:time}] (retry {try_number})[, from {name}]",
}

PHRASES: dict[str, str] = {
    "done_priority": "{what}: it counts from now on",
}
