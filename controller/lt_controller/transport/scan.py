"""Asking a host for its key without logging in to it."""

from __future__ import annotations

from contextlib import ExitStack

import fabric
import paramiko

from lt_controller.home import Home
from lt_inventory.model import Host

from .answers import Answers
from .dial import unreachable
from .fabric_ssh import offered_key, open_hop, open_socket
from .known_hosts import HostKey
from .login import Login
from .route import route


def scan_host_key(host: Host, home: Home, timeout: float = 15.0, answers: Answers | None = None) -> HostKey:
    """The key that `host` shows now, whether trusted or not; jumps on the way are logged in to, and strictly.

    Each hop has `timeout` seconds. `answers` is asked where a jump needs more than a key.

    Raises LtError `host_unreachable` and, for a jump, whatever its login raises.
    """
    *jumps, target = route(host, home)
    with ExitStack() as opened:
        gateway: fabric.Connection | None = None
        for hop in jumps:
            gateway = open_hop(hop, gateway, home, timeout, Login(hop, answers))
            opened.callback(gateway.close)
        return _ask(target, gateway, timeout)


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
