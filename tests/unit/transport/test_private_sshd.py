"""The private sshd that the demo and these tests stand on."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from lt_controller.transport import transport_for
from lt_controller.transport.remote import script
from support.sshd import SshHost, make_host, path_without
from support.sshd import ssh_host as ssh_host
from support.wait import until


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_killing_its_sessions_leaves_what_runs_detached(ssh_host: SshHost) -> None:
    transport = transport_for(ssh_host.host, ssh_host.home)
    transport.connect()
    said = transport.run(script("setsid sleep 60 </dev/null >/dev/null 2>&1 & echo $!")).stdout
    pid = int(said)
    assert ssh_host.sshd.kill_sessions() >= 1
    assert until(lambda: not transport.alive())
    assert is_alive(pid)
    os.kill(pid, 9)
    transport.connect()
    assert transport.run(["true"]).exit == 0
    transport.close()


def test_it_keeps_its_port_and_key_over_a_restart(ssh_host: SshHost) -> None:
    port = ssh_host.sshd.port
    ssh_host.sshd.stop()
    ssh_host.sshd.start(port)
    transport = transport_for(ssh_host.host, ssh_host.home)
    transport.connect()
    transport.close()


def test_stopping_leaves_no_process(tmp_path: Path) -> None:
    made = make_host(tmp_path / "host")
    transport = transport_for(made.host, made.home)
    transport.connect()
    pids = [made.sshd.pid, *made.sshd.sessions()]
    made.sshd.stop()
    assert until(lambda: not any(map(is_alive, pids)))
    transport.close()


def test_a_host_can_lack_programs(tmp_path: Path) -> None:
    folder = path_without(tmp_path / "bin", ["rsync", "python3"])
    found = subprocess.run(
        ["/bin/sh", "-c", "command -v rsync; command -v python3; command -v tar"],
        env={"PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == f"{folder}/tar\n"
