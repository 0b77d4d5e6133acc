"""What a login offers: the host's own key (from its file, or the agent when encrypted), or else the usual ones."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import paramiko
from paramiko.pkey import UnknownKeyType

from lt_agent.protocol.errors import LtError
from lt_inventory.model import Host


def credentials(host: Host) -> dict[str, Any]:
    """The arguments of `SSHClient.connect` that log in to `host`.

    With a key of its own nothing else is tried: an agent full of keys would use up the tries a server allows.
    Raises LtError `key_missing`, `key_public`, `key_permissions`, `key_encrypted` or `key_unreadable`.
    """
    if host.key is None:
        return {"allow_agent": True, "look_for_keys": True}
    return {"allow_agent": False, "look_for_keys": False, "pkey": load_key(host)}


def load_key(host: Host) -> paramiko.PKey:
    """The private key of `host.key`. Raises as `credentials`."""
    path = Path(host.key or "").expanduser()
    where = {"host": host.name, "key": str(path)}
    try:
        stat = path.stat()
    except OSError:
        raise LtError("key_missing", **where) from None
    if _is_public(path):
        raise LtError("key_public", **where)
    # The same rule as OpenSSH's, which moves the files: else control would work and transfers would not.
    if stat.st_uid == os.getuid() and stat.st_mode & 0o077:
        raise LtError("key_permissions", **where)
    try:
        key = paramiko.PKey.from_path(path)
    except (paramiko.PasswordRequiredException, TypeError):  # TypeError: cryptography's word for a missing passphrase
        held = _from_agent(path)
        if held is None:
            raise LtError("key_encrypted", **where) from None
        return held
    except OSError as error:
        raise LtError("key_unreadable", **where, detail=error.strerror or "") from None
    except (paramiko.SSHException, UnknownKeyType, ValueError) as error:
        raise LtError("key_unreadable", **where, detail=type(error).__name__) from None
    if not isinstance(key, paramiko.PKey):
        raise LtError("key_unreadable", **where, detail=type(key).__name__)
    return key


def _is_public(path: Path) -> bool:
    """Whether somebody named the `.pub` beside the key."""
    try:
        with path.open("rb") as file:
            return file.read(256).startswith((b"ssh-", b"ecdsa-sha2-", b"sk-"))
    except OSError:
        return False


def _from_agent(path: Path) -> paramiko.PKey | None:
    """The agent's key whose public half lies beside `path`, as `ssh` finds it."""
    try:
        blob = base64.b64decode(Path(f"{path}.pub").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return None
    try:
        held = paramiko.Agent().get_keys()
    except (OSError, paramiko.SSHException):
        return None
    for key in held:
        if key.asbytes() == blob:
            return key
    return None
