"""`lt ssh` and `lt forward`: OpenSSH with lt's configuration, in a job's folder, and a host's port on this machine."""

from __future__ import annotations

import json
import socket
import sys
import urllib.request
from pathlib import Path

import pytest

from support.asking_sshd import PASSWORD, password_sshd
from support.laptop import LT, Laptop
from support.sshd import SshHost, needs_sshd
from support.terminal import Terminal
from support.wait import until

LOOK = """
import json, os, sys
names = ("LT_OUT", "LT_JOB", "LT_ATTEMPT", "LT_METRICS", "OMP_NUM_THREADS")
print(json.dumps([os.getcwd(), sys.executable, {name: os.environ.get(name) for name in names}]))
"""
# Says on which port it serves, then serves its folder.
SERVE = """
import http.server, pathlib
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
pathlib.Path("hello.txt").write_text("from the job")
print("port", server.server_port, flush=True)
server.serve_forever()
"""


def terminal(laptop: Laptop, *words: str) -> Terminal:
    return Terminal([LT, *words], env=laptop.environment(), cwd=laptop.work)


def port_of(laptop: Laptop, job: str) -> int:
    until(lambda: b"port " in laptop.log(job), 60, "the job's server")
    return int(laptop.log(job).split()[1])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_command_in_a_jobs_folder_sees_what_the_job_sees(laptop: Laptop, box: SshHost) -> None:
    (laptop.work / "mine.txt").write_text("mine")
    job = laptop.run("box", "python", "-c", "pass")
    laptop.wait_state(job, "succeeded")
    done = laptop.lt("ssh", job, "--", "python", "-c", LOOK)
    folder, python, variables = json.loads(done.stdout)
    attempt = box.root / "jobs" / laptop.job(job)["id"] / "1"
    assert Path(folder).resolve() == (attempt / "code").resolve()
    assert Path(python).resolve() == Path(sys.executable).resolve()
    assert Path(variables.pop("LT_OUT")).resolve() == (attempt / "out").resolve()
    # no marker of the job: a stop would end the shell; no metrics: a trial would end up in the job's curves
    assert variables == {"LT_JOB": None, "LT_ATTEMPT": None, "LT_METRICS": None, "OMP_NUM_THREADS": "1"}
    assert job in done.stderr and "LT_OUT" in done.stderr
    assert laptop.lt("ssh", job, "--", "cat", "mine.txt").stdout == "mine"
    assert laptop.lt("ssh", job, "--", "sh", "-c", "exit 7", code=7)


def test_a_shell_in_a_jobs_folder_is_one_to_type_in(laptop: Laptop, box: SshHost) -> None:
    job = laptop.run("box", "sleep", "600")
    laptop.wait_state(job, "running")
    laptop.variables["SHELL"] = "/bin/sh"
    with terminal(laptop, "ssh", job) as screen:
        screen.expect("LT_OUT")
        screen.type("basename $(pwd); test -t 0 && echo typed-$((40 + 2))")
        assert "code" in screen.expect("typed-42")
        screen.type("exit 3")
        assert screen.end() == 3
    laptop.lt("stop", job)
    laptop.lt("wait", job, code=None)


@pytest.mark.slow
def test_a_job_that_is_on_no_host_yet_has_no_folder(laptop: Laptop, box: SshHost) -> None:
    port = box.sshd.port
    laptop.lt("host", "check", "box")
    box.sshd.stop()
    job = laptop.run("box", "true")
    assert "no folder" in laptop.lt("ssh", job, code=1).stderr
    assert laptop.lt("ssh", "no-such-job", code=4)
    box.sshd.start(port)
    laptop.lt("stop", job)
    laptop.lt("wait", job, code=None)


def test_a_port_of_a_job_is_forwarded_until_ctrl_c(laptop: Laptop, box: SshHost) -> None:
    job = laptop.run("box", "python", "-c", SERVE)
    remote, local = port_of(laptop, job), free_port()
    with terminal(laptop, "forward", job, f"{remote}:{local}") as screen:
        screen.expect(f"http://127.0.0.1:{local}")
        with urllib.request.urlopen(f"http://127.0.0.1:{local}/hello.txt", timeout=60) as answer:
            assert answer.read() == b"from the job"
        screen.press(b"\x03")
        assert screen.end() == 0
        assert "closed" in screen.screen
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", local)) != 0
    laptop.lt("stop", job)
    laptop.lt("wait", job, code=None)


def test_a_cut_connection_ends_the_forwarding_with_a_word(laptop: Laptop, box: SshHost) -> None:
    local = free_port()
    with terminal(laptop, "forward", "box", f"9:{local}") as screen:
        screen.expect(f"http://127.0.0.1:{local}")
        box.sshd.kill_sessions()
        assert screen.end() == 3
        assert "has ended" in screen.screen


def test_a_port_that_is_taken_is_named_or_avoided(laptop: Laptop, box: SshHost) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert str(port) in laptop.lt("forward", "box", f"9:{port}", code=1).stderr
        with terminal(laptop, "forward", "box", str(port)) as screen:
            screen.expect("is taken instead")
            screen.expect("http://127.0.0.1:")
            screen.press(b"\x03")
            assert screen.end() == 0
    assert laptop.lt("forward", "box", "80:x", code=2)
    assert "6006" in laptop.lt("forward", "local", "6006").stdout


@needs_sshd
def test_openssh_asks_for_the_password_itself(laptop: Laptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "person").mkdir()
    laptop.variables["HOME"] = str(tmp_path / "person")
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with password_sshd(tmp_path / "box", lt_home=laptop.home) as made:
        laptop.add_host(made.host)
        for command in (["ssh", "box", "--", "echo", "in-there"], ["forward", "box", f"9:{free_port()}"]):
            with terminal(laptop, *command) as screen:
                screen.expect("password:")
                screen.type(PASSWORD)
                if command[0] == "forward":
                    screen.expect("http://127.0.0.1")
                    screen.press(b"\x03")
                else:
                    screen.expect("in-there")
                assert screen.end() == 0
