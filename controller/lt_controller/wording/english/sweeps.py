"""English: sweeps and their trials."""

from __future__ import annotations

ERRORS: dict[str, tuple[str, str]] = {
    "ambiguous_sweep": ("{ref} may be any of {count} sweeps: {sweeps}.", "write more of the name"),
    "budget_spent": ("The trials of {sweep} have run for the {seconds:time} of its budget.", "lt sweep show {sweep}"),
    "no_such_sweep": ("There is no sweep {ref}[; near it: {near}].", "lt sweep ls"),
    "no_sweep": ("{recipe} has no sweep.", "write sweep: in it, as docs/sweeps.md says; lt submit runs it once"),
    "optuna_missing": (
        "A search needs Optuna, and it is not installed beside lt.",
        "pip install 'labtrain[sweep]', or sweep a grid",
    ),
    "recipe_has_sweep": ("{recipe} has a sweep: many jobs, not one.", "lt sweep run HOST {recipe}"),
    "sweep_goes_on": ("Sweep {sweep} is under way.", "lt sweep show {sweep}"),
    "sweep_is_done": ("Sweep {sweep} has nothing left to do.", "lt sweep show {sweep}"),
    "sweep_is_over": ("Sweep {sweep} has come to its end already: {state}.", "lt sweep show {sweep}"),
    "sweep_wait_timeout": ("Sweep {sweep} was not over after {seconds:time}.", "lt sweep show {sweep}"),
    "trials_failing": (
        "{count} trials of {sweep} failed one after the other, so it begins no more.",
        "lt logs {job}; then lt sweep resume {sweep}",
    ),
}

PHRASES: dict[str, str] = {
    "sweep_done": "done",
    "sweep_stopped": "stopped",
    "sweep_pruned": "pruned",
    "sweep_pruning": "pruning",
    "sweep_resuming": "to be resumed",
    "sweep_planned": "planned",
    "sweep_started": "{trials} trials, {concurrency} at a time; lt sweep show {sweep} tells how they stand",
    "sweep_stops": "{sweep}: begins no more trials; those under way save and end",
    "sweep_resumes": "{sweep}: goes on[ with {again} trials that were stopped or had failed]",
    "sweep_none": "No sweeps yet. A recipe with sweep: in it makes one: docs/sweeps.md",
    "sweep_head": "{sweep}: {recipe} on {hosts}, {state}; {over} of {total} trials over[, {running} under way]",
    "sweep_best": "best: {job}, {metric} {value}[ at step {step}] ({params})",
    "sweep_no_best": "No trial has run to its end with a value of {metric} yet.",
    "sweep_use": "its result: lt pull {job}[; in another recipe: {use}]",
    "sweep_home": "its result is at home: {path}[; in another recipe: {use}]",
    "sweep_matters": "what matters: {shares}",
    "sweep_by_trial": "{metric} by trial, best {value}",
    "sweep_plan": "{total} trials over {hosts}",
    "sweep_plan_search": "{total} trials over {hosts}; values as they come, the first:",
}
