"""Commands and streams on a host over one Fabric connection, made strict.

Fabric by itself trusts any host key, reads the person's ssh configuration and leaves Nagle's delay on; here each hop
has its key checked against our known_hosts, its own credentials, and a socket of ours.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

import fabric
import paramiko

from lt_agent.protocol.errors import LtError
from lt_controller.home import Home
from lt_inventory.model import Host

from .answers import Answers
from .base import Completed
from .channel import WINDOW, ChannelStream
from .dial import dial, unreachable
from .known_hosts import HostKey
from .login import Login
from .remote import command_line, script

KEEPALIVE = 15  # seconds; keeps jumps and NAT tables warm, the sockets' own timers find a dead link
# Seconds that paramiko's reader waits on a socket before it looks around. Its own tenth of a second, which is what the
# login still has, wakes 200 idle connections 2,000 times a second; a packet, a close and a dead link wake it anyway.
QUIET = float(KEEPALIVE)
START_TIMEOUT = 20.0  # seconds until a host that has stopped to answer is given up when a command starts
SESSION_PAUSES = (0.05, 0.2, 0.5)  # seconds between tries where sshd opens no more sessions
NO_INPUT = "/dev/null"  # read instead of an end of input that we would have to send, see `_drained`
# The first is hardware-fast nearly everywhere; the rest are for hosts that lack it.
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr")

# Its tracebacks would reach the person's terminal; every failure is raised to us as well.
logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)


class FabricTransport:
    """The `Transport` of a host reached by SSH. `hops` is the way there, outermost first (see `route`).

    `answers` is asked where a login needs more than a key; without it nobody is.
    """

    def __init__(self, hops: Sequence[Host], home: Home, answers: Answers | None = None) -> None:
        self.name = hops[-1].name
        self.logins: list[Login] = []  # how each hop was logged in to, the last time
        self._hops = list(hops)
        self._home = home
        self._answers = answers
        self._lock = threading.Lock()
        self._connections: list[fabric.Connection] = []

    def connect(self, timeout: float = 20.0) -> None:
        """Logs in over every hop, each of which has `timeout` seconds to answer; a person has longer.

        Raises LtError `host_unreachable`, `host_key_unknown`, `host_key_changed`, and as `Login` and `own_key`.
        """
        with self._lock:  # a Fabric connection opened by two threads at once breaks
            if self.alive():
                return
            self._close()
            self.logins = [Login(hop, self._answers) for hop in self._hops]
            try:
                for hop, login in zip(self._hops, self.logins, strict=True):
                    gateway = self._connections[-1] if self._connections else None
                    self._connections.append(open_hop(hop, gateway, self._home, timeout, login))
                for connection in self._connections:
                    with contextlib.suppress(OSError):  # gone again already: whoever uses it first is told
                        connection.transport.sock.settimeout(QUIET)
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

    @property
    def alone(self) -> bool:
        """Whether OpenSSH could log in by itself, as far as this login has shown."""
        return all(login.alone for login in self.logins)

    def run(self, argv: Sequence[str], input: bytes = b"", timeout: float = 60.0) -> Completed:
        """Runs `argv` to its end. Raises LtError `command_timeout`, `host_unreachable`, `too_many_sessions`."""
        deadline = time.monotonic() + timeout
        stream = self._start(_drained(argv) if input else command_line(argv, NO_INPUT), min(timeout, START_TIMEOUT))
        try:
            return stream.finish(input, deadline)
        except TimeoutError:
            raise LtError("command_timeout", host=self.name, command=argv[0], seconds=timeout) from None
        finally:
            stream.close()

    def open(self, argv: Sequence[str]) -> ChannelStream:
        """Starts `argv` in a session of its own. Raises LtError `host_unreachable`, `too_many_sessions`."""
        return self._start(command_line(argv), START_TIMEOUT)

    def _start(self, line: str, timeout: float) -> ChannelStream:
        connection = self._connections[-1] if self.alive() else None
        if connection is None:
            raise self._gone("connection_lost")
        channel = patience = None
        try:
            channel = _session(connection.transport, timeout)
            # exec_command waits for its answer without a bound of its own; closing the channel ends the wait.
            patience = threading.Timer(timeout, channel.close)
            patience.daemon = True
            patience.start()
            channel.exec_command(line)
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
            link = connection.transport.sock
            if isinstance(link, socket.socket):
                with contextlib.suppress(OSError):  # gone already
                    link.shutdown(socket.SHUT_RDWR)  # wakes the reader, which a close alone leaves to its wait
            connection.close()

    def _gone(self, why: str) -> LtError:
        return unreachable(self.name, self._hops[-1].target, why)


def _drained(argv: Sequence[str]) -> str:
    """The line that runs `argv` and reads what it left of its input, so that it cannot end while we send.

    paramiko may send an end of input after it has answered the channel's close, for which sshd ends the whole
    connection with everything on it.
    """
    return command_line(script('"$@"; code=$?; cat >/dev/null; exit "$code"', *argv))


def _session(transport: paramiko.Transport, timeout: float) -> paramiko.Channel:
    """A new session. One that we closed a moment ago may still count for sshd, whose limit may be 1: asked again.

    Raises paramiko.ChannelException where sshd opens none, paramiko.SSHException where it is gone.
    """
    deadline = time.monotonic() + timeout
    for pause in (*SESSION_PAUSES, None):
        try:
            return transport.open_session(window_size=WINDOW, timeout=timeout)
        except paramiko.SSHException as error:
            # Of two refusals at once paramiko keeps one, and tells the other thread only that it has no channel.
            refused = isinstance(error, paramiko.ChannelException)
            if not refused and (not transport.is_active() or time.monotonic() >= deadline):
                raise
        if pause is not None:
            time.sleep(pause)
    raise paramiko.ChannelException(paramiko.common.OPEN_FAILED_CONNECT_FAILED, "no session")


class _Unknown(paramiko.MissingHostKeyPolicy):
    """Refuses a key that nobody has accepted, naming its fingerprint."""

    def __init__(self, hop: Host) -> None:
        self._hop = hop

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        raise LtError(
            "host_key_unknown", host=self._hop.name, address=self._hop.target, fingerprint=offered_key(key).fingerprint
        )


def open_hop(
    hop: Host, gateway: fabric.Connection | None, home: Home, timeout: float, login: Login
) -> fabric.Connection:
    """One logged-in connection to `hop`, through `gateway` if given. Raises as `FabricTransport.connect`."""
    login.prepare()
    connection = fabric.Connection(
        hop.address,
        user=hop.user,
        port=hop.port,
        # An explicit, empty ssh configuration keeps Fabric from the person's ~/.ssh/config.
        config=fabric.Config(ssh_config=paramiko.SSHConfig(), lazy=True),
        forward_agent=False,
        connect_timeout=max(1, int(timeout)),
        connect_kwargs={
            "auth_strategy": login,
            "sock": open_socket(hop, gateway, timeout),
            "transport_factory": _transport,
            "banner_timeout": timeout,
            "auth_timeout": timeout,
        },
    )
    connection.client.set_missing_host_key_policy(_Unknown(hop))
    if home.known_hosts.exists():
        connection.client.load_system_host_keys(str(home.known_hosts))
    try:
        connection.open()
    except BaseException as error:
        known = _explain(error, hop)
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


def _explain(error: BaseException, hop: Host) -> LtError | None:
    """What a connection that could not be made means, or None for what is no failure of it."""
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
    if isinstance(error, TimeoutError):
        return unreachable(hop.name, hop.target, "timeout")
    if isinstance(error, paramiko.SSHException):
        return unreachable(hop.name, hop.target, "handshake", detail=str(error))
    if isinstance(error, (OSError, EOFError)):
        return unreachable(hop.name, hop.target, "connection_lost")
    return None
