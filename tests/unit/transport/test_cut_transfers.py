"""Transfers over a link that fails: what has arrived is kept, and the next try goes on from there."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import FileEntry
from lt_controller.transport import Bulk, Transport
from support.relay import Relay
from support.sshd import SshHost

from .conftest import connect

SIZE = 24 << 20


@pytest.fixture(params=["rsync", "tunnel", "tar"])
def cut_way(request: pytest.FixtureRequest) -> Iterator[tuple[Bulk, Transport, SshHost, Relay]]:
    ssh: SshHost = request.getfixturevalue("poor_host" if request.param == "tar" else "shared_host")
    with Relay(ssh.sshd.port) as relay:
        far = ssh.at_port(relay.port)
        far = replace(far, host=replace(far.host, name=f"far-{relay.port}"))
        way = connect(request.param, far.host, far.home, far.root, far)
        yield way.bulk, way.transport, far, relay
        way.bulk.close()
        way.transport.close()


def cut_midway(relay: Relay) -> None:
    relay.cut_after = relay.carried + SIZE // 2


def test_a_pull_that_is_cut_goes_on_where_it_stopped(
    cut_way: tuple[Bulk, Transport, SshHost, Relay], tmp_path: Path
) -> None:
    bulk, transport, host, relay = cut_way
    there = host.root / tmp_path.name
    there.mkdir(parents=True)
    (there / "model").write_bytes(os.urandom(SIZE))
    files = [FileEntry("model", SIZE, "")]
    cut_midway(relay)
    with pytest.raises(LtError) as caught:
        bulk.pull(str(there), files, tmp_path / "home")
    assert caught.value.code in ("transfer_failed", "host_unreachable")
    assert not (tmp_path / "home/model").exists()

    transport.connect()
    before = relay.carried
    bulk.pull(str(there), files, tmp_path / "home")
    assert (tmp_path / "home/model").read_bytes() == (there / "model").read_bytes()
    assert relay.carried - before < SIZE * 3 // 4


def test_a_push_that_is_cut_can_be_repeated(cut_way: tuple[Bulk, Transport, SshHost, Relay], tmp_path: Path) -> None:
    bulk, transport, host, relay = cut_way
    source = tmp_path / "src"
    source.mkdir()
    names = [f"part-{n}" for n in range(6)]
    for name in names:
        (source / name).write_bytes(os.urandom(SIZE // 6))
    there = host.root / tmp_path.name / "files"
    there.parent.mkdir(parents=True)
    cut_midway(relay)
    with pytest.raises(LtError) as caught:
        bulk.push(source, names, str(there))
    assert caught.value.code in ("transfer_failed", "host_unreachable")

    transport.connect()
    before = relay.carried
    bulk.push(source, names, str(there))
    assert all((there / name).read_bytes() == (source / name).read_bytes() for name in names)
    assert relay.carried - before < SIZE  # files that had arrived whole are not sent again


def test_cancel_ends_a_transfer_whose_link_is_silent(
    cut_way: tuple[Bulk, Transport, SshHost, Relay], tmp_path: Path
) -> None:
    bulk, transport, host, relay = cut_way
    there = host.root / tmp_path.name
    there.mkdir(parents=True)
    (there / "model").write_bytes(os.urandom(SIZE))
    cancel = threading.Event()

    def fall_silent(_: object) -> None:
        relay.silence()
        timer.start()

    timer = threading.Timer(0.3, lambda: (cancel.set(), transport.close()))
    seen: list[object] = []
    with pytest.raises(LtError):
        bulk.pull(
            str(there),
            [FileEntry("model", SIZE, "")],
            tmp_path / "home",
            progress=lambda p: fall_silent(p) if not seen and not seen.append(p) else None,
            cancel=cancel,
        )
    timer.join()
