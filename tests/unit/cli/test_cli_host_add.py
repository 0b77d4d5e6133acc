"""`lt host add` against a real sshd: the key is confirmed by somebody, or nothing is added."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.laptop import Laptop
from support.sshd import SshHost, make_host, needs_sshd

pytestmark = needs_sshd


@pytest.fixture
def box(tmp_path: Path) -> Iterator[SshHost]:
    made = make_host(tmp_path / "box")
    yield made
    made.sshd.stop()


@pytest.fixture
def laptop(tmp_path: Path, box: SshHost) -> Iterator[Laptop]:
    """A laptop that has never heard of the host."""
    (tmp_path / "work").mkdir()
    made = Laptop(tmp_path / "home", tmp_path / "work")
    yield made
    made.lt("controller", "stop", code=None)


def words(box: SshHost, name: str = "box") -> list[str]:
    host = box.host
    return [
        "host",
        "add",
        name,
        f"{host.user}@{host.address}:{host.port}",
        "--key",
        str(host.key),
        "--root",
        str(box.root),
    ]


def fingerprint(box: SshHost, laptop: Laptop) -> str:
    """The host's key as ssh-keygen tells it."""
    line = laptop.work / "line"
    line.write_text(box.sshd.host_key_line)
    done = subprocess.run(["ssh-keygen", "-lf", str(line)], capture_output=True, text=True, check=True)
    return done.stdout.split()[1]


def names(laptop: Laptop) -> list[str]:
    return [info["name"] for info in json.loads(laptop.lt("host", "ls", "--json").stdout)]


def test_without_anybody_to_ask_the_key_is_shown_and_nothing_added(box: SshHost, laptop: Laptop) -> None:
    done = laptop.lt(*words(box), code=2)
    assert fingerprint(box, laptop) in done.stderr and "--accept-new" in done.stderr
    assert names(laptop) == ["local"]
    assert not (laptop.home / "known_hosts").exists()


def test_a_wrong_fingerprint_is_refused(box: SshHost, laptop: Laptop) -> None:
    done = laptop.lt(*words(box), "--fingerprint", "SHA256:" + "A" * 43, code=3)
    assert "nothing was changed" in done.stderr and names(laptop) == ["local"]


def test_the_right_fingerprint_adds_and_looks_around(box: SshHost, laptop: Laptop) -> None:
    done = laptop.lt(*words(box), "--fingerprint", fingerprint(box, laptop))
    assert "lt submit box tiny-sft" in done.stderr  # what to type next
    assert "box is added" in done.stderr and names(laptop) == ["box", "local"]
    info = json.loads(laptop.lt("host", "show", "box", "--json").stdout)
    assert info["facts"]["root"] and info["keys"] == [fingerprint(box, laptop)]
    laptop.lt(*words(box), "--accept-new", code=2)
    assert laptop.lt("host", "check", "box", code=None).stdout


def test_a_refused_login_leaves_nothing_behind(box: SshHost, laptop: Laptop) -> None:
    stranger = laptop.work / "stranger"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(stranger)], check=True)
    told = [*words(box), "--accept-new"]
    told[told.index("--key") + 1] = str(stranger)
    done = laptop.lt(*told, code=3, env={"SSH_AUTH_SOCK": ""})
    assert "refused the login" in done.stderr and names(laptop) == ["local"]
    assert (
        "box was not added" in done.stderr and "lt host edit" not in done.stderr and "lt host check" not in done.stderr
    )


def test_the_public_half_of_a_key_is_told_as_such(box: SshHost, laptop: Laptop) -> None:
    told = [*words(box), "--accept-new"]
    told[told.index("--key") + 1] = str(box.host.key) + ".pub"
    done = laptop.lt(*told, code=3)
    assert "is a public key" in done.stderr and "without .pub" in done.stderr and names(laptop) == ["local"]


def test_a_changed_key_is_refused_until_it_is_trusted(box: SshHost, laptop: Laptop) -> None:
    laptop.lt(*words(box), "--accept-new")
    known = laptop.home / "known_hosts"
    other = laptop.work / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    known.write_text(known.read_text().split()[0] + " " + other.with_suffix(".pub").read_text())
    laptop.lt("controller", "stop")
    done = laptop.lt("host", "check", "box", code=3)
    assert "another key than before" in done.stderr and "lt host trust box" in done.stderr
    asked = laptop.lt("host", "trust", "box", code=2).stderr
    assert "--fingerprint SHA256:" in asked and "lt host add" not in asked
    laptop.lt("host", "trust", "box", "--fingerprint", fingerprint(box, laptop))
    laptop.lt("host", "check", "box", code=None)
    assert fingerprint(box, laptop) in laptop.lt("host", "show", "box").stdout


def test_nobody_listens_there(box: SshHost, laptop: Laptop) -> None:
    box.sshd.stop()
    done = laptop.lt(*words(box), "--accept-new", code=3)
    assert "can't be reached: nothing listens at this port" in done.stderr and "box was not added" in done.stderr
    assert names(laptop) == ["local"]
