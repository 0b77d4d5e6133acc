"""The configuration we generate: what OpenSSH makes of it, and that no field of a host can add a line to it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from lt_agent.protocol.errors import LtError
from lt_controller.home import Home
from lt_controller.transport.ssh_config import control_folder, control_socket, ssh_config_text, write_ssh_config
from lt_inventory.model import Host, local_host


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "lt home 100%").make()


def understood(path: Path, name: str) -> dict[str, str]:
    said = subprocess.run(["ssh", "-G", "-F", str(path), name], capture_output=True, text=True, check=True).stdout
    return dict(line.partition(" ")[::2] for line in said.splitlines())


def test_openssh_reads_what_was_meant(home: Home, tmp_path: Path) -> None:
    key = tmp_path / "my keys 50%" / "id"
    box = Host("box", "10.0.0.5", user="me", port=2222, key=str(key), jump=("gate", "you@outer.example:2022"))
    gate = Host("gate", "gate.example", user="root", port=22022)
    path = write_ssh_config({"box": box, "gate": gate, "local": local_host()}, home)
    seen = understood(path, "box")
    assert (seen["hostname"], seen["user"], seen["port"]) == ("10.0.0.5", "me", "2222")
    assert seen["identityfile"] == str(key).replace("%", "%%")
    assert seen["identitiesonly"] == "yes"
    assert seen["userknownhostsfile"].replace("%%", "%") == str(home.known_hosts)
    assert (seen["stricthostkeychecking"], seen["batchmode"], seen["forwardagent"]) == ("true", "yes", "no")
    assert seen["proxycommand"].endswith("-W '[%h]:%p' box+2")
    second = understood(path, "box+2")
    assert (second["hostname"], second["user"], second["port"]) == ("outer.example", "you", "2022")
    assert second["proxycommand"].endswith(" box+1")
    first = understood(path, "box+1")
    assert (first["hostname"], first["port"]) == ("gate.example", "22022")
    assert "proxycommand" not in first and "proxycommand" not in understood(path, "gate")


def test_ipv6_addresses_are_understood(home: Home) -> None:
    path = write_ssh_config({"six": Host("six", "2001:db8::1", port=2222)}, home)
    assert understood(path, "six")["hostname"] == "2001:db8::1"


@pytest.mark.parametrize(
    "host",
    [
        Host("box", "a\n  ProxyCommand touch /tmp/x"),
        Host("box", "-oProxyCommand=x"),
        Host("box", "a b"),
        Host("box", "ok", user="me\n  ProxyCommand x"),
        Host("box", "ok", user="-l"),
        Host("box", "ok", key="/k\n  ProxyCommand x"),
        Host("box", "ok", key='/k" "/etc/shadow'),
        Host("box", "ok", key="/k${HOME}"),
        Host("box", "ok", jump=("a b",)),
        Host("box", "ok", jump=("-oX=y",)),
    ],
)
def test_no_field_can_smuggle_a_line_in(host: Host, home: Home) -> None:
    with pytest.raises(LtError):
        ssh_config_text({"box": host}, home)


def test_an_unchanged_file_is_left_alone(home: Home) -> None:
    hosts = {"box": Host("box", "a.example")}
    before = write_ssh_config(hosts, home).stat().st_mtime_ns
    assert write_ssh_config(hosts, home).stat().st_mtime_ns == before
    assert home.ssh_config.stat().st_mode & 0o777 == 0o600


def test_control_sockets_are_private_short_and_apart(home: Home) -> None:
    box = Host("box", "a.example")
    assert control_folder().stat().st_mode & 0o777 == 0o700
    first = control_socket(box, home)
    assert len(str(first)) + 17 < 100  # OpenSSH adds a random suffix while it makes one
    assert control_socket(replace(box, address="b.example"), home) != first
