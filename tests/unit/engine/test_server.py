"""`controller.sock`: private from the first moment, and open as long as the controller lives."""

from __future__ import annotations

import os
import resource
import socket
import stat
from pathlib import Path

import pytest

from lt_agent.protocol.errors import LtError
from lt_controller.engine import server
from lt_controller.engine.server import Server, somebody_listens
from support.sshd import short_folder as short_folder


def ask(path: Path) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(10)
        connection.connect(os.fspath(path))
        connection.sendall(b'{"id":1,"op":"ping"}\n')
        return connection.recv(1000)


def test_the_socket_is_private_and_gone_after_the_close(short_folder: Path) -> None:
    path = short_folder / "s"
    made = Server(path, lambda request: {})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert somebody_listens(path) and b'"ok": true' in ask(path)
    made.close()
    assert not path.exists() and not somebody_listens(path)


def test_a_socket_that_a_killed_controller_left_is_taken_over(short_folder: Path) -> None:
    path = short_folder / "s"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(os.fspath(path))
    assert not somebody_listens(path)
    made = Server(path, lambda request: {})
    assert b'"ok": true' in ask(path)
    made.close()


@pytest.mark.parametrize("kind", ["link", "writable"])
def test_a_folder_that_somebody_else_may_write_to_gets_no_socket(short_folder: Path, kind: str) -> None:
    (short_folder / "theirs").mkdir(mode=0o700)
    place = short_folder / "place"
    if kind == "link":
        place.symlink_to(short_folder / "theirs")
    else:
        place.mkdir()
        place.chmod(0o777)
    with pytest.raises(LtError, match="home_unusable"):
        Server(place / "controller.sock", lambda request: None)
    assert list((short_folder / "theirs").iterdir()) == []


def test_want_of_descriptors_does_not_make_it_deaf(short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "ACCEPT_PAUSE", 0.02)
    path = short_folder / "s"
    made = Server(path, lambda request: {})
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    first, client = (socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(2))
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        first.connect(os.fspath(path))  # takes the descriptor that an `accept` which waits already holds
        client.connect(os.fspath(path))  # accepting this one needs one more than there may be
        client.sendall(b'{"id":1,"op":"ping"}\n')
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(1000)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    client.settimeout(10)
    assert b'"ok": true' in client.recv(1000)
    first.close()
    client.close()
    made.close()
