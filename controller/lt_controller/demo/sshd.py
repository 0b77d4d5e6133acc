"""A private throwaway `sshd` on loopback: own keys, own configuration, own home folder; needs no root.

`lt demo` and the tests train over it. It touches nothing outside its folder, lets in one key that exists only there,
and is gone when stopped.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import psutil

from lt_agent.protocol.errors import LtError
from lt_controller.transport.remote import quote

_START_TIMEOUT = 10.0
# SHLVL: a bash that sshd starts reads ~/.bashrc of the account unless it believes to be a nested one; that file is
# none of ours, and often costs a tenth of a second.
_CONFIG = """\
{extra}
ListenAddress {address}
Port {port}
HostKey "{folder}/host_key"
PidFile none
AuthorizedKeysFile "{folder}/authorized_keys"
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM {pam}
StrictModes no
X11Forwarding no
AllowAgentForwarding no
PrintMotd no
SetEnv SHLVL=2
ForceCommand {login}
"""


def find_sshd() -> str | None:
    """The path of OpenSSH's server on this machine, or None. It is rarely on a user's PATH."""
    folders = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin:/opt/homebrew/sbin"
    return shutil.which("sshd", path=folders)


class PrivateSshd:
    """One sshd with a home folder of its choice.

    `folder` must have no quote or newline in its path (sshd's configuration cannot express them); `home` may have any
    name. `path`, if given, is the PATH that a session gets, so that a host can lack programs. `extra` lines of
    sshd_config come first, and so win over those here. `address` is what it listens on; `within` an argv that runs it
    elsewhere (in another network, say), from where its log and its port are still within reach.
    """

    def __init__(
        self,
        folder: Path,
        *,
        home: Path | None = None,
        path: str | None = None,
        extra: Sequence[str] = (),
        variables: dict[str, str] | None = None,
        address: str = "127.0.0.1",
        within: Sequence[str] = (),
    ) -> None:
        self.address = address
        self._within = tuple(within)
        self.folder = folder.absolute()
        self.home = (home or folder / "home").absolute()
        self.user = getpass.getuser()
        self.port = 0
        self._path = path
        self._extra = tuple(extra)
        self._variables = dict(variables or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def client_key(self) -> Path:
        """The private key that is let in."""
        return self.folder / "client_key"

    @property
    def log(self) -> Path:
        """What sshd says."""
        return self.folder / "sshd.log"

    @property
    def host_key_line(self) -> str:
        """The host key's line for a known_hosts file."""
        kind, blob = (self.folder / "host_key.pub").read_text().split()[:2]
        return f"[{self.address}]:{self.port} {kind} {blob}\n"

    @property
    def pid(self) -> int:
        """The listening process. Raises LtError `sshd_failed` when it is not running."""
        if self._process is None or self._process.poll() is not None:
            raise LtError("sshd_failed", log=self._log_tail())
        return self._listener(self._process.pid)

    def start(self, port: int | None = None) -> PrivateSshd:
        """Makes what is missing, starts the server and waits until it answers.

        `port` asks for a certain port (the same again after `stop`). Raises LtError `no_sshd` where OpenSSH's server
        is not installed, `sshd_failed` with its log when it does not come up.
        """
        program = find_sshd()
        if program is None:
            raise LtError("no_sshd")
        self._prepare()
        for _ in range(5):  # a free port may be taken between our look and sshd's bind
            self.port = port or _free_port(self.address)
            self._write_config()
            self._process = subprocess.Popen(
                [*self._within, program, "-D", "-f", str(self.folder / "sshd_config"), "-E", str(self.log)],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            if self._answers():
                return self
            self.stop()
        raise LtError("sshd_failed", log=self._log_tail())

    def stop(self) -> None:
        """Ends the server and every session."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            listener = self._listener(process.pid)
            os.kill(listener, signal.SIGSTOP)  # or it would let a client in again that we have just cut off
            self._kill_children(listener)
            os.kill(listener, signal.SIGKILL)
            process.kill()
        process.wait()

    def new_host_key(self) -> None:
        """Gives the server another host key; takes effect at the next `start`."""
        for name in ("host_key", "host_key.pub"):
            (self.folder / name).unlink(missing_ok=True)

    def sessions(self) -> list[int]:
        """Pids of sshd's processes for the connections that are open."""
        return [process.pid for process in _sshd_children(self.pid)]

    def kill_sessions(self) -> int:
        """Kills every open connection's sshd, as a crash would; what runs detached is left alone. Returns how many."""
        return self._kill_children(self.pid)

    def __enter__(self) -> PrivateSshd:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def _kill_children(self, pid: int) -> int:
        found = _sshd_children(pid)
        for process in found:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        deadline = time.monotonic() + 5
        while any(map(_is_alive, found)) and time.monotonic() < deadline:
            time.sleep(0.005)
        return len(found)

    def _listener(self, started: int) -> int:
        """The listening process: the one started, which may have become sshd, or the sshd that it runs `within`."""
        if not self._within or psutil.Process(started).name().startswith("sshd"):
            return started
        inside = _sshd_children(started)
        return inside[0].pid if inside else started

    def _prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.getuid() == 0:  # sshd insists on its own empty folder when it can drop privileges
            Path("/run/sshd").mkdir(parents=True, exist_ok=True, mode=0o755)
        for name in ("host_key", "client_key"):
            if not (self.folder / name).exists():
                _make_key(self.folder / name)
        (self.folder / "authorized_keys").write_bytes((self.folder / "client_key.pub").read_bytes())
        login = self.folder / "login"
        login.write_text(self._login_script())
        login.chmod(0o700)

    def _login_script(self) -> str:
        settings = {**self._variables, "HOME": str(self.home), **({"PATH": self._path} if self._path else {})}
        lines = [f"{name}={quote(value)}\nexport {name}" for name, value in settings.items()]
        return "\n".join(
            ["#!/bin/sh", *lines, 'cd "$HOME" || exit 1', 'exec /bin/sh -c "${SSH_ORIGINAL_COMMAND:-exec /bin/sh}"', ""]
        )

    def _write_config(self) -> None:
        (self.folder / "sshd_config").write_text(
            _CONFIG.format(
                extra="\n".join(self._lines()),
                address=self.address,
                port=self.port,
                folder=self.folder,
                pam="yes" if _account_is_locked(self.user) else "no",
                login=quote(str(self.folder / "login")),
            )
        )

    def _lines(self) -> list[str]:
        """The first lines. Of two `MaxStartups` the last wins, unlike elsewhere: ours stands where there is none."""
        wished = any(line.startswith("MaxStartups") for line in self._extra)
        return [*self._extra, *([] if wished else ["MaxStartups 100"])]

    def _answers(self) -> bool:
        deadline = time.monotonic() + _START_TIMEOUT
        while self._process is not None and self._process.poll() is None and time.monotonic() < deadline:
            try:
                with socket.create_connection((self.address, self.port), timeout=2) as link:
                    if link.recv(4) == b"SSH-":
                        return True
            except OSError:
                time.sleep(0.02)
        return False

    def _log_tail(self) -> str:
        try:
            return self.log.read_text(errors="replace")[-500:]
        except OSError:
            return ""


def _sshd_children(pid: int) -> list[psutil.Process]:
    # `sshd`, and since OpenSSH 9.8 `sshd-session` and `sshd-auth`; a session's own programs are theirs to end.
    try:
        children = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    found = []
    for child in children:
        try:
            if child.name().startswith("sshd"):
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _make_key(path: Path) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lt-private", "-f", str(path)],
        check=True,
        stdin=subprocess.DEVNULL,
    )


def _free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


def _account_is_locked(user: str) -> bool:
    """Without PAM, sshd turns away an account whose password is locked by `!`, as in many images."""
    try:
        lines = Path("/etc/shadow").read_text().splitlines()
    except OSError:
        return False  # not ours to read, so sshd won't read it either
    return any(line.startswith(f"{user}:!") for line in lines)
