"""Commands and streams on a host over one Fabric connection, made strict.

Fabric by itself trusts any host key, reads the person's ssh configuration and leaves Nagle's delay on; here each hop
has its key checked against our known_hosts, its own credentials, and a socket of ours.
"""

from __future__ import annotations

import logging
import socket
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
from .dial import dial, unreachable
from .known_hosts import HostKey
from .login import credentials
from .remote import command_line

WINDOW = 16 << 20  # bytes a stream may have in flight: 2 MiB, paramiko's own, holds 50 ms lines to 40 MB/s
KEEPALIVE = 15  # seconds; keeps jumps and NAT tables warm, the sockets' own timers find a dead link
STDERR_TAIL = 8192
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
        stream = self.open(argv)
        try:
            return stream.finish(input, timeout)
        except TimeoutError:
            raise LtError("command_timeout", host=self.name, command=argv[0], seconds=timeout) from None
        finally:
            stream.close()

    def open(self, argv: Sequence[str]) -> ChannelStream:
        """Starts `argv` in a session of its own. Raises LtError `host_unreachable`, `too_many_sessions`."""
        connection = self._connections[-1] if self.alive() else None
        if connection is None:
            raise self._gone()
        try:
            channel = connection.transport.open_session(window_size=WINDOW, timeout=20)
            channel.exec_command(command_line(argv))
        except paramiko.ChannelException:
            raise LtError("too_many_sessions", host=self.name) from None
        except (paramiko.SSHException, OSError, EOFError):
            raise self._gone() from None
        return ChannelStream(channel, self.name, self._hops[-1].target)

    def _close(self) -> None:
        connections, self._connections = self._connections, []
        for connection in reversed(connections):
            connection.close()

    def _gone(self) -> LtError:
        return unreachable(self.name, self._hops[-1].target, "connection_lost")


class ChannelStream:
    """The `Duplex` of one SSH channel, read raw: Fabric's own runner is a hundred times slower."""

    def __init__(self, channel: paramiko.Channel, host: str, address: str) -> None:
        self._channel = channel
        self._host = host
        self._address = address
        self._tail = b""

    def recv(self, size: int = 65536) -> bytes:
        """The next bytes; b"" at the end of the output or of the connection."""
        try:
            data = self._channel.recv(size)
        except (OSError, EOFError):
            data = b""
        self._drain_stderr()
        return data

    def sendall(self, data: bytes) -> None:
        """Sends all of `data`. Raises LtError `host_unreachable`."""
        try:
            _send(self._channel, data)
        except (OSError, EOFError, paramiko.SSHException):
            raise unreachable(self._host, self._address, "connection_lost") from None

    def close_input(self) -> None:
        """Tells the command that its input is at its end; its output can still be read."""
        try:
            self._channel.shutdown_write()
        except (OSError, EOFError, paramiko.SSHException):
            return

    def close(self) -> None:
        """Ends the channel and wakes a thread that receives from it."""
        try:
            self._channel.close()
        except (OSError, EOFError, paramiko.SSHException):
            return

    def stderr(self) -> bytes:
        """The last 8 KiB of standard error."""
        self._drain_stderr()
        return self._tail

    def exit_status(self, timeout: float = 10.0) -> int | None:
        """The command's exit code, -1 if a signal or the connection ended it, None if it still runs."""
        if not self._channel.status_event.wait(timeout):
            return None
        return self._channel.recv_exit_status()

    def finish(self, input: bytes, timeout: float) -> Completed:
        """Sends `input`, reads everything. Raises TimeoutError, LtError `host_unreachable`."""
        deadline = time.monotonic() + timeout
        sender = threading.Thread(target=self._send_all, args=(input,), daemon=True)
        if len(input) < WINDOW // 16:
            self._send_all(input)  # fits the server's window: no thread needed
        else:
            sender.start()
        stdout = self._read(self._channel.recv, deadline)
        stderr = self._read(self._channel.recv_stderr, deadline)
        if not self._channel.status_event.wait(max(0.0, deadline - time.monotonic())):
            raise TimeoutError
        code = self._channel.recv_exit_status()
        transport = self._channel.get_transport()
        if code == -1 and not transport.is_active():
            raise unreachable(self._host, self._address, "connection_lost")
        return Completed(code, stdout, stderr)

    def _send_all(self, data: bytes) -> None:
        try:
            _send(self._channel, data)
            self._channel.shutdown_write()
        except (OSError, EOFError, paramiko.SSHException):
            return  # the command closed its input, or the connection is gone: reading shows which

    def _read(self, receive: Any, deadline: float) -> bytes:
        pieces: list[bytes] = []
        while True:
            self._channel.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                data: bytes = receive(1 << 18)
            except socket.timeout:  # noqa: UP041  (no alias of TimeoutError before Python 3.10)
                raise TimeoutError from None
            if not data:
                return b"".join(pieces)
            pieces.append(data)

    def _drain_stderr(self) -> None:
        # Unread, it would fill the window that standard output shares.
        while self._channel.recv_stderr_ready():
            self._tail = (self._tail + self._channel.recv_stderr(65536))[-STDERR_TAIL:]


def _send(channel: paramiko.Channel, data: bytes) -> None:
    # Piece by piece: the channel's own sendall copies all that is left for each packet it sends.
    view = memoryview(data)
    for start in range(0, len(view), 1 << 18):
        channel.sendall(bytes(view[start : start + (1 << 18)]))


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
    nothing_to_offer = isinstance(error, paramiko.SSHException) and transport is not None and transport.is_active()
    if refused or nothing_to_offer:
        return LtError("login_failed", host=hop.name, user=connection.user, methods=_methods(transport, hop, error))
    if isinstance(error, TimeoutError):
        return unreachable(hop.name, hop.target, "timeout")
    if isinstance(error, paramiko.SSHException):
        return unreachable(hop.name, hop.target, "handshake", detail=str(error))
    if isinstance(error, (OSError, EOFError)):
        return unreachable(hop.name, hop.target, "connection_lost")
    return None


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
