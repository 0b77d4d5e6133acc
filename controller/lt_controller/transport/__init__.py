"""How the laptop reaches a host: commands and streams over Fabric, files by rsync, both with strict host keys.

`transport_for` and `bulk_for` pick the way for a host. Nothing heavy is imported until one of them is called.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lt_agent.protocol.errors import LtError
from lt_controller.home import Home
from lt_inventory.model import LOCAL, Host

from .answers import Answers
from .base import Bulk, Completed, Duplex, Progress, ProgressCallback, Transport

if TYPE_CHECKING:
    from .login import Login

__all__ = [
    "Bulk",
    "Completed",
    "Duplex",
    "Progress",
    "ProgressCallback",
    "Transport",
    "bulk_for",
    "logins_of",
    "transport_for",
]


def transport_for(host: Host, home: Home, answers: Answers | None = None) -> Transport:
    """The way to run commands on `host`; not connected yet. `answers` is asked where a login needs more than a key.

    Raises LtError `bad_jump`, and `hosts_file_invalid` when the host has jumps and the inventory cannot be read.
    """
    if host.kind == LOCAL:
        from .local import LocalTransport

        return LocalTransport(host.name)
    from .fabric_ssh import FabricTransport
    from .route import route

    return FabricTransport(route(host, home), home, answers)


def bulk_for(host: Host, home: Home, facts: Mapping[str, Any], transport: Transport) -> Bulk:
    """The way to move files to and from `host`: rsync where both ends have it, else tar over `transport`.

    rsync has an OpenSSH connection of its own, or a channel of `transport` where OpenSSH could not log in alone.

    The tar way needs the agent on the host already. Raises LtError `host_no_python`.
    """
    if host.kind == LOCAL:
        from .copy import CopyBulk

        return CopyBulk(host.name)
    remote = facts.get("rsync")
    if isinstance(remote, str) and remote:
        from .rsync import RsyncBulk

        try:
            return RsyncBulk(host, home, remote, transport, tunnelled=not transport.alone)
        except LtError as error:
            if error.code != "no_rsync_here":
                raise
    from .tar import TarBulk

    return TarBulk(host.name, transport, facts, home)


def logins_of(transport: Transport) -> list[Login]:
    """How each hop on the way was logged in to; nothing for `local`."""
    found = getattr(transport, "logins", None)
    return list(found) if found else []
