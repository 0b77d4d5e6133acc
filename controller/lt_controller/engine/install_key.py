"""Our public key into a host's `~/.ssh/authorized_keys`, once and as a whole, and the proof that it logs in."""

from __future__ import annotations

import socket
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_inventory.model import Host

from ..home import Home
from ..transport import transport_for
from ..transport.base import Transport
from ..transport.remote import script

PATIENCE = 30.0  # seconds for the command on the host
_THERE, _PUT = 10, 0  # exit codes of the script
# $1 the key's line, $2 its base64 alone, by which it is found whatever stands around it. sshd wants the folder and the
# file to be writable by their owner alone. The new file is complete before it takes the old one's place; a link is
# followed, so that a shared file stays the one that is shared.
_SCRIPT = r"""
umask 077
folder=$HOME/.ssh
mkdir -p -- "$folder" && chmod 700 -- "$folder" || exit 1
file=$folder/authorized_keys
[ ! -L "$file" ] || file=$(readlink -f -- "$file") || exit 1
if [ -e "$file" ]; then
    chmod go-w -- "$file" || exit 1
    ! grep -qF -- "$2" "$file" || exit 10
fi
new=$file.lt-$$
trap 'rm -f -- "$new"' EXIT
{ [ ! -e "$file" ] || cp -p -- "$file" "$new"; } || exit 1
# a last line without its end would swallow ours
[ ! -s "$new" ] || [ -z "$(tail -c 1 -- "$new")" ] || echo >> "$new" || exit 1
printf '%s\n' "$1" >> "$new" && mv -f -- "$new" "$file" && sync "$file" 2>/dev/null
[ -e "$file" ]
"""


def install_key(transport: Transport, host: Host, home: Home) -> dict[str, Any]:
    """Puts a key on the host and logs in with it: `{key: its file here, there: whether the host had it already}`.

    The key is the host's own, else the first in `~/.ssh` without a passphrase, else one of lt's in `LT_HOME/keys`,
    made now. Raises LtError `key_not_installed`, `key_not_accepted`, and what the second login raises.
    """
    path, line = key_for(host, home)
    done = transport.run(script(_SCRIPT, line, line.split()[1]), timeout=PATIENCE)
    if done.exit not in (_THERE, _PUT):
        detail = done.stderr[-300:].decode("utf-8", "replace").strip()
        raise LtError("key_not_installed", host=host.name, detail=detail)
    proof = transport_for(replace(host, key=str(path)), home)
    try:
        proof.connect()
    except LtError as error:
        if error.code not in ("login_failed", "login_needed"):
            raise
        raise LtError("key_not_accepted", host=host.name, key=str(path)) from None
    finally:
        proof.close()
    return {"key": str(path), "there": done.exit == _THERE}


def key_for(host: Host, home: Home) -> tuple[Path, str]:
    """The private key to use and the line of its public half. Raises LtError as `transport.keys.own_key`."""
    from ..transport.answers import Nobody
    from ..transport.keys import own_key, read_key, usual_paths

    if host.key is not None:
        path = Path(host.key).expanduser()
        key = own_key(host, Nobody()).key
        return path, _line(key.get_name(), key.get_base64())
    for path in usual_paths():
        try:
            usual = read_key(path, host.name)
        except LtError:
            continue
        if usual is not None:
            return path, _line(usual.get_name(), usual.get_base64())
    path = home.path / "keys" / "id_ed25519"
    if not path.exists():
        _make(path)
    made = read_key(path, host.name)
    if made is None:
        raise LtError("key_encrypted", host=host.name, key=str(path))
    return path, _line(made.get_name(), made.get_base64())


def _line(kind: str, blob: str) -> str:
    return f"{kind} {blob} lt@{socket.gethostname()}"


def _make(path: Path) -> None:
    """A fresh ed25519 key, 0600 from the start, under its name only when it is complete."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    fresh = path.with_name("id_ed25519.new")
    for left in (fresh, fresh.with_name(fresh.name + ".pub")):
        left.unlink(missing_ok=True)
    try:
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"lt@{socket.gethostname()}", "-f", str(fresh)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise LtError("start_failed", program="ssh-keygen", why=type(error).__name__) from None
    fresh.with_name(fresh.name + ".pub").replace(path.with_name(path.name + ".pub"))
    fresh.replace(path)
