"""Our known_hosts: whose key is trusted, in every form OpenSSH writes."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from lt_controller.home import Home
from lt_controller.transport.known_hosts import HostKey, forget, known_name, lookup, trust
from lt_inventory.model import Host

BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIJ7jU5iG3Dn2nlPm8m0r8iC4eGpQ0TjQpN9v5fJQ2m3S"
OTHER = "AAAAC3NzaC1lZDI1NTE5AAAAIB7jU5iG3Dn2nlPm8m0r8iC4eGpQ0TjQpN9v5fJQ2m3S"
KEY, CHANGED = HostKey("ssh-ed25519", BLOB), HostKey("ssh-ed25519", OTHER)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "lt").make()


@pytest.mark.parametrize(
    ("host", "name"),
    [
        (Host("a", "example.org"), "example.org"),
        (Host("a", "example.org", port=2222), "[example.org]:2222"),
        (Host("a", "fe80::1"), "fe80::1"),
        (Host("a", "2001:db8::1", port=2222), "[2001:db8::1]:2222"),
    ],
)
def test_names_are_those_of_openssh(host: Host, name: str, home: Home) -> None:
    assert known_name(host) == name
    trust(host, KEY, home)
    found = subprocess.run(["ssh-keygen", "-F", name, "-f", str(home.known_hosts)], capture_output=True, text=True)
    assert BLOB in found.stdout


def test_the_fingerprint_is_what_ssh_keygen_prints(home: Home) -> None:
    trust(Host("a", "x"), KEY, home)
    said = subprocess.run(["ssh-keygen", "-l", "-f", str(home.known_hosts)], capture_output=True, text=True).stdout
    assert KEY.fingerprint in said


def test_trust_replaces_the_key_of_that_host_alone(home: Home) -> None:
    one, two = Host("a", "one"), Host("b", "two", port=22022)
    trust(one, KEY, home)
    trust(two, KEY, home)
    trust(one, CHANGED, home)
    assert lookup(one, home) == [CHANGED]
    assert lookup(two, home) == [KEY]


def test_forget_leaves_other_names_comments_and_markers(home: Home) -> None:
    home.known_hosts.write_text(
        f"# mine\none,two ssh-ed25519 {BLOB} note\n@revoked bad ssh-ed25519 {OTHER}\nnonsense\n"
    )
    forget(Host("a", "one"), home)
    assert home.known_hosts.read_text() == (
        f"# mine\ntwo ssh-ed25519 {BLOB} note\n@revoked bad ssh-ed25519 {OTHER}\nnonsense\n"
    )


def test_hashed_names_are_recognised(home: Home) -> None:
    host = Host("a", "example.org", port=2222)
    trust(host, KEY, home)
    subprocess.run(["ssh-keygen", "-H", "-f", str(home.known_hosts)], check=True, capture_output=True)
    assert "example.org" not in home.known_hosts.read_text()
    assert lookup(host, home) == [KEY]
    assert lookup(Host("b", "example.net", port=2222), home) == []
    forget(host, home)
    assert lookup(host, home) == []


def test_the_file_is_private_and_twenty_writers_lose_nothing(home: Home) -> None:
    hosts = [Host(f"h{n}", f"host-{n}") for n in range(20)]
    threads = [threading.Thread(target=trust, args=(host, KEY, home)) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(lookup(host, home) == [KEY] for host in hosts)
    assert home.known_hosts.stat().st_mode & 0o777 == 0o600
