"""English: states, reasons, events, and lt's own lines."""

from __future__ import annotations

from .english_errors import ERRORS

__all__ = ["CHECKS", "ERRORS", "EVENTS", "PHRASES", "REASONS", "WORDS"]

#: States of jobs, pulls and hosts. The codes are English already; a better word stands here.
WORDS: dict[str, str] = {"timed_out": "timed out", "none": "–"}

#: Why a job ended.
REASONS: dict[str, str] = {
    "completed": "done",
    "ok": "done",
    "done": "done",
    "early_stopped": "stopped early, no better result",
    "stopped": "stopped on request",
    "stopped_before_start": "stopped before it started",
    "paused": "paused on request",
    "timeout": "its time was up",
    "oom": "out of memory",
    "nan": "the loss became NaN",
    "hang": "no progress",
    "disk_full": "the host's disk is full",
    "data_changed": "data on the host was changed",
    "bad_recipe": "the recipe does not fit",
    "bad_data": "the data does not fit",
    "missing_module": "a Python package is missing",
    "model_not_found": "the model was not found",
    "resume_incomplete": "the checkpoint lacks what an exact resume needs",
    "exit_code": "exit code",
    "signal": "ended by a signal",
    "host_rebooted": "the host was restarted",
    "container_restarted": "the container was restarted",
    "supervisor_killed": "its supervisor was killed",
    "error": "failed",
    "exception": "an error in the training",
    "start_failed": "it could not be started",
    "no_supervisor": "its supervisor could not be started",
}

EVENTS: dict[str, str] = {
    "checkpoint": "checkpoint {name}[ (step {step})][, {size:size}]",
    "checkpoint_failed": "checkpoint {name} could not be recorded[: {why}]",
    "rotated": "{name} was deleted on the host: newer ones are there",
    "disk_low": "the host's disk is getting full[: {free:size} free]",
    "plan": "{total_steps} steps planned",
    "env_existing": "environment: {python}",
    "env_cached": "environment: built before ({python})",
    "env_waiting": "environment: another job is building it",
    "env_building": "environment: building[, {packages} packages]",
    "env_built": "environment: built[ in {seconds:time}]",
    "collect_skipped": "not collected: {paths}",
    "samples_unavailable": "no measurements of {what}[: {why}]",
    "pulled": "{name} is at home, verified",
    "unreadable_event": "an event that can't be read ({bytes} bytes)",
}

#: Findings of `lt host check` by code. English is what the check itself says.
CHECKS: dict[str, tuple[str, str]] = {}

PHRASES: dict[str, str] = {
    "big_entry": "{size:size} in {files} files: {entry}",
    "submitted": "Submitted {job} to {host}.",
    "still_running": "{job} goes on without you: lt logs {job} -f",
    "follow_end": "{job}: {state}[ ({why})]",
    "come_home": "At home: {path}",
    "coming_home": "Checkpoints are on their way home: lt wait {job} --pulled",
    "asked": "{what}: asked of {host}[, which is {state} now: it will be carried out when it answers]",
    "done": "{what}: done",
    "no_jobs": "No job is alive. lt ps -a shows ended ones; lt submit HOST RECIPE starts one.",
    "no_jobs_at_all": "No jobs yet. lt submit HOST RECIPE starts one; lt recipe ls shows recipes.",
    "host_key": "{host} ({address}) shows the {key_type} key {fingerprint}",
    "host_key_known": "known before: {known}",
    "host_key_ask": "Is this the host's key?",
    "host_added": "{host} is added: {summary}",
    "host_removed": "{host} is forgotten; nothing on it was touched.",
    "host_edited": "{host} is changed.",
    "host_trusted": "{host} may show the key {fingerprint} from now on.",
    "recipe_fine": "{recipe} is fine.",
    "not_installed": "not installed",
    "is_there": "there is a host of this name already",
    "reading": "reading {what}  {done} / {total}",
    "looking": "Looking at {host} …",
    "left_out": "not sent: {path} ({why})",
    "sends": "{name}: {files} files, {size:size}",
    "there_already": "{name}: on the host already",
    "controller_off": "No controller is running; one starts when it is needed.",
    "controller_on": "The controller runs (pid {pid}).",
    "controller_left": "The controller has left; jobs on the hosts go on.",
    "nothing_imported": "Nothing to import.",
    "imported": "imported {host} ({address})",
    "not_imported": "not imported: {host} ({why})",
    "interrupted": "Interrupted.",
    "sending": "sending {what} to {host}",
    "pulling": "bringing {what} home from {host}",
}
