"""Logging in: each way it can fail is told apart, and no host is trusted that nobody vouched for."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest

from lt_agent.protocol.errors import LtError
from lt_controller.demo.sshd import PrivateSshd
from lt_controller.home import Home
from lt_controller.transport import fabric_ssh, transport_for
from lt_controller.transport.known_hosts import forget, lookup, trust
from lt_controller.transport.scan import scan_host_key
from lt_controller.transport.ssh_config import write_ssh_config
from lt_inventory.hosts_file import HostsFile
from lt_inventory.model import Host
from support.relay import Relay
from support.sshd import SshHost, make_host
from support.sshd import short_folder as short_folder
from support.sshd import ssh_host as ssh_host
from support.wait import until


def failure(host: Host, home: Home, timeout: float = 10.0) -> LtError:
    with pytest.raises(LtError) as caught:
        transport_for(host, home).connect(timeout)
    return caught.value


def key_file(path: Path, passphrase: str = "", kind: str = "ed25519") -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(path)], check=True)
    return path


def test_a_name_that_does_not_exist_is_dns(shared_host: SshHost) -> None:
    error = failure(replace(shared_host.host, address="no-such-host.invalid"), shared_host.home)
    assert (error.code, error.params["why"]) == ("host_unreachable", "dns")


def test_a_port_where_nothing_listens_is_refused(shared_host: SshHost) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = failure(replace(shared_host.host, port=taken.getsockname()[1]), shared_host.home)
    assert (error.code, error.params["why"]) == ("host_unreachable", "refused")


def test_a_host_that_accepts_and_stays_silent_is_a_handshake_that_failed(shared_host: SshHost) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        error = failure(replace(shared_host.host, port=server.getsockname()[1]), shared_host.home, timeout=1.0)
    assert error.code == "host_unreachable"
    assert error.params["why"] in ("handshake", "timeout")


def test_an_unknown_key_is_refused_with_its_fingerprint(ssh_host: SshHost) -> None:
    ssh_host.home.known_hosts.unlink()
    error = failure(ssh_host.host, ssh_host.home)
    assert error.code == "host_key_unknown"
    assert error.params["fingerprint"] == scan_host_key(ssh_host.host, ssh_host.home).fingerprint
    assert not ssh_host.home.known_hosts.exists()


def test_a_changed_key_is_refused_with_both_fingerprints(ssh_host: SshHost) -> None:
    before = scan_host_key(ssh_host.host, ssh_host.home)
    port = ssh_host.sshd.port
    ssh_host.sshd.stop()
    ssh_host.sshd.new_host_key()
    ssh_host.sshd.start(port)
    error = failure(ssh_host.host, ssh_host.home)
    after = scan_host_key(ssh_host.host, ssh_host.home)
    assert error.code == "host_key_changed"
    assert (error.params["known"], error.params["offered"]) == (before.fingerprint, after.fingerprint)


def test_trusting_the_new_key_lets_the_host_in_again(ssh_host: SshHost) -> None:
    forget(ssh_host.host, ssh_host.home)
    assert lookup(ssh_host.host, ssh_host.home) == []
    trust(ssh_host.host, scan_host_key(ssh_host.host, ssh_host.home), ssh_host.home)
    transport = transport_for(ssh_host.host, ssh_host.home)
    transport.connect()
    assert transport.alive()
    transport.close()


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_other_kinds_of_host_key_are_verified_too(tmp_path: Path, kind: str) -> None:
    (tmp_path / "host/sshd").mkdir(parents=True)
    key_file(tmp_path / "host/sshd/host_key", kind=kind)
    made = make_host(tmp_path / "host")
    try:
        transport = transport_for(made.host, made.home)
        transport.connect()
        assert transport.run(["true"]).exit == 0
        transport.close()
        made.home.known_hosts.write_text("")
        trust(made.host, scan_host_key(made.host, made.home), made.home)
        transport.connect()
        transport.close()
    finally:
        made.sshd.stop()


def test_a_key_that_is_not_let_in_names_the_methods_on_offer(shared_host: SshHost, tmp_path: Path) -> None:
    error = failure(replace(shared_host.host, key=str(key_file(tmp_path / "other"))), shared_host.home)
    assert error.code == "login_failed"
    assert error.params["methods"] == ["publickey"]
    assert error.params["user"] == shared_host.host.user


def test_no_key_at_all_is_a_failed_login(shared_host: SshHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    assert failure(replace(shared_host.host, key=None), shared_host.home).code == "login_failed"


def test_a_key_file_that_is_missing_is_named(shared_host: SshHost) -> None:
    error = failure(replace(shared_host.host, key="/no/such/key"), shared_host.home)
    assert (error.code, error.params["key"]) == ("key_missing", "/no/such/key")


def test_a_key_that_others_may_read_is_refused_as_ssh_would(shared_host: SshHost, tmp_path: Path) -> None:
    key = tmp_path / "key"
    shutil.copy(str(shared_host.host.key), key)
    key.chmod(0o644)
    assert failure(replace(shared_host.host, key=str(key)), shared_host.home).code == "key_permissions"


def test_a_file_that_is_no_key_is_said_to_be_none(shared_host: SshHost, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("not a key")
    (tmp_path / "key").chmod(0o600)
    assert failure(replace(shared_host.host, key=str(tmp_path / "key")), shared_host.home).code == "key_unreadable"


@pytest.mark.parametrize("form", ["openssh", "pem"])
def test_an_encrypted_key_asks_for_the_agent(
    shared_host: SshHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    key = tmp_path / "key"
    more = ["-m", "PEM", "-b", "2048"] if form == "pem" else []
    kind = "rsa" if form == "pem" else "ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *more, "-N", "secret words", "-f", str(key)], check=True)
    assert failure(replace(shared_host.host, key=str(key)), shared_host.home).code == "key_encrypted"


def test_an_encrypted_key_that_the_agent_holds_logs_in(
    ssh_host: SshHost, short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(short_folder / "agent")], stdout=subprocess.DEVNULL)
    try:
        until(lambda: (short_folder / "agent").exists())
        monkeypatch.setenv("SSH_AUTH_SOCK", str(short_folder / "agent"))
        key = Path(str(ssh_host.host.key))
        subprocess.run(["ssh-add", "-q", str(key)], check=True)
        subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret words", "-f", str(key)], check=True)
        transport = transport_for(ssh_host.host, ssh_host.home)
        transport.connect()
        assert transport.run(["echo", "in"]).stdout == b"in\n"
        transport.close()
    finally:
        agent.terminate()
        agent.wait()


def test_nothing_of_the_persons_ssh_configuration_is_used(
    shared_host: SshHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text("Host *\n  HostName elsewhere.invalid\n  Port 1\n  User nobody\n")
    (tmp_path / ".fabric.yaml").write_text("user: nobody\nport: 1\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    transport = transport_for(shared_host.host, shared_host.home)
    transport.connect()
    assert transport.run(["true"]).exit == 0
    transport.close()


def test_eight_threads_connecting_at_once_make_one_connection(ssh_host: SshHost) -> None:
    transport = transport_for(ssh_host.host, ssh_host.home)
    ssh_host.sshd.log.write_text("")
    threads = [threading.Thread(target=transport.connect) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert transport.run(["true"]).exit == 0
    accepted = ssh_host.sshd.log.read_text().count("Accepted publickey")
    assert accepted == 1
    transport.close()


def test_a_connection_that_is_cut_shows_and_can_be_made_again(ssh_host: SshHost) -> None:
    with Relay(ssh_host.sshd.port) as relay:
        far = ssh_host.at_port(relay.port)
        transport = transport_for(far.host, far.home)
        transport.connect()
        stream = transport.open(["cat"])
        relay.cut()
        assert stream.recv() == b""
        assert until(lambda: not transport.alive(), timeout=10)
        with pytest.raises(LtError) as caught:
            transport.run(["true"])
        assert caught.value.code == "host_unreachable"
        assert failure(far.host, far.home).code == "host_unreachable"
        relay.heal()
        transport.connect()
        assert transport.run(["echo", "back"]).stdout == b"back\n"
        transport.close()


def test_closing_wakes_the_readers_of_idle_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fabric_ssh, "QUIET", 3600.0)  # one that is not woken stays
    inner, outer = make_host(tmp_path / "inner"), make_host(tmp_path / "outer", name="gate")
    try:
        with inner.home.known_hosts.open("a") as file:
            file.write(outer.sshd.host_key_line)
        HostsFile(inner.home.hosts_file).add(outer.host)
        for host in (inner.host, replace(inner.host, jump=("gate",))):
            before = set(threading.enumerate())
            way = transport_for(host, inner.home)
            way.connect()
            assert way.run(["true"]).exit == 0
            readers = {thread for thread in threading.enumerate() if isinstance(thread, paramiko.Transport)} - before
            assert len(readers) == 1 + len(host.jump)
            way.close()
            until(lambda left=readers: not any(thread.is_alive() for thread in left), 30, "the readers' end")
    finally:
        inner.sshd.stop()
        outer.sshd.stop()


def test_a_link_that_goes_silent_is_given_up_within_its_bound(ssh_host: SshHost) -> None:
    with Relay(ssh_host.sshd.port) as relay:
        far = ssh_host.at_port(relay.port)
        transport = transport_for(far.host, far.home)
        transport.connect()
        relay.silence()
        with pytest.raises(LtError) as caught:
            transport.run(["true"], timeout=2.0)
        assert caught.value.code in ("command_timeout", "host_unreachable")
        transport.close()


def test_a_session_too_many_is_told_from_a_lost_connection(tmp_path: Path) -> None:
    made = make_host(tmp_path / "host", extra=["MaxSessions 2"])
    try:
        transport = transport_for(made.host, made.home)
        transport.connect()
        streams = [transport.open(["cat"]) for _ in range(2)]
        with pytest.raises(LtError) as caught:
            transport.open(["cat"])
        assert caught.value.code == "too_many_sessions"
        for stream in streams:
            stream.close()
        transport.close()
    finally:
        made.sshd.stop()


def test_a_jump_host_is_passed_strictly(tmp_path: Path) -> None:
    inner, outer = make_host(tmp_path / "inner"), make_host(tmp_path / "outer", name="gate")
    try:
        home = inner.home
        with home.known_hosts.open("a") as file:
            file.write(outer.sshd.host_key_line)
        HostsFile(home.hosts_file).add(outer.host)
        for jump in ("gate", f"{outer.host.user}@127.0.0.1:{outer.host.port}"):
            # by its address, a jump is logged in to with the key of the host behind it
            authorized = outer.sshd.folder / "authorized_keys"
            authorized.write_text(authorized.read_text() + (inner.sshd.folder / "client_key.pub").read_text())
            host = replace(inner.host, jump=(jump,))
            assert scan_host_key(host, home).fingerprint
            transport = transport_for(host, home)
            transport.connect()
            assert transport.run(["printenv", "HOME"]).stdout.decode().strip() == str(inner.sshd.home)
            transport.close()
        forget(outer.host, home)
        error = failure(replace(inner.host, jump=("gate",)), home)
        assert (error.code, error.params["host"]) == ("host_key_unknown", "gate")
    finally:
        inner.sshd.stop()
        outer.sshd.stop()


@pytest.mark.parametrize("by", ["list", "inventory"])
def test_jumps_are_passed_one_after_the_other(tmp_path: Path, by: str) -> None:
    inner, middle, front = (make_host(tmp_path / name, name=name) for name in ("inner", "middle", "front"))
    home, file = inner.home, HostsFile(inner.home.hosts_file)
    try:
        with home.known_hosts.open("a") as known:
            known.write(middle.sshd.host_key_line + front.sshd.host_key_line)
        file.add(front.host)
        file.add(middle.host if by == "list" else replace(middle.host, jump=("front",)))
        host = replace(inner.host, jump=("front", "middle") if by == "list" else ("middle",))
        transport = transport_for(host, home)
        transport.connect()
        assert transport.run(["printenv", "HOME"]).stdout.decode().strip() == str(inner.sshd.home)
        transport.close()
        config = write_ssh_config(file.load() | {host.name: host}, home)
        over = ["ssh", "-F", str(config), host.name, "printenv", "HOME"]
        assert subprocess.check_output(over, text=True).strip() == str(inner.sshd.home)
        front.sshd.stop()  # nothing leads past the first of them
        error = failure(host, home)
        assert (error.code, error.params["host"], error.params["why"]) == ("host_unreachable", "front", "refused")
        assert subprocess.run(over, check=False, capture_output=True, timeout=60).returncode
    finally:
        for made in (inner, middle, front):
            made.sshd.stop()


def test_a_jump_that_cannot_reach_further_says_so(shared_host: SshHost) -> None:
    home = shared_host.home
    host = replace(shared_host.host, name="behind", jump=(f"127.0.0.1:{shared_host.host.port}",), port=9)
    error = failure(host, home)
    assert (error.code, error.params["why"]) == ("host_unreachable", "refused_by_jump")


def test_a_loop_of_jumps_is_refused(shared_host: SshHost, tmp_path: Path) -> None:
    home = Home(tmp_path / "lt").make()
    file = HostsFile(home.hosts_file)
    file.add(replace(shared_host.host, name="a", jump=("b",)))
    file.add(replace(shared_host.host, name="b", jump=("a",)))
    with pytest.raises(LtError) as caught:
        transport_for(file.get("a"), home)
    assert caught.value.code == "bad_jump"


def test_a_server_without_its_program_is_said_to_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lt_controller.demo.sshd.find_sshd", lambda: None)
    with pytest.raises(LtError) as caught:
        PrivateSshd(tmp_path).start()
    assert caught.value.code == "no_sshd"
    assert os.listdir(tmp_path) == []
