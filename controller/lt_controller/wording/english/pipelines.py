"""English: pipelines."""

from __future__ import annotations

ERRORS: dict[str, tuple[str, str]] = {
    "bad_pipeline": ("The pipeline {file} can't be run:", "mend it, then: lt pipeline run {file} --dry-run"),
    "no_such_pipeline": ("There is no pipeline {ref}[; near: {near}].", "lt pipeline ls lists them"),
    "pipeline_exists": (
        "{file} was run before, as pipeline {name} ({state}). Going on with it would run {rest}[ and keep {kept}].",
        "lt pipeline resume {name} --file {file}, or from the beginning: lt pipeline run {file} --new",
    ),
    "pipeline_alive": ("Pipeline {name} has not come to rest: {state}.", "lt pipeline stop {name}"),
    "pipeline_over": ("Pipeline {name} runs no more: {state}.", "lt pipeline resume {name}"),
    "nothing_to_resume": (
        "Every stage of pipeline {name} has succeeded, or is alive ({state}).",
        "lt pipeline run {file} --new runs it from the beginning",
    ),
    "outputs_on_their_way": ("What stage {stage} needs is on its way home.", "lt ps"),
}

PHRASES: dict[str, str] = {
    "pipeline_none": "No pipeline was ever run. lt pipeline run FILE",
    "pipeline_asked": "lt pipeline show {id}",
    "pipeline_stopping": "pipeline {name}: nothing more is submitted, and what runs is stopped",
    "pipeline_forgotten": "pipeline {name} is forgotten; its jobs stay",
    "stage_is_ready": "ready",
    "stage_is_pending": "pending",
    "stage_is_blocked": "blocked",
    "stage_is_refused": "refused",
    "stage_is_stopped": "stopped",
    "stage_needs": "needs {stages}",
    "stage_sends": "{size:size} to send",
    "stage_keep": "{stage}: stays as it is",
    "stage_again": "{stage}: a new attempt",
    "stage_anew": "{stage}: a new job",
    "stage_wait": "{stage}: in its turn",
    "stage_gone": "{stage}: is in the file no more",
    "does_keep": "keep",
    "does_again": "new attempt",
    "does_anew": "run",
    "does_wait": "run",
    "does_gone": "drop",
}
