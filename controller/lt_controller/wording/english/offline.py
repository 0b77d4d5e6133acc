"""Hosts without a way out, in English."""

from __future__ import annotations

ERRORS: dict[str, tuple[str, str]] = {
    "not_prepared": (
        "{host} has no way out, and the packages for this recipe have not been sent there.",
        "lt host prepare {host} RECIPE",
    ),
    "not_here_offline": (
        "{id} ({key}) is not on this machine, and the host can't fetch it.",
        "hf download {id}, or name a folder or file: {key}=PATH",
    ),
    "offline_no_python": (
        "The host has no Python 3.11 to 3.14 to build the environment from, and can't fetch one.",
        "install one there, or name an interpreter: env.python=PATH",
    ),
}

PHRASES: dict[str, str] = {
    "prepare_wheels": "packages for its platform  {done} / {total}",
    "prepare_sending": "sending {what}  {done} / {total}",
    "prepared": "{host} has all that it needs[; sent: {sent}][; there before: {there}]",
}
