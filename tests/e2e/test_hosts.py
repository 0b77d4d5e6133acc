"""Hosts as people meet them: added by hand, with odd homes, changed keys, without rsync, gone."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.laptop import Laptop, tree_hashes
from support.sshd import SshHost, make_host, needs_sshd
from support.wait import until

pytestmark = needs_sshd


@pytest.fixture
def other_home(tmp_path: Path) -> Path:
    """Where `make_host` may keep the key it knows, so that the laptop under test does not know it yet."""
    return tmp_path / "not the laptop"


def test_a_host_is_added_by_its_fingerprint_and_looked_over(laptop: Laptop, tmp_path: Path, other_home: Path) -> None:
    made = make_host(tmp_path / "box", lt_home=other_home)
    try:
        target = ["box", f"{made.host.user}@127.0.0.1:{made.sshd.port}", "--key", str(made.sshd.client_key)]
        fingerprint = _fingerprint(made)

        refused = laptop.lt("host", "add", *target, "--fingerprint", "SHA256:" + "A" * 43, code=None)
        assert refused.returncode != 0 and "box" not in laptop.lt("host", "ls").stdout

        laptop.lt("host", "add", *target, "--fingerprint", fingerprint, "--label", "lab=ours", "--price", "1.9/h")
        shown = json.loads(laptop.lt("host", "show", "box", "--json").stdout)
        assert shown["host"]["address"] == "127.0.0.1" and shown["host"]["port"] == made.sshd.port
        assert "1.9" in (laptop.home / "hosts.toml").read_text()
        facts = json.loads(laptop.query("SELECT data FROM facts WHERE host='box'")[-1]["data"])
        assert facts["cpu"]["count"] >= 1 and facts["boot_id"] and facts["memory"]["total"] > 0
        assert "box" in laptop.lt("host", "ls").stdout
        check = laptop.lt("host", "check", "box", code=None)
        assert re.search("python", check.stdout, re.IGNORECASE) and re.search("rsync", check.stdout)
        laptop.lt("host", "rm", "box")
        assert "box" not in laptop.lt("host", "ls").stdout
    finally:
        made.sshd.stop()


def test_without_a_terminal_an_unknown_key_is_refused_and_the_fingerprint_named(
    laptop: Laptop, tmp_path: Path, other_home: Path
) -> None:
    made = make_host(tmp_path / "box", lt_home=other_home)
    try:
        target = ["box", f"{made.host.user}@127.0.0.1:{made.sshd.port}", "--key", str(made.sshd.client_key)]
        refused = laptop.lt("host", "add", *target, code=None)
        assert refused.returncode != 0 and _fingerprint(made) in refused.stdout + refused.stderr
        laptop.lt("host", "add", *target, "--accept-new")
    finally:
        made.sshd.stop()


def test_a_changed_host_key_is_refused_until_it_is_trusted(laptop: Laptop, box: SshHost) -> None:
    laptop.lt("wait", laptop.run("box", "true"))
    laptop.lt("controller", "stop")
    port = box.sshd.port
    box.sshd.stop()
    box.sshd.new_host_key()
    box.sshd.start(port)

    checked = laptop.lt("host", "check", "box", code=3)
    assert "key" in checked.stderr and "lt host trust" in checked.stderr
    name = laptop.run("box", "touch", "ran")
    until(lambda: [r["state"] for r in laptop.query("SELECT state FROM hosts WHERE name='box'")] == ["refused"], 30)
    assert laptop.job(name).get("state", "queued") in ("queued", "staging")

    laptop.lt("host", "trust", "box", "--fingerprint", _fingerprint(box))
    laptop.lt("wait", name)


def test_a_home_with_a_space_and_a_quote_in_its_path_is_only_a_path(laptop: Laptop, box: SshHost) -> None:
    assert " " in str(box.root) and "'" in str(box.root) and '"' in str(box.root)
    odd = laptop.work / 'it\'s a "folder" ü'
    odd.mkdir()
    (odd / "a $HOME file.txt").write_text("x")
    name = laptop.run("box", "sh", "-c", 'pwd; mkdir out; cp -r it* "out/$(echo a b)"', options=["--pull", "out/**"])
    laptop.lt("wait", name)
    until(lambda: laptop.job(name)["pull_state"] == "pulled", 30, "pulled")
    assert str(box.root).encode() in laptop.log(name)
    assert [p.read_text() for p in (laptop.home / "runs" / name).rglob("a $HOME file.txt")] == ["x"]


def test_a_host_without_rsync_gets_and_gives_the_same_files(laptop: Laptop, tmp_path: Path) -> None:
    bare = make_host(tmp_path / "bare", name="bare", without=["rsync"], lt_home=laptop.home)
    laptop.add_host(bare.host)
    try:
        (laptop.work / "sub dir").mkdir()
        (laptop.work / "sub dir" / "data.bin").write_bytes(bytes(range(256)) * 5000)
        (laptop.work / "run.sh").write_text("#!/bin/sh\nmkdir out\ncp 'sub dir/data.bin' out/\n")
        (laptop.work / "run.sh").chmod(0o755)
        name = laptop.run("bare", "./run.sh", options=["--pull", "out/**"])
        laptop.lt("wait", name)
        until(lambda: laptop.job(name)["pull_state"] == "pulled", 30, "pulled")
        code = bare.root / "jobs" / laptop.job(name)["id"] / "1" / "code"
        sent = tree_hashes(code)
        assert {k: v for k, v in sent.items() if not k.startswith("out/")} == tree_hashes(laptop.work)
        (home,) = (laptop.home / "runs" / name).rglob("data.bin")
        assert home.read_bytes() == (laptop.work / "sub dir" / "data.bin").read_bytes()
        assert "rsync" in laptop.lt("host", "check", "bare", code=None).stdout
    finally:
        bare.sshd.stop()


def test_rsync_is_installed_by_the_hosts_package_manager_if_the_person_says_so(
    laptop: Laptop, tmp_path: Path, other_home: Path
) -> None:
    rsync = shutil.which("rsync")
    assert rsync is not None
    bare = make_host(tmp_path / "bare", name="bare", without=["rsync", "apt-get"], lt_home=other_home)
    programs = tmp_path / "bare" / "bin"
    # A stand-in for the package manager: it puts the program in place as the real one would.
    (programs / "apt-get").write_text(f'#!/bin/sh\n[ "$1" = update ] || ln -s {rsync} "{programs}/rsync"\n')
    (programs / "apt-get").chmod(0o755)
    try:
        target = ["bare", f"{bare.host.user}@127.0.0.1:{bare.sshd.port}", "--key", str(bare.sshd.client_key)]
        own = ["--lease-dir", str(tmp_path / "bare" / "lease")]  # the usual one is everybody's on this machine
        laptop.lt("host", "add", *target, *own, "--fingerprint", _fingerprint(bare), "--install-rsync")
        assert (programs / "rsync").is_symlink()
        facts = json.loads(laptop.query("SELECT data FROM facts WHERE host='bare' ORDER BY time")[-1]["data"])
        assert facts["rsync"]
        (laptop.work / "a.txt").write_text("a")
        laptop.lt("wait", laptop.run("bare", "cat", "a.txt"))
    finally:
        bare.sshd.stop()


def test_a_host_without_python_is_named_as_that(laptop: Laptop, tmp_path: Path) -> None:
    bare = make_host(tmp_path / "bare", name="bare", without=["python3"], lt_home=laptop.home)
    laptop.add_host(bare.host, python=None)
    try:
        told = laptop.lt("host", "check", "bare", code=None)
        assert told.returncode != 0
        assert "python" in (told.stdout + told.stderr).lower()
    finally:
        bare.sshd.stop()


def test_a_wrong_key_is_told_with_the_next_command(laptop: Laptop, box: SshHost, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(wrong)], check=True)
    laptop.lt("host", "edit", "box", "--key", str(wrong))
    told = laptop.lt("host", "check", "box", code=3)
    assert "box" in told.stderr and "lt host" in told.stderr


def test_a_host_that_is_not_there_is_unreachable_not_an_error_of_ours(laptop: Laptop, box: SshHost) -> None:
    box.sshd.stop()
    told = laptop.lt("host", "check", "box", code=3)
    assert "box" in told.stderr


def test_a_job_on_a_full_disk_says_so_and_leaves_nothing_half_done(laptop: Laptop, tmp_path: Path) -> None:
    small = tmp_path / "small disk"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(small)], check=False, stderr=-3)
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk needs root")
    full = make_host(tmp_path / "full", name="full", root=str(small / "root"), lt_home=laptop.home)
    laptop.add_host(full.host)
    try:
        (laptop.work / "big.bin").write_bytes(b"\0" * (40 << 20))
        name = laptop.run("full", "true")
        job = laptop.wait_state(name, "failed", timeout=90)
        assert job["reason"] == "disk_full"
        assert "full" in laptop.lt("show", name).stdout
        snapshots = [p for p in (small / "root" / "data").rglob("*.json") if not p.name.startswith(".")]
        assert snapshots == []
        (laptop.work / "big.bin").unlink()
    finally:
        laptop.lt("controller", "stop", code=None)
        full.sshd.stop()
        subprocess.run(["umount", "-l", str(small)], check=False)


def test_the_python_of_the_host_runs_the_job(laptop: Laptop, box: SshHost) -> None:
    name = laptop.run("box", "python3", "-c", "import sys; print(sys.executable)")
    laptop.lt("wait", name)
    assert laptop.log(name).decode().strip() == sys.executable


def _fingerprint(made: SshHost) -> str:
    done = subprocess.run(
        ["ssh-keygen", "-lf", str(made.sshd.folder / "host_key.pub")], check=True, capture_output=True, text=True
    )
    return done.stdout.split()[1]
