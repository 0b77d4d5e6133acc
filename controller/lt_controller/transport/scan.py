"""Asking a host for its key without logging in to it."""

from __future__ import annotations

import time
from contextlib import ExitStack

import fabric
import paramiko

from lt_controller.home import Home
from lt_inventory.model import Host

from .dial import unreachable
from .fabric_ssh import offered_key, open_hop, open_socket
from .known_hosts import HostKey
from .route import route


def scan_host_key(host: Host, home: Home, timeout: float = 15.0) -> HostKey:
    """The key that `host` shows now, whether trusted or not; jumps on the way are logged in to, and strictly.

    Raises LtError `host_unreachable` and, for a jump, whatever its login raises.
    """
    deadline = time.monotonic() + timeout
    *jumps, target = route(host, home)
    with ExitStack() as opened:
        gateway: fabric.Connection | None = None
        for hop in jumps:
            gateway = open_hop(hop, gateway, home, deadline)
            opened.callback(gateway.close)
        return _ask(target, gateway, max(1.0, deadline - time.monotonic()))


def _ask(target: Host, gateway: fabric.Connection | None, timeout: float) -> HostKey:
    link = open_socket(target, gateway, timeout)
    transport = None
    try:
        transport = paramiko.Transport(link)
        transport.banner_timeout = timeout
        transport.start_client(timeout=timeout)
        return offered_key(transport.get_remote_server_key())
    except TimeoutError:
        raise unreachable(target.name, target.target, "timeout") from None
    except paramiko.SSHException as error:
        raise unreachable(target.name, target.target, "handshake", detail=str(error)) from None
    except (OSError, EOFError):
        raise unreachable(target.name, target.target, "connection_lost") from None
    finally:
        if transport is not None:
            transport.close()
        link.close()
