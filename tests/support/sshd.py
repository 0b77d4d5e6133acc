"""`ssh_host`: a real host over a private sshd, as the inventory and a laptop's LT_HOME know it.

Use it by `from support.sshd import ssh_host` (a fixture), or call `make_host` for one with wishes of its own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lt_controller.demo.sshd import PrivateSshd, find_sshd
from lt_controller.home import Home
from lt_inventory.model import Host

# A home that breaks whoever builds command lines by hand.
ODD_HOME = 'the lab\'s "home" $HOME ü'

needs_sshd = pytest.mark.skipif(find_sshd() is None, reason="OpenSSH's server is not installed")


@dataclass(frozen=True)
class SshHost:
    """A running sshd, the `Host` that leads to it, and the LT_HOME whose known_hosts knows its key."""

    sshd: PrivateSshd
    host: Host
    home: Home

    @property
    def root(self) -> Path:
        """The host's `root`, as a folder of this machine."""
        return self.sshd.home / ".lt-agent"

    def at_port(self, port: int) -> SshHost:
        """The same host reached through `port` of loopback (a relay), its key known there as well."""
        with self.home.known_hosts.open("a") as file:
            file.write(self.sshd.host_key_line.replace(f":{self.sshd.port} ", f":{port} ", 1))
        return replace(self, host=replace(self.host, port=port))


def make_host(
    folder: Path,
    *,
    name: str = "box",
    home_name: str = ODD_HOME,
    without: Sequence[str] = (),
    extra: Sequence[str] = (),
    lt_home: Path | None = None,
    root: str | None = None,
    within: Sequence[str] = (),
) -> SshHost:
    """Starts a host in `folder`. `without` names programs it shall lack (`rsync`, `python3`); stop `sshd` yourself."""
    folder.mkdir(parents=True, exist_ok=True)
    path = str(path_without(folder / "bin", without)) if without else None
    # /var/tmp/lt-<uid> would be shared by all tests: leases belong to this host alone.
    sshd = PrivateSshd(folder / "sshd", home=folder / home_name, path=path, extra=extra, within=within).start()
    home = Home(lt_home or folder / "lt home").make()
    with home.known_hosts.open("a") as file:
        file.write(sshd.host_key_line)
    home.known_hosts.chmod(0o600)
    host = Host(
        name=name,
        address=sshd.address,
        port=sshd.port,
        user=sshd.user,
        key=str(sshd.client_key),
        lease_dir=str(folder / "lease"),
        **({"root": root} if root else {}),
    )
    return SshHost(sshd, host, home)


@pytest.fixture
def ssh_host(tmp_path: Path) -> Iterator[SshHost]:
    """A host whose home has a space, quotes and a dollar in its name."""
    if find_sshd() is None:
        pytest.skip("OpenSSH's server is not installed")
    made = make_host(tmp_path / "host")
    yield made
    made.sshd.stop()


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder with a short path, for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="lt-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def path_without(folder: Path, names: Sequence[str]) -> Path:
    """A folder to use as PATH: links to every program on ours, except those in `names`.

    `python3` leaves out all Pythons.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for place in os.environ.get("PATH", os.defpath).split(":"):
        for program in _programs(Path(place)):
            link = folder / program.name
            left_out = program.name in names or ("python3" in names and program.name.startswith("python"))
            if left_out or link.is_symlink():
                continue
            link.symlink_to(program)
    return folder


def _programs(place: Path) -> list[Path]:
    try:
        return [entry for entry in place.iterdir() if os.access(entry, os.X_OK) and not entry.is_dir()]
    except OSError:
        return []
