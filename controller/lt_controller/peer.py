"""Who is at the other end of a unix socket."""

from __future__ import annotations

import socket
import struct
import sys


def peer_uid(link: socket.socket) -> int | None:
    """The user at the other end, or None where the system does not say (the socket's mode guards it all the same)."""
    if not sys.platform.startswith("linux"):
        return None
    raw = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", raw)[1])
