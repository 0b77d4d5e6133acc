"""Commands and streams on a host over one Fabric connection, made strict.

Fabric by itself trusts any host key, reads the person's ssh configuration and leaves Nagle's delay on; here each hop
has its key checked against our known_hosts, its own credentials, and a socket of ours.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import Any

import fabric
import paramiko
from paramiko.ssh_exception import PartialAuthentication

from lt_agent.protocol.errors import LtError
from lt_controller.home import Home
from lt_inventory.model import Host

from .base import Completed
from .channel import WINDOW, ChannelStream
from .dial import dial, unreachable
from .known_hosts import HostKey
from .login import credentials
from .remote import command_line

KEEPALIVE = 15  # seconds; keeps jumps and NAT tables warm, the sockets' own timers find a dead link
START_TIMEOUT = 20.0  # seconds until a host that has stopped to answer is given up when a command starts
# The first is hardware-fast nearly everywhere; the rest are for hosts that lack it.
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr")

# Its tracebacks would reach the person's terminal; every failure is raised to us as well.
logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)


class FabricTransport:
    """The `Transport` of a host reached by SSH. `hops` is the way there, outermost first (see `route`)."""

    def __init__(self, hops: Sequence[Host], home: Home) -> None:
        self.name = hops[-1].name
        self._hops = list(hops)
        self._home = home
        self._lock = threading.Lock()
        self._connections: list[fabric.Connection] = []

    def connect(self, timeout: float = 20.0) -> None:
        """Logs in over every hop. Raises LtError: `host_unreachable`, `host_key_unknown`, `host_key_changed`,
        `login_failed`, `key_missing`, `key_permissions`, `key_encrypted`, `key_unreadable`."""
        with self._lock:  # a Fabric connection opened by two threads at once breaks
            if self.alive():
                return
            self._close()
            deadline = time.monotonic() + timeout
            try:
                for hop in self._hops:
                    gateway = self._connections[-1] if self._connections else None
                    self._connections.append(open_hop(hop, gateway, self._home, deadline))
            except BaseException:
                self._close()
                raise

    def close(self) -> None:
        """Ends the connection, hop by hop, inmost first."""
        with self._lock:
            self._close()

    def alive(self) -> bool:
        """Whether every hop's connection stands, as far as is known here."""
        connections = self._connections
        return len(connections) == len(self._hops) and all(link.is_connected for link in connections)

    def run(self, argv: Sequence[str], input: bytes = b"", timeout: float = 60.0) -> Completed:
        """Runs `argv` to its end. Raises LtError `command_timeout`, `host_unreachable`, `too_many_sessions`."""
        deadline = time.monotonic() + timeout
        stream = self._start(argv, min(timeout, START_TIMEOUT))
        try:
            return stream.finish(input, deadline)
        except TimeoutError:
            raise LtError("command_timeout", host=self.name, command=argv[0], seconds=timeout) from None
        finally:
            stream.close()

    def open(self, argv: Sequence[str]) -> ChannelStream:
        """Starts `argv` in a session of its own. Raises LtError `host_unreachable`, `too_many_sessions`."""
        return self._start(argv, START_TIMEOUT)

    def _start(self, argv: Sequence[str], timeout: float) -> ChannelStream:
        connection = self._connections[-1] if self.alive() else None
        if connection is None:
            raise self._gone("connection_lost")
        channel = patience = None
        try:
            channel = connection.transport.open_session(window_size=WINDOW, timeout=timeout)
            # exec_command waits for its answer without a bound of its own; closing the channel ends the wait.
            patience = threading.Timer(timeout, channel.close)
            patience.daemon = True
            patience.start()
            channel.exec_command(command_line(argv))
        except paramiko.ChannelException:
            raise LtError("too_many_sessions", host=self.name) from None
        except (paramiko.SSHException, OSError, EOFError):
            raise self._gone("timeout" if self.alive() else "connection_lost") from None
        finally:
            if patience is not None:
                patience.cancel()
        return ChannelStream(channel, self.name, self._hops[-1].target)

    def _close(self) -> None:
        connections, self._connections = self._connections, []
        for connection in reversed(connections):
            connection.close()

    def _gone(self, why: str) -> LtError:
        return unreachable(self.name, self._hops[-1].target, why)


class _Unknown(paramiko.MissingHostKeyPolicy):
    """Refuses a key that nobody has accepted, naming its fingerprint."""

    def __init__(self, hop: Host) -> None:
        self._hop = hop

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        raise LtError(
            "host_key_unknown", host=self._hop.name, address=self._hop.target, fingerprint=offered_key(key).fingerprint
        )


def open_hop(hop: Host, gateway: fabric.Connection | None, home: Home, deadline: float) -> fabric.Connection:
    """One logged-in connection to `hop`, through `gateway` if given. Raises as `FabricTransport.connect`."""
    remaining = max(1.0, deadline - time.monotonic())
    connection = fabric.Connection(
        hop.address,
        user=hop.user,
        port=hop.port,
        # An explicit, empty ssh configuration keeps Fabric from the person's ~/.ssh/config.
        config=fabric.Config(ssh_config=paramiko.SSHConfig(), lazy=True),
        forward_agent=False,
        connect_timeout=max(1, int(remaining)),
        connect_kwargs={
            **credentials(hop),
            "sock": open_socket(hop, gateway, remaining),
            "transport_factory": _transport,
            "banner_timeout": remaining,
            "auth_timeout": remaining,
        },
    )
    connection.client.set_missing_host_key_policy(_Unknown(hop))
    if home.known_hosts.exists():
        connection.client.load_system_host_keys(str(home.known_hosts))
    try:
        connection.open()
    except BaseException as error:
        known = _explain(error, connection, hop)
        connection.client.close()
        if known is None:
            raise
        raise known from None
    connection.transport.set_keepalive(KEEPALIVE)
    return connection


def open_socket(hop: Host, gateway: fabric.Connection | None, timeout: float) -> Any:
    """A socket, or a channel of `gateway` that is used as one. Raises LtError `host_unreachable`."""
    if gateway is None:
        return dial(hop.address, hop.port, timeout, host=hop.name)
    try:
        return gateway.transport.open_channel("direct-tcpip", (hop.address, hop.port), ("", 0), timeout=timeout)
    except paramiko.ChannelException:
        raise unreachable(hop.name, hop.target, "refused_by_jump", detail=gateway.host) from None
    except (paramiko.SSHException, OSError, EOFError):
        raise unreachable(hop.name, hop.target, "connection_lost") from None


def offered_key(key: paramiko.PKey) -> HostKey:
    """A paramiko key as our own type."""
    return HostKey(key.get_name(), key.get_base64())


def _transport(sock: Any, **options: Any) -> paramiko.Transport:
    transport = paramiko.Transport(sock, default_window_size=WINDOW, **options)
    security = transport.get_security_options()
    security.ciphers = [*CIPHERS, *(name for name in security.ciphers if name not in CIPHERS)]
    return transport


def _explain(error: BaseException, connection: fabric.Connection, hop: Host) -> LtError | None:
    """What a failed login means, or None for what is no failure of a login."""
    transport = connection.client.get_transport()
    if isinstance(error, LtError):
        return error
    if isinstance(error, paramiko.BadHostKeyException):
        return LtError(
            "host_key_changed",
            host=hop.name,
            address=hop.target,
            known=offered_key(error.expected_key).fingerprint,
            offered=offered_key(error.key).fingerprint,
        )
    refused = isinstance(error, paramiko.AuthenticationException)
    # "No authentication methods available" has no class of its own: seen by how far the transport got.
    nothing_to_offer = isinstance(error, paramiko.SSHException) and _keys_exchanged(transport)
    if refused or nothing_to_offer:
        return LtError("login_failed", host=hop.name, user=connection.user, methods=_methods(transport, hop, error))
    if isinstance(error, TimeoutError):
        return unreachable(hop.name, hop.target, "timeout")
    if isinstance(error, paramiko.SSHException):
        return unreachable(hop.name, hop.target, "handshake", detail=str(error))
    if isinstance(error, (OSError, EOFError)):
        return unreachable(hop.name, hop.target, "connection_lost")
    return None


def _keys_exchanged(transport: paramiko.Transport | None) -> bool:
    """Whether the connection got as far as asking who we are, and stands."""
    try:
        return transport is not None and transport.get_remote_server_key() is not None and transport.is_active()
    except paramiko.SSHException:
        return False


def _methods(transport: paramiko.Transport | None, hop: Host, error: BaseException) -> list[str]:
    """Which ways to log in the server offers, as it says itself."""
    if isinstance(error, (paramiko.BadAuthenticationType, PartialAuthentication)):
        return list(error.allowed_types)
    if transport is None or not transport.is_active():
        return []
    try:
        transport.auth_none(hop.user or "")
    except paramiko.BadAuthenticationType as answer:
        return list(answer.allowed_types)
    except (paramiko.SSHException, OSError, EOFError):
        return []
    return []
