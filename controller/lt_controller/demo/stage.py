"""Where the demo plays: a folder with an LT_HOME, and a host that is gone afterwards."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lt_agent.protocol.errors import LtError
from lt_inventory.hosts_file import HostsFile
from lt_inventory.model import Host, local_host

from ..client import Client
from ..home import Home
from .sshd import PrivateSshd, find_sshd

# So small a model gains nothing from a second thread, and on a busy machine loses a lot.
_VARIABLES = {"OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Stage:
    """A running host and the client that knows it. `address` is empty for host `local`."""

    client: Client
    host: str
    root: Path
    address: str


@contextlib.contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Over a private sshd where OpenSSH's server is installed, else on host `local`. Ends what it started.

    `folder` is made; nothing outside of it is touched.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    home = Home(folder / "lt").make()
    with contextlib.ExitStack() as ends:
        if find_sshd() is None:
            host, root = _local(folder), folder / "host" / ".lt-agent"
        else:
            sshd = ends.enter_context(PrivateSshd(folder / "sshd", home=folder / "host"))
            home.known_hosts.write_text(sshd.host_key_line)
            home.known_hosts.chmod(0o600)
            host, root = _over(sshd, folder), sshd.home / ".lt-agent"
        _write(home, host)
        client = ends.enter_context(Client(home))
        ends.callback(_leave, client)
        address = "" if host.kind == "local" else f"{host.address}:{host.port}"
        yield Stage(client, host.name, root, address)


def _over(sshd: PrivateSshd, folder: Path) -> Host:
    return Host(
        name="demo-host",
        address=sshd.address,
        port=sshd.port,
        user=sshd.user,
        key=str(sshd.client_key),
        lease_dir=str(folder / "lease"),
        python=sys.executable,
        variables=_VARIABLES,
    )


def _local(folder: Path) -> Host:
    return local_host(
        root=str(folder / "host" / ".lt-agent"),
        lease_dir=str(folder / "lease"),
        python=sys.executable,
        variables=_VARIABLES,
    )


def _write(home: Home, host: Host) -> None:
    inventory = HostsFile(home.hosts_file)
    # A folder that served before has the host already, on another port.
    (inventory.update if host.name in inventory.load() and host.kind != "local" else inventory.add)(host)


def _leave(client: Client) -> None:
    """Stops what still runs (the person has interrupted the demo), then the controller."""
    with contextlib.suppress(LtError):
        for job in client.jobs():
            client.stop(job.id, grace=5)
            client.wait(job.id, timeout=60)
    with contextlib.suppress(LtError):
        client.controller_stop()
