"""A large transfer over several connections: how it is parted, and that what arrives is what one would bring."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lt_agent.protocol.records import FileEntry
from lt_controller.transport import Progress, shares
from lt_controller.transport.shares import WORTH, side_by_side
from support.relay import Relay
from support.sshd import SshHost, make_host

from .conftest import connect

FILES = {f"deep/part {number}": (number % 3 + 1) << 20 for number in range(8)}


def entries(*sizes: int) -> list[FileEntry]:
    return [FileEntry(f"file-{number}", size, "") for number, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ((), 1),
        ((WORTH,), 1),
        ((WORTH * 100,), 1),  # a file is never cut
        ((WORTH - 1, WORTH - 1), 1),  # too little
        ((WORTH, WORTH), 2),
        ((WORTH * 100, 10, 10, 10), 1),  # a second connection would end at once
        ((WORTH * 3, WORTH * 2, WORTH), 2),
        ((WORTH,) * 50, 4),
        ((1000,) * 200_000, 4),
    ],
)
def test_a_transfer_gets_as_many_connections_as_pay(sizes: tuple[int, ...], parts: int) -> None:
    files = entries(*sizes)
    made = shares.shares(files)
    assert len(made) == parts
    assert sorted(entry.path for part in made for entry in part) == sorted(entry.path for entry in files)
    weights = [sum(entry.size for entry in part) for part in made]
    assert max(weights) - min(weights) <= max(sizes, default=0)


@pytest.fixture
def far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[tuple[SshHost, Relay]]:
    """A host for which a megabyte is worth a connection; the parameter is what its sshd is told."""
    monkeypatch.setattr(shares, "WORTH", 1 << 20)
    made = make_host(tmp_path / "box", extra=getattr(request, "param", []))
    with Relay(made.sshd.port) as relay:
        yield made.at_port(relay.port), relay
    made.sshd.stop()


@pytest.mark.parametrize("far", [[], ["MaxStartups 1:100:1"]], indirect=True, ids=["all let in", "some refused"])
def test_parts_come_home_as_one(far: tuple[SshHost, Relay], tmp_path: Path) -> None:
    """An sshd that lets one login in at a time refuses some of the connections: what they were for comes after all."""
    host, relay = far
    there = host.root / "made"
    for name, size in FILES.items():
        (there / name).parent.mkdir(parents=True, exist_ok=True)
        (there / name).write_bytes(os.urandom(size))
    way = connect("rsync", host.host, host.home, host.root, host)
    before, told = relay.accepted, []
    try:
        done = way.bulk.pull(
            str(there), [FileEntry(name, size, "") for name, size in FILES.items()], tmp_path / "home", (), told.append
        )
    finally:
        way.bulk.close()
        way.transport.close()
    total = sum(FILES.values())
    assert (done.done, done.total) == (total, total)
    assert relay.accepted - before >= 4
    assert all((tmp_path / "home" / name).read_bytes() == (there / name).read_bytes() for name in FILES)
    assert all(one.total == total and one.done <= total for one in told)


def test_progress_is_that_of_all_parts() -> None:
    told: list[Progress] = []
    parts = [entries(10), entries(20)]

    def work(part: list[FileEntry], progress: object, stop: object) -> int:
        assert callable(progress)
        progress(Progress(part[0].size, part[0].size, 1))
        return part[0].size

    assert side_by_side("box", parts, work, told.append, None) == [10, 20]
    assert told[-1] == Progress(30, 30, 2)
