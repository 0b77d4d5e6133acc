"""A TCP connection that notices a dead peer, with each way to fail told apart."""

from __future__ import annotations

import errno
import socket
import sys
import time

from lt_agent.protocol.errors import LtError

DEAD_AFTER = 15.0  # seconds without an acknowledgement until the kernel gives the connection up


def dial(address: str, port: int, timeout: float, *, host: str) -> socket.socket:
    """A connected socket without delay and with a bound on silence.

    Raises LtError `host_unreachable` with `why`: `dns` (no such name), `refused` (nothing listens), `timeout`,
    `no_route`, or `network`.
    """
    deadline = time.monotonic() + timeout
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        raise unreachable(host, f"{address}:{port}", "dns") from None
    problem: OSError = TimeoutError()
    for family, kind, protocol, _, where in found:
        link = socket.socket(family, kind, protocol)
        try:
            tune(link)
            link.settimeout(max(0.1, deadline - time.monotonic()))
            link.connect(where)
            return link
        except OSError as error:
            link.close()
            problem = error
    raise unreachable(host, f"{address}:{port}", _why(problem)) from None


def tune(link: socket.socket) -> None:
    """Sends small packets at once, and lets the kernel find a dead peer also when nothing is being sent."""
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(DEAD_AFTER * 1000))
    elif sys.platform == "darwin":
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPALIVE, 10)
        link.setsockopt(socket.IPPROTO_TCP, 0x80, int(DEAD_AFTER))  # TCP_RXT_CONNDROPTIME


def unreachable(host: str, address: str, why: str, detail: str = "") -> LtError:
    """The one error for a host that cannot be reached; `why` is one of the words in docs/transport.md."""
    extra = {"detail": detail} if detail else {}
    return LtError("host_unreachable", host=host, address=address, why=why, **extra)


def _why(error: OSError) -> str:
    if isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
        return "timeout"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return "no_route"
    return "network"
