"""The tunnel by which rsync reaches hosts that OpenSSH can't log in to: what it runs, for whom, and what is left."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from lt_agent.protocol.records import FileEntry
from lt_controller.transport import bulk_for, transport_for
from lt_controller.transport.probe import probe
from lt_controller.transport.rsync import RsyncBulk
from lt_controller.transport.tar import TarBulk
from lt_controller.transport.tunnel import Tunnel, allowed
from support.asking_sshd import PASSWORD, password_sshd
from support.sshd import SshHost, needs_sshd

from .conftest import MakeWay
from .test_logins import Person


def conversation(path: Path, hello: bytes) -> bytes:
    """What the tunnel answers to a first line, to its end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(60)
        link.connect(os.fspath(path))
        link.sendall(hello + b"\n")
        link.shutdown(socket.SHUT_WR)
        said = b""
        while data := link.recv(65536):
            said += data
        return said


@pytest.mark.parametrize(
    "argv",
    [
        ["rsync", "--server", "-s", "."],
        ["rsync", "--server", "--sender", "-slLogDtpre.iLsfxCIvu", "."],
    ],
)
def test_what_rsync_runs_on_a_host_is_let_through(argv: list[str]) -> None:
    assert allowed(argv)


@pytest.mark.parametrize(
    "argv",
    [
        [],
        "rsync --server",
        ["sh", "-c", "id"],
        ["rsync", "-e", "sh", "--server"],
        ["/tmp/rsync", "--server"],
        ["rsync", "--server", "/etc/passwd"],
        ["rsync", "--server", ".", "x;id"],
        ["rsync", "--server", "--log-file=x"],
        ["rsync", "--server", "--daemon", "--config=x", "."],
        ["rsync", "--server", "-s", "$(id)"],
        ["rsync", "--server", 5],
    ],
)
def test_anything_else_is_refused(argv: object) -> None:
    assert not allowed(argv)


def test_the_socket_is_private_and_runs_nothing_but_rsync(make_way: MakeWay, tmp_path: Path) -> None:
    way = make_way("tunnel")
    with Tunnel(way.transport) as tunnel:
        assert stat.S_IMODE(tunnel.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(tunnel.path.parent.stat().st_mode) == 0o700
        said = conversation(tunnel.path, json.dumps(["touch", str(tmp_path / "made")]).encode())
        assert said.endswith(b"x\0\0\0\1" + b"2") and not (tmp_path / "made").exists()
    assert not tunnel.path.parent.exists()


def test_a_command_that_fails_gives_its_exit_code(make_way: MakeWay) -> None:
    way = make_way("tunnel")
    with Tunnel(way.transport) as tunnel:
        done = subprocess.run([*tunnel.argv, "host", "rsync", "--server", "-sW9", "."], capture_output=True, timeout=60)
    assert done.returncode == 1 and b"option" in done.stderr


def test_a_connection_that_is_gone_ends_the_tunnel_with_255(make_way: MakeWay) -> None:
    way = make_way("tunnel")
    way.transport.close()
    with Tunnel(way.transport) as tunnel:
        done = subprocess.run([*tunnel.argv, "host", "rsync", "--server", "."], capture_output=True, timeout=60)
    assert done.returncode == 255


def test_nothing_is_left_of_a_transfer(make_way: MakeWay, tmp_path: Path) -> None:
    way = make_way("tunnel")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/a").write_bytes(b"x" * 100_000)
    with Tunnel(way.transport) as tunnel:
        folder = tunnel.path.parent
    way.bulk.push(tmp_path / "src", ["a"], str(way.root / tmp_path.name))
    assert (way.root / tmp_path.name / "a").read_bytes() == b"x" * 100_000
    assert not folder.exists() and not any(thread.name.startswith("tunnel-") for thread in threading.enumerate())


@needs_sshd
def test_a_password_host_moves_files_by_the_tunnel_or_as_a_tar(tmp_path: Path) -> None:
    with password_sshd(tmp_path / "box") as made:
        transport = transport_for(made.host, made.home, Person([PASSWORD]))
        transport.connect()
        facts = probe(transport, made.host)
        bulk = bulk_for(made.host, made.home, facts, transport)
        assert isinstance(bulk, RsyncBulk)
        (tmp_path / "src").mkdir()
        data = os.urandom(300_000)
        (tmp_path / "src/the file's name").write_bytes(data)
        bulk.push(tmp_path / "src", ["the file's name"], str(tmp_path / "there"))
        bulk.pull(str(tmp_path / "there"), [FileEntry("the file's name", len(data), "")], tmp_path / "back")
        assert (tmp_path / "back/the file's name").read_bytes() == data
        # one that protects no names from the shell would need them quoted twice
        assert isinstance(bulk_for(made.host, made.home, {**facts, "rsync": "2.6.9"}, transport), TarBulk)
        transport.close()


def test_where_openssh_can_log_in_it_does(shared_host: SshHost) -> None:
    transport = transport_for(replace(shared_host.host, name="plain"), shared_host.home)
    transport.connect()
    assert transport.alone
    transport.close()
