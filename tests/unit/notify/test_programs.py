"""Telling by a program on this machine: words as arguments, the event on its input, and an end to it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psutil
import pytest

from lt_agent.protocol.errors import LtError
from lt_controller.notify import ways
from lt_controller.notify.config import Channel
from lt_controller.notify.message import Message
from support.wait import until

TOLD = Message("failed", "lt: a; touch /tmp/x $(id) failed", ("<b>&", "two"), {"kind": "failed", "n": 1})


def command(*argv: str) -> Channel:
    return Channel("c", "command", command=argv)


def test_a_command_gets_the_event_on_its_input_and_no_shell(tmp_path: Path) -> None:
    script = "import sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read() + sys.argv[2].encode())"
    ways.deliver(command(sys.executable, "-c", script, str(tmp_path / "got"), "$HOME; `id`"), TOLD, {})
    told = (tmp_path / "got").read_text()
    assert json.loads(told.splitlines()[0]) == TOLD.data and told.endswith("$HOME; `id`")


def test_a_command_that_fails_says_why() -> None:
    script = "import sys; print('no \\x1b[2J route', file=sys.stderr); sys.exit(3)"
    with pytest.raises(LtError) as caught:
        ways.deliver(command(sys.executable, "-c", script), TOLD, {})
    assert caught.value.params["why"] == "exit code 3: no  route"
    with pytest.raises(LtError, match="notify_no_program"):
        ways.deliver(command("/nowhere/at/all"), TOLD, {})


def test_a_command_that_does_not_read_is_none_the_worse() -> None:
    big = Message("failed", "t", (), {"text": "x" * (1 << 20)})
    ways.deliver(command(sys.executable, "-c", "pass"), big, {})


def test_a_command_that_does_not_end_is_ended_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ways, "COMMAND_SECONDS", 3.0)
    script = (
        "import subprocess, sys, os; child = subprocess.Popen(['sleep', '600']);"
        " open(sys.argv[1] + '.new', 'w').write(f'{os.getpid()} {child.pid}');"
        " os.replace(sys.argv[1] + '.new', sys.argv[1]); child.wait()"
    )
    with pytest.raises(LtError) as caught:
        ways.deliver(command(sys.executable, "-c", script, str(tmp_path / "pids")), TOLD, {})
    assert caught.value.params["why"] == "timeout"
    if (tmp_path / "pids").exists():  # a slow machine may not have come so far
        pids = [int(word) for word in (tmp_path / "pids").read_text().split()]
        until(lambda: not any(map(_alive, pids)), 20, "its whole group has ended")


@pytest.mark.parametrize(("platform", "program"), [("linux", "notify-send"), ("darwin", "osascript")])
def test_the_desktop_is_told_by_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, program: str
) -> None:
    fake = tmp_path / program
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$0.args"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(sys, "platform", platform)
    ways.deliver(Channel("c", "desktop"), TOLD, {})
    words = (tmp_path / f"{program}.args").read_text()
    assert TOLD.title in words and ("&lt;b&gt;&amp;\ntwo" if platform == "linux" else "<b>&\ntwo") in words


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
