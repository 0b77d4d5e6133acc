"""Our own known_hosts: which key each host has shown, asked of a person once. OpenSSH and Fabric read the same file."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import hmac
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lt_agent.protocol.files import write_bytes
from lt_controller.home import Home
from lt_inventory.model import Host


@dataclass(frozen=True)
class HostKey:
    """A host's public key: its type (`ssh-ed25519`) and the base64 of its wire form."""

    key_type: str
    blob: str

    @property
    def fingerprint(self) -> str:
        """`SHA256:…`, as ssh prints it."""
        digest = hashlib.sha256(base64.b64decode(self.blob)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    def line(self, host: Host) -> str:
        """The known_hosts line for `host`, without its end."""
        return f"{known_name(host)} {self.key_type} {self.blob}"


def known_name(host: Host) -> str:
    """What a host is called in known_hosts: its address, or `[address]:port` off the usual port."""
    return host.address if host.port == 22 else f"[{host.address}]:{host.port}"


def lookup(host: Host, home: Home) -> list[HostKey]:
    """The keys that are trusted for `host`; empty when it is not known."""
    name = known_name(host)
    return [line.key for line in _read(home) if line.key is not None and line.names(name)]


def trust(host: Host, key: HostKey, home: Home) -> None:
    """From now on `key`, and only it, is the key of `host`."""
    with _locked(home):
        lines = _without(_read(home), known_name(host))
        _write(home, [*lines, key.line(host)])


def forget(host: Host, home: Home) -> None:
    """No key is trusted for `host` any more. What other names stand on the same line keep it."""
    with _locked(home):
        _write(home, _without(_read(home), known_name(host)))


class _Line:
    """One line of the file, as written; `key` is None for comments, markers (`@revoked`) and what makes no sense."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.key: HostKey | None = None
        self.hosts: list[str] = []
        parts = text.split()
        if len(parts) >= 3 and not text.startswith(("#", "@")):
            try:
                base64.b64decode(parts[2], validate=True)
            except ValueError:
                return
            self.hosts = parts[0].split(",")
            self.key = HostKey(parts[1], parts[2])

    def names(self, name: str) -> bool:
        return any(_same(host, name) for host in self.hosts)

    def without(self, name: str) -> str | None:
        kept = [host for host in self.hosts if not _same(host, name)]
        if not self.hosts or len(kept) == len(self.hosts):
            return self.text
        return " ".join([",".join(kept), *self.text.split()[1:]]) if kept else None


def _same(host: str, name: str) -> bool:
    if not host.startswith("|1|"):
        return host == name
    try:  # hashed: |1|salt|HMAC-SHA1(salt, name)
        salt, digest = (base64.b64decode(part) for part in host.split("|")[2:4])
    except ValueError:
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)


def _read(home: Home) -> list[_Line]:
    try:
        text = home.known_hosts.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return []
    return [_Line(line) for line in text.splitlines()]


def _without(lines: list[_Line], name: str) -> list[str]:
    return [text for line in lines if (text := line.without(name)) is not None]


def _write(home: Home, lines: list[str]) -> None:
    text = "".join(line + "\n" for line in lines)
    write_bytes(home.known_hosts, text.encode("utf-8", "surrogateescape"))


@contextmanager
def _locked(home: Home) -> Iterator[None]:
    home.make()
    fd = os.open(home.path / "known_hosts.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
