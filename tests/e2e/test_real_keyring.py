"""A real keyring: GNOME's, over a D-Bus of its own. Skipped where its programs are not installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.asking_sshd import AskingServer, Round
from support.laptop import LT, Laptop
from support.sightings import on_disk
from support.terminal import Terminal

PROGRAMS = ("dbus-daemon", "gnome-keyring-daemon")
SECRET = "a-real-secret-4711"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not all(map(shutil.which, PROGRAMS)), reason="apt-get install gnome-keyring dbus"),
]


@pytest.fixture
def keyring(laptop: Laptop, tmp_path: Path) -> Iterator[Laptop]:
    """A laptop whose session has an unlocked keyring."""
    person, run = tmp_path / "person", tmp_path / "run"
    person.mkdir()
    run.mkdir(mode=0o700)
    own = {"HOME": str(person), "XDG_RUNTIME_DIR": str(run), "XDG_DATA_HOME": str(person / "data")}
    words = ["dbus-daemon", "--session", "--nofork", "--print-address=1", f"--address=unix:dir={run}"]
    bus = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert bus.stdout is not None
    own["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()
    daemon = subprocess.Popen(
        ["gnome-keyring-daemon", "--unlock", "--foreground", "--components=secrets"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **own},
    )
    assert daemon.stdin is not None and daemon.stdout is not None
    daemon.stdin.write(b"the login's password")
    daemon.stdin.close()
    daemon.stdout.readline()  # it listens
    laptop.variables |= own
    yield laptop
    laptop.lt("controller", "stop", code=None)
    for process in (daemon, bus):
        process.terminate()
        process.wait(30)


def test_a_secret_is_kept_given_to_a_job_and_taken_out(keyring: Laptop, tmp_path: Path) -> None:
    keyring.own_local()
    keyring.lt("secret", "set", "MY_TOKEN", stdin=f"{SECRET}\n")
    assert "the keyring" in keyring.lt("secret", "ls").stdout
    assert on_disk(SECRET, [tmp_path]) == []
    job = keyring.run("local", "sh", "-c", "echo ${#MY_TOKEN}", options=["--secret", "MY_TOKEN"])
    keyring.lt("wait", job)
    assert keyring.log(job).strip() == str(len(SECRET)).encode()
    assert on_disk(SECRET, [tmp_path]) == []
    keyring.lt("secret", "rm", "MY_TOKEN")
    assert "neither" in keyring.lt("run", "local", "--secret", "MY_TOKEN", "--", "true", code=2).stderr


def test_a_password_is_remembered_over_controllers_until_it_is_forgotten(keyring: Laptop, tmp_path: Path) -> None:
    from lt_controller.home import Home

    with AskingServer([Round((("Password: ", False),), (SECRET,))], home=tmp_path) as server:
        keyring.add_host(server.host(Home(keyring.home), lease_dir=str(tmp_path / "lease")))
        words = [LT, "host", "connect", "asker", "--remember"]
        with Terminal(words, env=keyring.environment(), cwd=keyring.work) as screen:
            screen.expect("Password: ")
            screen.type(SECRET)
            assert screen.end() == 0, screen.screen
        assert on_disk(SECRET, [tmp_path]) == []
        keyring.lt("controller", "stop")
        keyring.lt("host", "connect", "asker")
        keyring.lt("host", "connect", "asker", "--forget")
        keyring.lt("controller", "stop")
        assert "no terminal" in keyring.lt("host", "connect", "asker", code=3).stderr
