"""The other end of a transfer or of a command is a stranger's program: what it may bring, and how much of it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import FileEntry
from lt_controller.engine.verify import sweep, verify
from lt_controller.room import left
from lt_controller.transport import channel
from lt_controller.transport.fabric_ssh import FabricTransport
from lt_controller.transport.rsync import RsyncBulk
from lt_controller.transport.rsync_bounds import LEAST, hold_to
from support.sshd import SshHost, needs_sshd, ssh_host

__all__ = ["ssh_host"]


def entry(path: str, content: bytes = b"x") -> FileEntry:
    return FileEntry(path, len(content), hashlib.sha256(content).hexdigest())


def test_what_nobody_asked_for_does_not_stay(tmp_path: Path) -> None:
    outside, staging = tmp_path / "outside", tmp_path / "staging"
    (outside / "deep").mkdir(parents=True)
    (outside / "deep/file").write_bytes(b"x")
    for path in ("model", "deep/er/file", ".bashrc", "more/.hidden", ".model.lt-partial"):
        (staging / path).parent.mkdir(parents=True, exist_ok=True)
        (staging / path).write_bytes(b"x")
    os.symlink(outside / "deep", staging / "linked")
    os.symlink(outside / "deep/file", staging / "link")
    entries = [entry("model"), entry("deep/er/file"), entry("linked/file")]
    sweep(staging, entries)
    found = sorted(path.relative_to(staging).as_posix() for path in staging.rglob("*"))
    assert found == ["deep", "deep/er", "deep/er/file", "model"]
    assert verify(staging, entries) == ["linked/file"]  # it was reached through a link
    assert (outside / "deep/file").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone bounds another process")
def test_no_file_gets_longer_than_was_announced(tmp_path: Path) -> None:
    writes = 'read go; trap "" XFSZ; (head -c 4000000 /dev/zero > "$1") 2>/dev/null || exit 9'
    process = subprocess.Popen(["sh", "-c", writes, "sh", str(tmp_path / "file")], stdin=subprocess.PIPE)
    hold_to(process.pid, 10)
    process.communicate(b"go\n", timeout=60)
    assert process.returncode == 9 and (tmp_path / "file").stat().st_size == LEAST


@needs_sshd
def test_a_host_that_never_stops_talking_is_left(ssh_host: SshHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "MOST_SAID", 1 << 20)
    transport = FabricTransport([ssh_host.host], ssh_host.home)
    transport.connect()
    try:
        with pytest.raises(LtError) as caught:
            transport.run(["head", "-c", str(30 << 20), "/dev/zero"], timeout=120)
        assert caught.value.params["why"] == "too_much"
        assert transport.run(["echo", "still here"]).stdout == b"still here\n"
        bulk = RsyncBulk(ssh_host.host, ssh_host.home, "3.2.7", transport)
        for path in (":module", "relative", "-e", ""):  # what a host may say of where its checkpoint lies
            with pytest.raises(LtError, match="transfer_refused"):
                bulk.pull(path, [entry("a")], ssh_host.home.path / "staging")
    finally:
        transport.close()


def test_some_of_the_disk_is_left_alone(tmp_path: Path) -> None:
    usage = os.statvfs(tmp_path)
    assert left(tmp_path) < usage.f_bavail * usage.f_frsize
