"""SSH servers that ask: OpenSSH's own with a password that only it knows, and one that asks whatever a test wants.

A private sshd can't verify the real account's password, and must not try. `password_sshd` therefore runs it in a mount
namespace of its own, where /etc/shadow (and sshd's PAM service) are files of the test: that needs root. What OpenSSH
can't be made to ask without modules of its own (several rounds, one-time codes), `AskingServer` asks: a server on
paramiko, for keyboard-interactive and passwords.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import paramiko
import pytest

from lt_controller.home import Home
from lt_controller.transport.known_hosts import HostKey
from lt_inventory.model import Host
from support.sshd import SshHost, make_host

#: The password of `password_sshd`, and its hash: made once by `openssl passwd -6`.
PASSWORD = "sesame-4711-leak-me"
_HASH = "$6$labtraintest$Naj0vd8F0GGnMTzhR8LJ9G/Qfb1fayGUjjRmcylmTqIkiP3nlSCYDqQ5l6Fh7ZCuHNN80xivqhylYunAdCVwO0"


def why_no_namespace() -> str | None:
    """Why `password_sshd` can't run here; None if it can."""
    if os.getuid() != 0:
        return "needs root: an sshd with a password of its own runs in a mount namespace"
    if shutil.which("unshare") is None:
        return "needs unshare"
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    return None if tried.returncode == 0 else "mount namespaces are not allowed here"


@contextmanager
def password_sshd(
    folder: Path,
    *,
    name: str = "box",
    lt_home: Path | None = None,
    extra: Sequence[str] = ("PasswordAuthentication yes", "PubkeyAuthentication no"),
    pam: bool = False,
) -> Iterator[SshHost]:
    """OpenSSH's server that lets this account in by `PASSWORD`; skips the test where that can't be.

    `pam`: it asks by keyboard-interactive through PAM. The host has no key in its entry.
    """
    reason = why_no_namespace()
    if reason is not None:
        pytest.skip(reason)
    folder.mkdir(parents=True, exist_ok=True)
    shadow, service, program = folder / "shadow", folder / "pam", folder / "sshd-in-its-own-mounts"
    shadow.write_text(f"{getpass.getuser()}:{_HASH}:19000:0:99999:7:::\nsshd:*:19000:0:99999:7:::\n")
    service.write_text("auth required pam_unix.so\naccount required pam_permit.so\nsession required pam_permit.so\n")
    mounts = [f'mount --bind "{shadow}" /etc/shadow']
    if pam:
        mounts.append(f'mount --bind "{service}" /etc/pam.d/sshd')
    program.write_text("#!/bin/sh\nset -e\n" + "\n".join(mounts) + '\nexec "$@"\n')
    program.chmod(0o700)
    options = [*extra, "PermitRootLogin yes", f"UsePAM {'yes' if pam else 'no'}"]
    within = ["unshare", "--mount", "--propagation", "private", str(program)]
    made = make_host(folder, name=name, home_name="home", lt_home=lt_home, extra=options, within=within)
    try:
        yield replace(made, host=replace(made.host, key=None))
    finally:
        made.sshd.stop()


@dataclass(frozen=True)
class Round:
    """One round of keyboard-interactive: what is asked (text, echo), and what is right."""

    prompts: tuple[tuple[str, bool], ...]
    right: tuple[str, ...]
    title: str = ""
    instructions: str = ""


class AskingServer:
    """An SSH server on loopback that lets in whoever answers `rounds`, or gives `password`, and runs their commands.

    With `codes` the last round's right answer is the next of them: each works once. `key` (base64) is asked for
    before, as a first factor. `logins` counts those who got in, `tries` all answers to a round or password.
    """

    def __init__(
        self,
        rounds: Sequence[Round] = (),
        *,
        password: str | None = None,
        codes: Sequence[str] = (),
        key: str | None = None,
        home: Path | None = None,
    ) -> None:
        self.rounds = list(rounds)
        self.password = password
        self.codes = list(codes)
        self.key = key
        self.home = home
        self.logins = 0
        self.tries = 0
        self._host_key = paramiko.ECDSAKey.generate()
        self._transports: list[paramiko.Transport] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def host(self, home: Home, name: str = "asker", **settings: Any) -> Host:
        """The entry that leads here; its key is known from now on."""
        made = Host(name=name, address="127.0.0.1", port=self.port, user="me", **settings)
        with home.known_hosts.open("a") as file:
            file.write(HostKey(self._host_key.get_name(), self._host_key.get_base64()).line(made) + "\n")
        return made

    def cut(self) -> None:
        """Ends every connection."""
        transports, self._transports = self._transports, []
        for transport in transports:
            transport.close()

    def close(self) -> None:
        """Ends the server."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()

    def __enter__(self) -> AskingServer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                link, _ = self._server.accept()
            except OSError:
                return
            transport = paramiko.Transport(link)
            transport.add_server_key(self._host_key)
            self._transports.append(transport)
            with suppress(paramiko.SSHException, OSError, EOFError):
                transport.start_server(event=threading.Event(), server=_Session(self))


class _Session(paramiko.ServerInterface):
    """One connection's login, and its commands."""

    def __init__(self, owner: AskingServer) -> None:
        self._owner = owner
        self._at = 0
        self._by_key = owner.key is None

    def get_allowed_auths(self, username: str) -> str:
        if not self._by_key:
            return "publickey"
        ways = ["keyboard-interactive"] * bool(self._owner.rounds) + ["password"] * (self._owner.password is not None)
        return ",".join(ways)

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        if self._owner.key != key.get_base64():
            return paramiko.AUTH_FAILED
        self._by_key = True
        return paramiko.AUTH_PARTIALLY_SUCCESSFUL if self.get_allowed_auths(username) else self._in()

    def check_auth_password(self, username: str, password: str) -> int:
        self._owner.tries += 1
        right = self._by_key and self._owner.password is not None and password == self._owner.password
        return self._in() if right else paramiko.AUTH_FAILED

    def check_auth_interactive(self, username: str, submethods: str) -> Any:
        self._at = 0
        return self._query() if self._by_key and self._owner.rounds else paramiko.AUTH_FAILED

    def check_auth_interactive_response(self, responses: list[str]) -> Any:
        self._owner.tries += 1
        now = self._owner.rounds[self._at]
        last = self._at == len(self._owner.rounds) - 1
        right = now.right
        if last and self._owner.codes:
            right = (*right[:-1], self._owner.codes[0])
        if tuple(responses) != right:
            return paramiko.AUTH_FAILED
        if last:
            del self._owner.codes[:1]
            return self._in()
        self._at += 1
        return self._query()

    def _query(self) -> paramiko.InteractiveQuery:
        now = self._owner.rounds[self._at]
        return paramiko.InteractiveQuery(now.title, now.instructions, *now.prompts)

    def _in(self) -> int:
        self._owner.logins += 1
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED if kind == "session" else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        environment = {**os.environ, **({"HOME": str(self._owner.home)} if self._owner.home else {})}
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=environment,
            start_new_session=True,
        )
        threading.Thread(target=_run, args=(channel, process), daemon=True).start()
        return True


def _run(channel: paramiko.Channel, process: subprocess.Popen[bytes]) -> None:
    """Carries a command's three streams, and says how it ended."""
    assert process.stdin and process.stdout and process.stderr
    threads = [
        threading.Thread(target=_pump, args=(process.stdout.read, channel.sendall), daemon=True),
        threading.Thread(target=_pump, args=(process.stderr.read, channel.sendall_stderr), daemon=True),
    ]
    for thread in threads:
        thread.start()
    threading.Thread(target=_feed, args=(channel, process.stdin), daemon=True).start()
    for thread in threads:
        thread.join()
    code = process.wait()
    with suppress(OSError, EOFError, paramiko.SSHException):
        channel.send_exit_status(code if code >= 0 else 128 - code)
        channel.close()


def _feed(channel: paramiko.Channel, stdin: IO[bytes]) -> None:
    _pump(channel.recv, stdin.write)
    with suppress(OSError):
        stdin.close()


def _pump(source: Callable[[int], bytes], sink: Callable[[bytes], Any]) -> None:
    with suppress(OSError, EOFError, ValueError):
        while data := source(65536):
            sink(data)
