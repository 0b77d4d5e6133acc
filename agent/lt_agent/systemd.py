"""Staying alive after logout where systemd-logind would end what a person left behind."""

from __future__ import annotations

import os
import shutil
import subprocess

LINGER = "/var/lib/systemd/linger"  # holds a file per user whose manager runs without a login


def scope_prefix() -> list[str]:
    """What to put before a command so that it outlives the login: `systemd-run --user --scope`, or nothing.

    Only where the user lingers: elsewhere the user's manager itself ends at logout, and a scope with it. It is tried
    out first, since a manager that can't be reached would cost the command.
    """
    runtime = runtime_folder()
    if not (os.path.exists(f"{LINGER}/{user_name()}") and os.path.exists(f"{runtime}/systemd/private")):
        return []
    program = shutil.which("systemd-run")
    if program is None:
        return []
    prefix = ["env", f"XDG_RUNTIME_DIR={runtime}", program, "--user", "--scope", "--quiet", "--collect", "--"]
    try:
        tried = subprocess.run([*prefix, "true"], stdin=subprocess.DEVNULL, capture_output=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return prefix if tried.returncode == 0 else []


def runtime_folder() -> str:
    """Where the user's manager has its sockets."""
    return f"/run/user/{os.getuid()}"


def user_name() -> str:
    """The login name; the uid as text where the user has none, as in some containers."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
