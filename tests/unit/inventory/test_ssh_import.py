"""Import from a person's ~/.ssh/config: the same answers as ssh itself, and a reason for whatever is left out."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lt_inventory.model import Host
from lt_inventory.ssh_import import ImportCandidate, read_ssh_config

CONFIG = """\
# people write these
Host gate
    HostName gate.example.org
    User jumper

Host a100 a100-too
    HostName 10.0.0.5
    Port 2222
    IdentityFile "~/.ssh/my key"
    ProxyJump gate

host=old
  hostname = %h.example.org

Host *.lab !bad.lab
    User labuser

Host one.lab bad.lab
    Port 22022

Host cmd
    ProxyCommand nc %h %p

Host many
    ProxyJump me@first:2022,second
    ProxyCommand ignored since ProxyJump came first

Match host matched exec "true"
    User matcher

Host *
    User everyone
    Port 22
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/my key").write_text("x")
    return tmp_path / ".ssh"


def read(folder: Path, text: str = CONFIG) -> dict[str, ImportCandidate]:
    (folder / "config").write_text(text)
    return {candidate.name: candidate for candidate in read_ssh_config(folder / "config")}


def host_of(found: dict[str, ImportCandidate], name: str) -> Host:
    host = found[name].host
    assert host is not None, found[name].skipped
    return host


def test_the_settings_we_know_are_taken_over(folder: Path) -> None:
    found = read(folder)
    assert host_of(found, "a100") == Host(
        "a100", "10.0.0.5", user="everyone", port=2222, key="~/.ssh/my key", jump=("gate",)
    )
    assert host_of(found, "a100-too").address == "10.0.0.5"
    assert host_of(found, "old").address == "old.example.org"
    assert host_of(found, "many").jump == ("me@first:2022", "second")


@pytest.mark.parametrize("name", ["gate", "a100", "old", "one.lab", "bad.lab", "many"])
def test_openssh_agrees(folder: Path, name: str) -> None:
    host = host_of(read(folder, CONFIG.replace('Match host matched exec "true"\n    User matcher\n', "")), name)
    said = subprocess.run(
        ["ssh", "-G", "-F", str(folder / "config"), name], capture_output=True, text=True, check=True
    ).stdout
    settings = dict(line.partition(" ")[::2] for line in said.splitlines())
    assert (settings["hostname"], settings["user"], int(settings["port"])) == (host.address, host.user, host.port)
    assert settings.get("proxyjump", "") == ",".join(host.jump)


def test_what_is_left_out_is_explained(folder: Path) -> None:
    found = read(folder)
    assert found["*"].host is None and "pattern" in found["*"].skipped
    assert found["*.lab"].host is None
    assert found["cmd"].host is None and "ProxyCommand" in found["cmd"].skipped
    assert any("Match" in note for note in found["gate"].notes)
    assert found["cmd"].line == 21


def test_included_files_are_read_where_they_stand(folder: Path) -> None:
    (folder / "more").mkdir()
    (folder / "more/1.conf").write_text("Host inner\n  HostName inner.example\n  Include deeper.conf\n")
    (folder / "deeper.conf").write_text("  User deep\nHost deepest\n  HostName deepest.example\n")
    found = read(folder, "Include more/*.conf\nHost outer\n  HostName outer.example\nHost *\n  Port 2200\n")
    assert host_of(found, "inner") == Host("inner", "inner.example", user="deep", port=2200)
    assert host_of(found, "deepest").port == 2200
    assert host_of(found, "outer").address == "outer.example"


def test_a_file_that_includes_itself_ends(folder: Path) -> None:
    assert "one" in read(folder, "Include config\nHost one\n  HostName x\n")


def test_the_first_value_wins_and_the_first_key_that_exists(folder: Path) -> None:
    found = read(
        folder,
        'Host one\n  Port 1000\n  IdentityFile ~/.ssh/none\n  IdentityFile "~/.ssh/my key"\nHost one\n  Port 2000\n',
    )
    assert host_of(found, "one").port == 1000
    assert host_of(found, "one").key == "~/.ssh/my key"
    assert found["one"].notes


@pytest.mark.parametrize(
    "text",
    ["Host x\n  HostName a;b\n", "Host x\n  Port none\n", "Host x\n  User a b|c\n  HostName -oX\n", "Host a;b\n"],
)
def test_nonsense_is_skipped_not_taken(folder: Path, text: str) -> None:
    assert all(candidate.host is None and candidate.skipped for candidate in read(folder, text).values())


def test_no_file_gives_no_hosts(tmp_path: Path) -> None:
    assert read_ssh_config(tmp_path / "none") == []
