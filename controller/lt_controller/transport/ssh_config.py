"""The configuration that OpenSSH and rsync get from us: written from the inventory, strict, and nobody's own."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.files import write_bytes
from lt_controller.home import Home
from lt_inventory.model import Host, valid_address, valid_user

from .remote import quote
from .route import route_to

_CIPHERS = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr,aes128-ctr"
_HEADER = "# Written by lt from hosts.toml. Changes here are lost; change hosts.toml.\n"
_COMMON = (
    ("GlobalKnownHostsFile", "/dev/null"),
    ("StrictHostKeyChecking", "yes"),
    ("UpdateHostKeys", "no"),
    ("CheckHostIP", "no"),
    ("BatchMode", "yes"),
    ("ForwardAgent", "no"),
    ("ForwardX11", "no"),
    ("ClearAllForwardings", "yes"),
    ("PermitLocalCommand", "no"),
    ("EscapeChar", "none"),
    ("ConnectTimeout", "15"),
    ("ServerAliveInterval", "5"),
    ("ServerAliveCountMax", "3"),
    ("Compression", "no"),
    ("Ciphers", _CIPHERS),
    ("LogLevel", "ERROR"),
)


def write_ssh_config(hosts: Mapping[str, Host] | Iterable[Host], home: Home, *, person: bool = False) -> Path:
    """Writes `home.ssh_config` with every host reached by SSH and the jumps on the way; returns its path.

    With `person`, `home.ssh_config_person`: the same for an ssh with somebody before it, who can be asked at each hop.
    A file that says the same already is left alone. Raises LtError `bad_jump`, `path_not_usable`, `bad_host`.
    """
    inventory = dict(hosts) if isinstance(hosts, Mapping) else {host.name: host for host in hosts}
    path = home.ssh_config_person if person else home.ssh_config
    text = ssh_config_text(inventory, home, person=person)
    try:
        if path.read_text() == text:
            return path
    except (OSError, UnicodeDecodeError):
        pass
    home.make()
    write_bytes(path, text.encode())
    return path


def ssh_config_text(inventory: Mapping[str, Host], home: Home, *, person: bool = False) -> str:
    """The file's text. Raises as `write_ssh_config`."""
    path = home.ssh_config_person if person else home.ssh_config
    blocks: list[str] = []
    for host in inventory.values():
        if host.kind != "ssh":
            continue
        before = None
        *jumps, last = route_to(host, inventory)
        # Each way has names of its own for its hops: as a host, one of them may be reached by another way.
        for hop in (*(replace(jump, name=f"{host.name}+{n}") for n, jump in enumerate(jumps, start=1)), last):
            blocks.append(_block(hop, before, path))
            before = hop.name
    # A jump is an ssh of its own, which gets this file and none of the options on the command line.
    settings = [item for item in _COMMON if not (person and item[0] == "BatchMode")]
    common = [*settings, ("UserKnownHostsFile", _path(home.known_hosts))]
    tail = "Host *\n" + "".join(f"  {key} {value}\n" for key, value in common)
    return _HEADER + "".join(blocks) + tail


def control_folder() -> Path:
    """A private folder with a short path for OpenSSH's control sockets: their names are limited to about 100 bytes.

    Raises LtError `path_not_usable` if someone else has taken it.
    """
    path = Path(f"/tmp/lt-ssh-{os.getuid()}")  # noqa: S108  (owner and mode are checked)
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise LtError("path_not_usable", path=str(path))
    return path


def control_socket(host: Host, home: Home) -> Path:
    """Where the shared connection to `host` listens; another LT_HOME and another address get another one."""
    identity = "\0".join([str(home.path), host.name, host.target, *host.jump, str(host.key)])
    return control_folder() / hashlib.sha256(identity.encode()).hexdigest()[:24]


def _block(hop: Host, before: str | None, config: Path) -> str:
    if not valid_address(hop.address) or (hop.user is not None and not valid_user(hop.user)):
        raise LtError("bad_host", host=hop.name, address=hop.address, user=hop.user)
    lines = [("HostName", hop.address.replace("%", "%%")), ("Port", str(hop.port))]
    if hop.user:
        lines.append(("User", hop.user))
    if hop.key:
        lines += [("IdentityFile", _path(Path(hop.key).expanduser())), ("IdentitiesOnly", "yes")]
    if before:
        # As ProxyJump does, which writes no quotes around the name of this file.
        command = ["ssh", "-F", str(config).replace("%", "%%"), "-W", "[%h]:%p", before]
        lines.append(("ProxyCommand", " ".join(map(quote, command))))
    return f"Host {hop.name}\n" + "".join(f"  {key} {value}\n" for key, value in lines) + "\n"


def _path(path: Path) -> str:
    """`path` as one quoted word of ssh_config. Raises LtError `path_not_usable` for what that syntax cannot say."""
    text = str(path)
    if any(ord(letter) < 32 for letter in text) or any(bad in text for bad in ('"', "\\", "${")):
        raise LtError("path_not_usable", path=text)
    return '"' + text.replace("%", "%%") + '"'
