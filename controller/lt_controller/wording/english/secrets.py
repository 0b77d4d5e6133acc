"""Secrets, in English."""

from __future__ import annotations

REASONS: dict[str, str] = {
    "needs_secret": "it needs its secrets again: lt secret give JOB",
    "secret_gone": "its secrets were gone when it started",
}

WAITS: dict[str, str] = {"needs_secret": "needs {names}: lt secret give JOB"}

EVENTS: dict[str, str] = {
    "needs_secret": "waits for {names}: lt secret give JOB",
    "secrets_here": "has what it waited for: {names}",
}

ERRORS: dict[str, tuple[str, str]] = {
    "secret_missing": ("{names} is neither in the environment nor in the keyring.", "lt secret set {names}"),
    "bad_secret_name": (
        "{name} can't be a secret's name: letters, digits and underscores, and none that decides how a program runs.",
        "name it as the program wants it, like HF_TOKEN",
    ),
    "bad_secret": ("The value of {name} is empty, or no text.", "lt secret set {name}"),
    "no_such_secret": ("There is no secret {name} in the keyring[; there are: {known}].", "lt secret ls"),
    "secrets_of_host": (
        "Job {job} is known from what {host} told alone, and that says it needs {names}. Nobody here has named them.",
        "lt secret give {job} NAME … gives those that you name, and no others",
    ),
    "no_secrets": (
        "Job {job} asked for no secret[ of this name: {names}].",
        "lt run HOST --secret NAME, or secrets: [NAME] in a recipe",
    ),
    "secret_in_plain": (
        "The value of {name} stands in the command or the recipe, where everybody can read it. Nothing was submitted.",
        "leave it out there: the job finds it in its environment, as ${name}",
    ),
    "no_keyring_for_secrets": (
        "This system has no keyring that {name} could be kept in safely[: {why}]. Nothing was kept.",
        "give it with the command: read -rs {name}; export {name}; lt submit …",
    ),
    "secrets_not_taken": ("The host did not take the secrets of job {job}[: {why}].", "lt secret give {job}"),
    "secret_gone": ("The secrets {names} were gone when the job started.", "lt resume {job}"),
}

PHRASES: dict[str, str] = {
    "secret_kept": "{name} is in the keyring.",
    "secret_removed": "{name} is no longer in the keyring.",
    "secret_none": "No secrets are kept. lt secret set NAME keeps one in the system's keyring.",
    "secret_given": "{job} has been given {names}.",
    "secret_from_environment": "the environment",
    "secret_from_keyring": "the keyring",
}
