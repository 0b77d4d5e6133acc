"""The keys that a login offers: a host's own, from its file or the agent, or else the agent's and the usual ones."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import paramiko
from paramiko.pkey import UnknownKeyType

from lt_agent.protocol.errors import LtError
from lt_inventory.model import Host

from .answers import PASSPHRASE, Answers, Question, passphrase_slot

TRIES = 3  # passphrases, and passwords as well
_USUAL = ("id_rsa", "id_ecdsa", "id_ed25519")  # in the order that OpenSSH tries them


@dataclass(frozen=True)
class Key:
    """A private key. `slot`: under which name its passphrase is kept; without one OpenSSH can use it by itself."""

    key: paramiko.PKey
    slot: str | None = None


def own_key(host: Host, answers: Answers) -> Key:
    """The key of `host.key`, with its certificate if `KEY-cert.pub` lies beside it; a passphrase is asked for.

    Raises LtError `key_missing`, `key_public`, `key_permissions`, `key_encrypted` (nobody knows the passphrase),
    `passphrase_wrong` or `key_unreadable`.
    """
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
    key = read_key(path, host.name)
    if key is not None:
        return Key(key)
    held = _from_agent(path)
    return Key(held) if held is not None else _unlocked(path, host, answers)


def agent_keys() -> list[paramiko.PKey]:
    """What the ssh-agent holds, certificates among it; nothing where there is none."""
    try:
        return list(paramiko.Agent().get_keys())
    except (OSError, paramiko.SSHException):
        return []


def usual_keys(host: Host) -> Iterator[Key]:
    """The agent's keys, then those in `~/.ssh` without a passphrase. What can't be read is passed over, as by ssh."""
    seen = set()
    for held in agent_keys():
        seen.add(held.asbytes())
        yield Key(held)
    for path in usual_paths():
        try:
            key = read_key(path, host.name)
        except LtError:
            continue
        if key is not None and key.asbytes() not in seen:
            yield Key(key)


def locked_keys(host: Host, answers: Answers) -> Iterator[Key]:
    """Those in `~/.ssh` that need a passphrase: asked for where nothing else is left to try."""
    for path in usual_paths():
        try:
            if read_key(path, host.name) is None and (answers.present or answers.recall(passphrase_slot(str(path)))):
                yield _unlocked(path, host, answers)
        except LtError as error:
            if error.code != "key_unreadable":
                raise


def usual_paths() -> list[Path]:
    """The private keys that lie where ssh looks for them, private to their owner."""
    found = []
    for name in _USUAL:
        path = Path("~/.ssh").expanduser() / name
        try:
            if not path.stat().st_mode & 0o077:
                found.append(path)
        except OSError:
            continue
    return found


def read_key(path: Path, host: str, passphrase: bytes | None = None) -> paramiko.PKey | None:
    """The key in a file, with its certificate; None where it takes a passphrase. Raises LtError `key_unreadable`."""
    where = {"host": host, "key": str(path)}
    try:
        # bytes, whatever its annotation says; the argument has had two names
        key = paramiko.PKey.from_path(path, passphrase)  # type: ignore[arg-type]
    except (paramiko.PasswordRequiredException, TypeError):  # TypeError: cryptography's word for a missing passphrase
        return None
    except OSError as error:
        raise LtError("key_unreadable", **where, detail=error.strerror or "") from None
    except (paramiko.SSHException, UnknownKeyType, ValueError) as error:
        raise LtError("key_unreadable", **where, detail=type(error).__name__) from None
    if not isinstance(key, paramiko.PKey):
        raise LtError("key_unreadable", **where, detail=type(key).__name__)
    return key


def _unlocked(path: Path, host: Host, answers: Answers) -> Key:
    """The key behind a passphrase that is remembered or asked for."""
    slot = passphrase_slot(str(path))
    kept = answers.recall(slot)
    if kept is not None:
        key = _try(path, host, kept)
        if key is not None:
            return Key(key, slot)
        answers.forget(slot)
    if not answers.present:
        raise LtError("key_encrypted", host=host.name, key=str(path))
    for number in range(TRIES):
        question = Question(host.name, host.target, PASSPHRASE, key=str(path), again=number > 0)
        (given,) = answers.ask(question)
        key = _try(path, host, given)
        if key is not None:
            answers.keep(slot, given)
            return Key(key, slot)
    raise LtError("passphrase_wrong", host=host.name, key=str(path), tries=TRIES)


def _try(path: Path, host: Host, passphrase: str) -> paramiko.PKey | None:
    if not passphrase:
        return None
    try:
        return read_key(path, host.name, passphrase.encode())
    except LtError:
        return None  # a wrong passphrase looks like a damaged key


def _is_public(path: Path) -> bool:
    """Whether somebody named the `.pub` beside the key."""
    try:
        with path.open("rb") as file:
            return file.read(256).startswith((b"ssh-", b"ecdsa-sha2-", b"sk-"))
    except OSError:
        return False


def _from_agent(path: Path) -> paramiko.PKey | None:
    """The agent's key whose certificate or public half lies beside `path`, as `ssh` finds it."""
    held = {key.asbytes(): key for key in agent_keys()}
    for beside in (f"{path}-cert.pub", f"{path}.pub"):
        try:
            blob = base64.b64decode(Path(beside).read_text().split()[1])
        except (OSError, IndexError, ValueError):
            continue
        if blob in held:
            return held[blob]
    return None
