"""The agent on a host: found, pushed once, started in one round trip."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.frames import MAGIC, FrameReader, encode
from lt_controller.home import Home
from lt_controller.transport import Duplex, Transport, bulk_for, transport_for
from lt_controller.transport.agent import agent_argv, open_bridge, push_agent
from lt_controller.transport.bundle import AgentBundle
from lt_controller.transport.probe import probe
from lt_controller.transport.rsync_features import local_features
from lt_controller.transport.uv import push_uv
from lt_controller.transport.wheels import platform_tags
from lt_inventory.model import local_host
from support.sshd import SshHost, make_host
from support.sshd import ssh_host as ssh_host


@pytest.fixture(params=["rsync", "no rsync", "local"])
def reached(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Transport, dict[str, object], Home, str]]:
    """A connected transport, the host's facts, LT_HOME, and the host's lease folder."""
    if request.param == "local":
        host, home, made = local_host(root=str(tmp_path / "the root")), Home(tmp_path / "lt").make(), None
    else:
        made = make_host(tmp_path / "host", without=["rsync"] if request.param == "no rsync" else [])
        host, home = made.host, made.home
    transport = transport_for(host, home)
    transport.connect()
    yield transport, {**probe(transport, host), "the host": host}, home, str(tmp_path / "lease")
    transport.close()
    if made is not None:
        made.sshd.stop()


def reply(stream: Duplex) -> dict[str, object]:
    reader = FrameReader()
    while data := stream.recv():
        for frame in reader.feed(data):
            if frame.header["type"] == "reply":
                return frame.header
    raise AssertionError(stream.stderr())


def test_the_agent_is_missed_pushed_and_answers(reached: tuple[Transport, dict[str, object], Home, str]) -> None:
    transport, facts, home, lease = reached
    bundle = AgentBundle.build(facts, home)
    root = str(facts["root"])
    with pytest.raises(LtError) as caught:
        open_bridge(transport, facts, bundle, root, lease)
    assert caught.value.code == "agent_missing"

    bulk = bulk_for(facts["the host"], home, facts, transport)  # type: ignore[arg-type]
    push_agent(transport, bulk, facts, bundle)
    push_agent(transport, bulk, facts, bundle)
    assert os.listdir(f"{root}/agents") == [bundle.digest]

    ping = MAGIC + encode({"type": "request", "id": 1, "op": "ping"})
    stream = open_bridge(transport, facts, bundle, root, lease, first=ping)
    assert reply(stream)["ok"] is True
    stream.close()
    bulk.close()


def test_the_pushed_agent_has_its_dependencies(reached: tuple[Transport, dict[str, object], Home, str]) -> None:
    transport, facts, home, _ = reached
    bundle = AgentBundle.build(facts, home)
    assert bundle.notes == ()
    bulk = bulk_for(facts["the host"], home, facts, transport)  # type: ignore[arg-type]
    push_agent(transport, bulk, facts, bundle)
    python, folder = agent_argv(facts, bundle, "x")[0], agent_argv(facts, bundle, "x")[4]
    program = (
        f"import sys; sys.path.append({folder + '/deps'!r}); import psutil, pynvml, watchdog.observers; print('ok')"
    )
    done = transport.run([python, "-E", "-s", "-S", "-c", program])
    assert done.stdout == b"ok\n", done.stderr
    bulk.close()


def test_a_push_that_broke_off_leaves_no_agent(ssh_host: SshHost) -> None:
    transport = transport_for(ssh_host.host, ssh_host.home)
    transport.connect()
    facts = probe(transport, ssh_host.host)
    bundle = AgentBundle.build(facts, ssh_host.home)
    folder = ssh_host.root / "agents" / bundle.digest
    folder.mkdir(parents=True)
    (folder / "__main__.py").write_text("raise SystemExit(1)")
    with pytest.raises(LtError) as caught:
        open_bridge(transport, facts, bundle, str(facts["root"]))
    assert caught.value.code == "agent_missing"
    push_agent(transport, bulk_for(ssh_host.host, ssh_host.home, facts, transport), facts, bundle)
    assert (folder / ".complete").exists()
    assert (folder / "lt_agent/cli.py").exists()
    transport.close()


def test_a_bridge_that_cannot_start_says_why(ssh_host: SshHost) -> None:
    transport = transport_for(ssh_host.host, ssh_host.home)
    transport.connect()
    facts = probe(transport, ssh_host.host)
    bundle = AgentBundle.build(facts, ssh_host.home)
    folder = ssh_host.root / "agents" / bundle.digest
    folder.mkdir(parents=True)
    (folder / ".complete").touch()
    (folder / "__main__.py").write_text("raise SystemExit('broken on purpose')")
    with pytest.raises(LtError) as caught:
        open_bridge(transport, facts, bundle, str(facts["root"]))
    assert caught.value.code == "agent_failed"
    assert caught.value.params["exit"] == 1
    assert "broken on purpose" in caught.value.params["detail"]
    transport.close()


def test_a_bundle_is_the_same_bytes_every_time_and_cheap_to_ask_for(tmp_path: Path, ssh_host: SshHost) -> None:
    transport = transport_for(ssh_host.host, ssh_host.home)
    transport.connect()
    facts = probe(transport, ssh_host.host)
    transport.close()
    one = AgentBundle.build(facts, Home(tmp_path / "one").make())
    two = AgentBundle.build(facts, Home(tmp_path / "two").make())
    assert one.digest == two.digest
    assert one.files() == two.files()
    assert "__main__.py" in one.files()
    assert not any("__pycache__" in name for name in one.files())
    folder = Home(tmp_path / "one").cache
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert before
    AgentBundle.build(facts, Home(tmp_path / "one"))
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before  # nothing is made again


def test_a_bundle_for_another_platform_lacks_what_cannot_be_had(
    tmp_path: Path, ssh_host: SshHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    facts = {"python": {"path": "/usr/bin/python3"}, "system": "Linux", "machine": "riscv64", "libc": "glibc 2.39"}
    bundle = AgentBundle.build(facts, ssh_host.home)
    assert [note.split(":")[0] for note in bundle.notes] == ["psutil"]
    assert "deps/pynvml.py" in bundle.files()
    assert "deps/watchdog/observers/inotify.py" in bundle.files()
    assert not any(name.endswith(".so") for name in bundle.files())


def local_version() -> str:
    return ".".join(map(str, local_features().version))


def test_a_host_without_python_tells_what_its_shell_knows(tmp_path: Path) -> None:
    made = make_host(tmp_path / "host", without=["python3"])
    try:
        transport = transport_for(made.host, made.home)
        transport.connect()
        facts = probe(transport, replace(made.host, python=None))
        if facts["python"] is not None:
            pytest.skip("this machine has a Python at a place that is always looked at")
        assert facts["system"] == "Linux"
        assert facts["rsync"] == local_version()
        assert facts["root"] == f"{made.sshd.home}/.lt-agent"
        with pytest.raises(LtError) as caught:
            AgentBundle.build(facts, made.home)
        assert caught.value.code == "host_no_python"
        transport.close()
    finally:
        made.sshd.stop()


def test_the_probe_is_one_command_and_survives_a_noisy_login(ssh_host: SshHost) -> None:
    login = ssh_host.sshd.folder / "login"
    login.write_text(login.read_text().replace("#!/bin/sh\n", "#!/bin/sh\necho Welcome to the lab\n", 1))
    transport = transport_for(ssh_host.host, ssh_host.home)
    transport.connect()
    facts = probe(transport, ssh_host.host)
    assert facts["home"] == str(ssh_host.sshd.home)
    assert abs(facts["clock_offset"]) < 5
    assert json.dumps(facts)
    transport.close()


def test_uv_reaches_the_host_once_and_runs(ssh_host: SshHost) -> None:
    transport = transport_for(ssh_host.host, ssh_host.home)
    transport.connect()
    facts = probe(transport, ssh_host.host)
    bulk = bulk_for(ssh_host.host, ssh_host.home, facts, transport)
    seen: list[object] = []
    path = push_uv(transport, bulk, facts, ssh_host.home, seen.append)
    assert transport.run([path, "--version"]).stdout.startswith(b"uv ")
    assert seen
    seen.clear()
    assert push_uv(transport, bulk, facts, ssh_host.home, seen.append) == path
    assert seen == []
    bulk.close()
    transport.close()


def test_platform_tags_go_from_the_hosts_libc_down() -> None:
    tags = platform_tags({"system": "Linux", "machine": "x86_64", "libc": "glibc 2.17"})
    assert tags[:2] == ["manylinux_2_17_x86_64", "manylinux2014_x86_64"]
    assert "manylinux_2_28_x86_64" not in tags
    assert platform_tags({"system": "Linux", "machine": "aarch64", "libc": "musl 1.2"})[0] == "musllinux_1_2_aarch64"
    assert platform_tags({"system": "Darwin", "machine": "arm64", "libc": ""}) == []
