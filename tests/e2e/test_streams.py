"""Logs, events and metrics come home whole, whatever happens to the connection and whatever the script prints."""

from __future__ import annotations

import os
import pty
import subprocess
import time
from pathlib import Path

import psutil

from support.laptop import LT, Laptop
from support.sshd import SshHost
from support.wait import until

# Clear the screen, set the clipboard, change the title, move the cursor, 8-bit CSI, bad UTF-8, a bell, a lone CR.
NASTY = (
    b"\x1b[2Jgone \x1b]52;c;cm0gLXJmIC8=\x07clip \x1b]0;title\x07 \x1b[10;10H \x9b31m \xff\xfe \x07 \x08\x08 \n"
    b"an old state\rthe new one\n"
)


def test_a_log_cut_three_times_in_the_middle_is_home_byte_for_byte(laptop: Laptop, box: SshHost) -> None:
    (laptop.work / "chatter.py").write_text(
        "import sys, time\n"
        "for i in range(60):\n"
        "    sys.stdout.write(''.join(f'{i * 500 + k:08d} ' + 'x' * (k % 90) + '\\n' for k in range(500)))\n"
        "    sys.stdout.flush()\n"
        "    time.sleep(0.1)\n"
    )
    name = laptop.run("box", "python3", "chatter.py")
    laptop.wait_state(name, "running")
    cuts = 0
    for _ in range(3):
        before = len(laptop.log(name))
        until(lambda b=before: len(laptop.log(name)) > b, 40, "the log grows")
        cuts += bool(box.sshd.kill_sessions())
    laptop.lt("wait", name, timeout=90)

    assert cuts == 3
    there = box.root / "jobs" / laptop.job(name)["id"] / "1" / "log"
    assert there.stat().st_size > 1_000_000
    assert laptop.log(name) == there.read_bytes()
    assert laptop.job(name)["attempt"] == 1


def test_escape_codes_reach_the_database_exactly_and_the_terminal_not_at_all(laptop: Laptop, box: SshHost) -> None:
    (laptop.work / "nasty.py").write_text(f"import sys\nsys.stdout.buffer.write({NASTY!r})\n")
    name = laptop.run("box", "python3", "nasty.py")
    laptop.lt("wait", name)
    assert laptop.log(name) == NASTY

    for words in (["logs", name], ["logs", name, "-f"], ["show", name], ["ps", "-a"]):
        seen = _on_a_terminal(laptop, *words)
        for bad in (b"\x1b[2J", b"\x1b]", b"\x9b", b"\x1b[10;10H", b"\x07", b"\xff", b"\x08"):
            assert bad not in seen, (words, bad, seen)
    assert b"gone" in _on_a_terminal(laptop, "logs", name)


def test_escape_codes_in_names_and_metrics_do_no_harm_either(laptop: Laptop, box: SshHost) -> None:
    name = laptop.run("box", "sh", "-c", 'echo \'{"step": 1, "\\u001b[2Jloss": 1}\' >> $LT_METRICS; echo \x1b[2J')
    laptop.lt("wait", name)
    for words in (["metrics", name], ["show", name], ["ps", "-a"]):
        assert b"\x1b[2J" not in _on_a_terminal(laptop, *words)


def test_follow_prints_a_line_when_it_is_written_and_ends_with_the_job(laptop: Laptop, box: SshHost) -> None:
    gate = box.sshd.home / "gate"
    (laptop.work / "wait.py").write_text(
        "import pathlib, time\n"
        "print('first', flush=True)\n"
        "while not (pathlib.Path.home() / 'gate').exists():\n    time.sleep(0.02)\n"
        "print('second', flush=True)\n"
    )
    name = laptop.run("box", "python3", "wait.py")
    follower = laptop.start("logs", name, "-f")
    assert follower.stdout.readline().rstrip() == b"first"
    gate.touch()
    assert follower.stdout.readline().rstrip() == b"second"
    assert follower.wait(30) == 0


def test_logs_can_be_searched_and_read_after_the_end(laptop: Laptop, box: SshHost) -> None:
    name = laptop.run("box", "sh", "-c", "for i in 1 2 3; do echo line $i; echo other; done")
    laptop.lt("wait", name)
    assert laptop.lt("logs", name, "--grep", "line [23]").stdout.split("\n")[:2] == ["line 2", "line 3"]


def test_the_laptop_may_be_closed_while_a_job_runs(laptop: Laptop, box: SshHost) -> None:
    gate = box.sshd.home / "gate"
    name = laptop.run(
        "box", "sh", "-c", 'echo before; while [ ! -e "$HOME/gate" ]; do sleep 0.05; done; echo after; exit 3'
    )
    until(lambda: laptop.log(name) == b"before\n", 30, "the first line at home")
    laptop.lt("controller", "stop")
    box.sshd.kill_sessions()
    gate.touch()
    folder = box.root / "jobs" / laptop.job(name)["id"] / "1"
    until((folder / "exit.json").exists, 30, "the job ends with nobody watching")
    assert laptop.job(name)["state"] == "running"  # what is not known is not made up

    laptop.lt("wait", name, code=1)
    assert laptop.log(name) == b"before\nafter\n"
    assert laptop.job(name)["exit_code"] == 3


def test_an_unreachable_host_changes_no_jobs_state(laptop: Laptop, box: SshHost) -> None:
    port = box.sshd.port
    name = laptop.run("box", "sh", "-c", 'while [ ! -e "$HOME/gate" ]; do sleep 0.05; done')
    laptop.wait_state(name, "running")
    box.sshd.stop()
    until(
        lambda: [row["state"] for row in laptop.query("SELECT state FROM hosts WHERE name='box'")] == ["unreachable"],
        60,
        "the host is seen to be unreachable",
    )
    assert laptop.job(name)["state"] == "running"
    assert "running" in laptop.lt("ps").stdout
    (box.sshd.home / "gate").touch()
    box.sshd.start(port)
    laptop.lt("wait", name, timeout=120)


def test_wait_can_be_interrupted_and_the_job_goes_on(laptop: Laptop, box: SshHost) -> None:
    name = laptop.run("box", "sh", "-c", 'while [ ! -e "$HOME/gate" ]; do sleep 0.05; done')
    waiting = laptop.start("wait", name)
    laptop.wait_state(name, "running")
    assert waiting.poll() is None
    waiting.kill()
    waiting.wait()
    (box.sshd.home / "gate").touch()
    laptop.lt("wait", name)


def _on_a_terminal(laptop: Laptop, *words: str) -> bytes:
    """What `lt WORDS` writes to a terminal, byte for byte."""
    ours, theirs = pty.openpty()
    env = {k: v for k, v in laptop.environment().items() if k != "NO_COLOR"} | {"TERM": "xterm-256color"}
    process = subprocess.Popen([LT, *words], stdin=theirs, stdout=theirs, stderr=theirs, env=env, cwd=laptop.work)
    os.close(theirs)
    seen, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # EIO: the last writer has closed the terminal
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    try:
        assert process.wait(10) == 0, seen
    finally:
        if process.poll() is None:
            psutil.Process(process.pid).kill()
    return seen


def test_metrics_of_a_script_that_writes_half_lines_and_nonsense_survive(laptop: Laptop, box: SshHost) -> None:
    (laptop.work / "odd.py").write_text(
        "import os, time\n"
        "path = os.environ['LT_METRICS']\n"
        "def add(text):\n    open(path, 'a').write(text)\n"
        'add(\'{"step": 1, "loss"\')\n'
        "time.sleep(0.3)\n"
        "add(': 0.5}\\n')\n"
        'add(\'not json\\n[1, 2]\\n{"step": "x", "loss": 1}\\n\')\n'
        'add(\'{"step": 2, "loss": NaN}\\n{"step": 3, "loss": 0.25, "note": "text"}\\n\')\n'
    )
    name = laptop.run("box", "python3", "odd.py")
    laptop.lt("wait", name)
    loss = laptop.metrics(name, "loss")
    assert loss[1] == 0.5 and loss[3] == 0.25
    assert laptop.job(name)["state"] == "succeeded"


def test_home_keeps_the_jobs_own_record(laptop: Laptop, box: SshHost) -> None:
    name = laptop.run("box", "sh", "-c", "echo one; echo two")
    laptop.lt("wait", name)
    record: Path = laptop.home / "runs" / name / ".lt" / "1"
    until((record / "exit.json").exists, 20, "the record at home")
    assert (record / "log").read_bytes() == b"one\ntwo\n"
    assert (record / "spec.json").exists() and b"running" in (record / "events.jsonl").read_bytes()
