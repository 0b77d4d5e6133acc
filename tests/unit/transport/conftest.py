"""Every way to a host, for the contract suites: each test runs over all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lt_controller.demo.sshd import find_sshd
from lt_controller.home import Home
from lt_controller.transport import Bulk, Transport, bulk_for, transport_for
from lt_controller.transport.agent import push_agent
from lt_controller.transport.bundle import AgentBundle
from lt_controller.transport.probe import probe
from lt_controller.transport.rsync import RsyncBulk
from lt_inventory.model import Host, local_host
from support.sshd import SshHost, make_host

WAYS = ("rsync", "tunnel", "tar", "copy")
_known: dict[Path, dict[str, object]] = {}  # facts of the shared hosts, looked at once


@dataclass
class Way:
    """One way to move files, with the folder that is `the host` in it."""

    kind: str
    bulk: Bulk
    transport: Transport
    root: Path
    home: Home
    host: Host
    facts: dict[str, object]
    ssh: SshHost | None = None


@pytest.fixture(scope="session")
def shared_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshHost]:
    """One sshd for all tests that only use it."""
    if find_sshd() is None:
        pytest.skip("OpenSSH's server is not installed")
    made = make_host(tmp_path_factory.mktemp("shared"))
    yield made
    made.sshd.stop()


@pytest.fixture(scope="session")
def poor_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshHost]:
    """A host without rsync."""
    if find_sshd() is None:
        pytest.skip("OpenSSH's server is not installed")
    made = make_host(tmp_path_factory.mktemp("poor"), without=["rsync"])
    yield made
    made.sshd.stop()


MakeWay = Callable[[str], Way]


@pytest.fixture
def make_way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeWay]:
    """Makes a connected `Way` by its kind."""
    opened: list[Way] = []

    def make(kind: str) -> Way:
        if kind == "copy":
            host, home, ssh = local_host(root=str(tmp_path / "root")), Home(tmp_path / "lt home").make(), None
            root = tmp_path / "root"
        else:
            ssh = request.getfixturevalue("poor_host" if kind == "tar" else "shared_host")
            host, home, root = ssh.host, ssh.home, ssh.root
        way = connect(kind, host, home, root, ssh)
        opened.append(way)
        return way

    yield make
    for way in opened:
        way.bulk.close()
        way.transport.close()


def connect(kind: str, host: Host, home: Home, root: Path, ssh: SshHost | None) -> Way:
    """A `Way` to a host that has the agent where its bulk needs it."""
    root.mkdir(parents=True, exist_ok=True)
    transport = transport_for(host, home)
    transport.connect()
    if ssh is not None and ssh.home.path not in _known:
        _known[ssh.home.path] = probe(transport, host)
    facts = _known.get(home.path, {})
    bulk = bulk_for(host, home, facts, transport)
    if kind == "tunnel":  # as where OpenSSH could not log in by itself
        bulk = RsyncBulk(host, home, str(facts["rsync"]), transport, tunnelled=True)
    if kind == "tar":
        push_agent(transport, bulk, facts, AgentBundle.build(facts, home))
    return Way(kind, bulk, transport, root, home, host, facts, ssh)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, make_way: MakeWay) -> Way:
    """Each way in turn."""
    return make_way(request.param)
