"""Hosts that let nobody in by key: questions on the terminal, what is remembered of them, and where it never goes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.asking_sshd import PASSWORD, AskingServer, Round, password_sshd
from support.laptop import LT, Laptop
from support.sshd import SshHost, needs_sshd
from support.terminal import Terminal
from support.wait import until

from .conftest import end_jobs

SECRET = Round((("(me@lab) Password: ", False),), ("hush-hush-0815",))
CODE = Round((("Verification code: ", True),), ("",), "Second factor")


@pytest.fixture
def keyless(laptop: Laptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Laptop:
    """The laptop of a person who has no keys."""
    (tmp_path / "person").mkdir()
    laptop.variables["HOME"] = str(tmp_path / "person")
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return laptop


@pytest.fixture
def password_box(keyless: Laptop, tmp_path: Path) -> Iterator[SshHost]:
    """OpenSSH's server with a password, in no inventory yet; keys of its home folder are let in."""
    own_keys = f'AuthorizedKeysFile "{tmp_path}/box/home/.ssh/authorized_keys"'
    with password_sshd(tmp_path / "box", lt_home=keyless.home, extra=("PasswordAuthentication yes", own_keys)) as made:
        yield made
        end_jobs(tmp_path / "box")


@pytest.fixture
def asker(keyless: Laptop, tmp_path: Path) -> Iterator[AskingServer]:
    """A host that wants a password and a code, in the inventory as `asker`."""
    (tmp_path / "far").mkdir()
    with AskingServer([SECRET, CODE], codes=["111111", "222222"], home=tmp_path / "far") as server:
        add(keyless, server)
        yield server
        end_jobs(tmp_path / "far")


def add(laptop: Laptop, server: AskingServer) -> None:
    from lt_controller.home import Home

    laptop.add_host(server.host(Home(laptop.home), lease_dir=str(laptop.home.parent / "lease")))


def terminal(laptop: Laptop, *words: str) -> Terminal:
    return Terminal([LT, *words], env=laptop.environment(), cwd=laptop.work)


def state(laptop: Laptop, host: str) -> str:
    rows = laptop.query("SELECT state FROM hosts WHERE name=?", host)
    return str(rows[0]["state"]) if rows else ""


def accepted(box: SshHost) -> int:
    return box.sshd.log.read_text().count("Accepted password")


def log_in(laptop: Laptop, host: str, code: str) -> str:
    with terminal(laptop, "host", "connect", host) as screen:
        screen.expect("(me@lab) Password: ")
        screen.type("hush-hush-0815")
        screen.expect("Verification code: ")
        screen.type(code)
        assert screen.end() == 0, screen.screen
        return screen.screen


def add_box(laptop: Laptop, box: SshHost, *options: str) -> str:
    words = ["host", "add", "box", box.host.target, "--accept-new", "--lease-dir", str(laptop.home.parent / "lease")]
    with terminal(laptop, *words, *options) as screen:
        screen.expect("Password of")
        screen.type("not this one")
        screen.expect("That was not right.")
        screen.expect("Password of")
        screen.type(PASSWORD)
        assert screen.end() == 0, screen.screen
        return screen.screen


@needs_sshd
def test_a_password_host_is_added_used_and_reconnected_after_one_answer(keyless: Laptop, password_box: SshHost) -> None:
    shown = add_box(keyless, password_box)
    assert PASSWORD not in shown and "is added" in shown
    job = keyless.run("box", "sh", "-c", "echo made > result.txt; sleep 600", options=["--pull", "*.txt"])
    keyless.wait_state(job, "running")
    before = accepted(password_box)
    password_box.sshd.kill_sessions()
    until(lambda: accepted(password_box) > before, 60, "it logged in again by itself")
    until(lambda: state(keyless, "box") == "reachable", 60, "it came back")
    search_for(PASSWORD, keyless)
    keyless.lt("stop", job)
    keyless.lt("wait", job, "--pulled", code=None)
    assert [path.read_text() for path in (keyless.home / "runs" / job).rglob("result.txt")] == ["made\n"]


@needs_sshd
def test_an_installed_key_makes_the_password_unnecessary(keyless: Laptop, password_box: SshHost) -> None:
    there = password_box.sshd.home / ".ssh/authorized_keys"
    there.parent.mkdir(mode=0o755)
    there.write_text("ssh-ed25519 AAAAC3Nz of-somebody-else")  # without the end of its line
    there.chmod(0o664)
    assert "logs in" in add_box(keyless, password_box, "--install-key")
    lines = there.read_text().splitlines()
    assert lines[0] == "ssh-ed25519 AAAAC3Nz of-somebody-else" and len(lines) == 2
    assert there.stat().st_mode & 0o777 == 0o644 and there.parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in there.parent.iterdir()] == ["authorized_keys"]
    key = keyless.home / "keys/id_ed25519"
    assert key.stat().st_mode & 0o777 == 0o600
    assert str(key) in (keyless.home / "hosts.toml").read_text()
    keyless.lt("controller", "stop")
    keyless.lt("host", "check", "box", "--json")
    said = keyless.lt("host", "connect", "box", "--install-key")
    assert "already" in said.stderr
    assert there.read_text().splitlines() == lines


def test_a_second_factor_needs_its_person_again_after_a_cut(keyless: Laptop, asker: AskingServer) -> None:
    refused = keyless.lt("host", "check", "asker", code=3)
    assert "lt host connect asker" in refused.stderr
    shown = log_in(keyless, "asker", "111111")
    assert "Second factor" in shown and "hush-hush" not in shown and "111111" in shown
    job = keyless.run("asker", "sh", "-c", "sleep 600")
    keyless.wait_state(job, "running")
    asker.cut()
    until(lambda: state(keyless, "asker") == "needs_login", 60, "needs login")
    assert "needs login" in keyless.lt("host", "ls").stdout
    assert keyless.job(job)["state"] == "running"
    log_in(keyless, "asker", "222222")
    acts = keyless.query("SELECT target FROM audit WHERE act='host connect'")
    assert [row["target"] for row in acts] == ["asker", "asker"]
    until(lambda: state(keyless, "asker") == "reachable", 30)
    keyless.lt("stop", job)
    keyless.lt("wait", job, code=None)
    assert asker.logins == 2


def test_three_wrong_answers_end_with_an_error(keyless: Laptop, asker: AskingServer) -> None:
    with terminal(keyless, "host", "connect", "asker") as screen:
        for _ in range(3):
            screen.expect("Password: ")
            screen.type("wrong")
        assert screen.end() == 3
        assert "3 times" in screen.screen
    assert state(keyless, "asker") == "needs_login"


def test_ctrl_c_at_a_question_breaks_the_login_off(keyless: Laptop, asker: AskingServer) -> None:
    with terminal(keyless, "host", "connect", "asker") as screen:
        screen.expect("Password: ")
        screen.press(b"\x03")
        assert screen.end() == 3
        assert "broken off" in screen.screen


def test_without_a_terminal_a_question_is_an_error(keyless: Laptop, asker: AskingServer) -> None:
    assert "no terminal" in keyless.lt("host", "connect", "asker", code=3).stderr


def test_what_a_server_asks_reaches_the_terminal_made_safe(keyless: Laptop, tmp_path: Path) -> None:
    evil = Round((("\x1b]0;owned\x07\x1b[2JPassword: ", False),), ("hush-hush-0815",), "\x1b[31mtitle")
    with AskingServer([evil], home=tmp_path) as server:
        add(keyless, server)
        env = keyless.environment()
        with Terminal([LT, "host", "connect", "asker"], env=env, cwd=keyless.work, raw=True) as screen:
            screen.expect("Password: ")
            screen.type("hush-hush-0815")
            assert screen.end() == 0
            assert "\x1b]0;" not in screen.screen and "\x1b[2J" not in screen.screen


def test_remember_needs_a_keyring_and_never_a_plain_file(keyless: Laptop, asker: AskingServer, tmp_path: Path) -> None:
    keyless.variables["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    with terminal(keyless, "host", "connect", "asker", "--remember") as screen:
        assert screen.end() == 1
        assert "keyring" in screen.screen and "Password" not in screen.screen
    assert asker.tries == 0


def test_what_a_keyring_remembers_outlives_the_controller(keyless: Laptop, tmp_path: Path) -> None:
    (tmp_path / "ring_of_the_test.py").write_text(_RING.format(folder=str(tmp_path / "ring")))
    keyless.variables |= {"PYTHON_KEYRING_BACKEND": "ring_of_the_test.Ring", "PYTHONPATH": str(tmp_path)}
    with AskingServer([SECRET], home=tmp_path) as server:
        add(keyless, server)
        with terminal(keyless, "host", "connect", "asker", "--remember") as screen:
            screen.expect("Password: ")
            screen.type("hush-hush-0815")
            assert screen.end() == 0
            assert "keyring" in screen.screen
        search_for("hush-hush-0815", keyless)
        keyless.lt("controller", "stop")
        assert "memory" not in keyless.lt("host", "connect", "asker").stderr
        keyless.lt("host", "connect", "asker", "--forget")
        keyless.lt("controller", "stop")
        assert "no terminal" in keyless.lt("host", "connect", "asker", code=3).stderr
        assert not list((tmp_path / "ring").iterdir())


# What a system's keyring is to lt, as a backend that a person has chosen by name.
_RING = """
import hashlib, pathlib
from keyring.backend import KeyringBackend

class Ring(KeyringBackend):
    priority = 5
    folder = pathlib.Path({folder!r})

    def _file(self, service, name):
        self.folder.mkdir(exist_ok=True)
        return self.folder / hashlib.sha256((service + name).encode()).hexdigest()

    def set_password(self, service, name, secret):
        self._file(service, name).write_text(secret)

    def get_password(self, service, name):
        file = self._file(service, name)
        return file.read_text() if file.exists() else None

    def delete_password(self, service, name):
        self._file(service, name).unlink()
"""


def search_for(secret: str, laptop: Laptop) -> None:
    """Fails where the secret is in a file of LT_HOME, or in an argv or environment of the laptop's or host's."""
    needle = secret.encode()
    for path in laptop.home.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert needle not in path.read_bytes(), path
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        for what in ("cmdline", "environ"):
            try:
                found = (process / what).read_bytes()
            except OSError:
                continue
            assert needle not in found, (process, what)
