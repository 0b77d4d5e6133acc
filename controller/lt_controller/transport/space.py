"""Why a transfer failed: by its exit code, and by asking the two ends how much room they have."""

from __future__ import annotations

import shutil
from pathlib import Path

from lt_agent.protocol.errors import LtError

from .base import Transport
from .remote import script

# rsync(1), "EXIT VALUES"
_CONNECTION = {10, 12, 30, 35, 255}
_FILES_GONE = {23, 24}
_NO_PROGRAM = {126, 127}


def failure(
    host: str,
    transport: Transport,
    code: int,
    detail: str,
    missing: int,
    *,
    remote: str | None = None,
    local: Path | None = None,
) -> LtError:
    """The typed error for rsync's exit `code` with `missing` bytes still to come to the folder `remote` or `local`."""
    if code in _NO_PROGRAM:
        return LtError("no_rsync", host=host)
    if code in {11, 12, 23}:  # a full disk ends a transfer in any of these ways
        room = _room_there(transport, remote) if remote else _room_here(local)
        if room is not None and room < max(missing, 4096):
            place = {"host": host} if remote else {"where": "laptop"}
            return LtError("disk_full", **place, path=str(remote or local), free=room, needed=missing)
    if code in _CONNECTION:
        why = "connection"
    elif code in _FILES_GONE:
        why = "files_missing"
    else:
        why = "io" if code == 11 else "rsync"
    return LtError("transfer_failed", host=host, why=why, exit=code, detail=detail[-500:])


def _room_here(path: Path | None) -> int | None:
    try:
        return shutil.disk_usage(path).free if path else None
    except OSError:
        return None


def _room_there(transport: Transport, path: str) -> int | None:
    # The folder may not exist yet: ask for the nearest one above it that does.
    text = 'p=$1; while [ ! -d "$p" ] && [ "$p" != / ]; do p=$(dirname -- "$p"); done; df -Pk -- "$p"'
    try:
        said = transport.run(script(text, path), timeout=15).stdout.decode(errors="replace").splitlines()
        return int(said[-1].split()[3]) * 1024
    except (LtError, IndexError, ValueError):
        return None
