"""Staying alive after logout where systemd-logind would end what a person left behind, and coming back after a boot."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .protocol.files import write_bytes

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


def outlives_boots(path: Path) -> bool:
    """Whether what lies there is there after a boot: /tmp and its like are emptied."""
    emptied = ["/tmp", "/run", "/dev/shm", os.environ.get("TMPDIR") or "/tmp"]
    real = os.path.realpath(path)
    return not any(real.startswith(os.path.realpath(folder).rstrip("/") + "/") for folder in emptied)


def keep_over_reboots(command: Sequence[str], name: str) -> str | None:
    """Has `command` run once whenever the user's manager starts, so at each boot where the user lingers.

    A unit of the user's own, `lt-<name>.service`, enabled by its link; nothing is asked of a running manager. Returns
    its path, or None where the user does not linger or has no folder for it. Writing it again changes nothing.
    """
    if not os.path.exists(f"{LINGER}/{user_name()}"):
        return None
    folder = os.path.join(os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config"), "systemd", "user")
    unit, wants = os.path.join(folder, f"lt-{name}.service"), os.path.join(folder, "default.target.wants")
    text = _UNIT.format(command=" ".join(_quoted(word) for word in command))
    try:
        os.makedirs(wants, exist_ok=True)
        with contextlib.suppress(FileNotFoundError), open(unit, encoding="utf-8") as file:
            if file.read() == text and os.path.lexists(os.path.join(wants, os.path.basename(unit))):
                return unit
        write_bytes(Path(unit), text.encode(), mode=0o644)
        with contextlib.suppress(FileExistsError):
            os.symlink(unit, os.path.join(wants, os.path.basename(unit)))
    except (OSError, UnicodeError):
        return None  # a home that can't be written to: the first bridge after a boot sees to the queue
    return unit


# What it starts outlives it: the dispatcher is not to go with the unit.
_UNIT = """\
[Unit]
Description=lt goes on with the jobs that wait here

[Service]
Type=oneshot
KillMode=process
ExecStart={command}

[Install]
WantedBy=default.target
"""


def _quoted(word: str) -> str:
    """A word of an `ExecStart=` line, by systemd.service(5): quoted, with `%` and `$` doubled."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'
