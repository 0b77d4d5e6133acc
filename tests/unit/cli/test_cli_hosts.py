"""`lt host`: nothing is trusted that nobody confirmed, and nothing half-added stays."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

from lt_controller.store.times import iso
from support.cli import Lt
from support.store import START, Store

CONFIG = """
Host lab
    HostName 203.0.113.7
    User root
    Port 2222
    IdentityFile ~/.ssh/lab
Host *.internal
    User me
"""


def test_the_local_host_is_always_there(store: Store, lt: Lt) -> None:
    assert [info["name"] for info in json.loads(lt("host", "ls", "--json").out)] == ["local"]
    assert "local" in lt("host", "show", "local").out


def test_hosts_are_imported_changed_and_forgotten(store: Store, lt: Lt, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(CONFIG)
    done = lt("host", "import", "--file", str(tmp_path / "config"))
    assert "imported lab (root@203.0.113.7:2222)" in done.err
    assert "lab (there is a host of this name already)" in lt("host", "import", "--file", str(tmp_path / "config")).err
    lt("host", "edit", "lab", "--slots", "2", "--label", "gpu=h100", "--price", "1.9/h", "--env", "A=1")
    lt("host", "edit", "lab", "--label", "room=7", "--unset", "slots")
    info = next(i for i in json.loads(lt("host", "ls", "--json").out) if i["name"] == "lab")
    assert info["host"]["labels"] == {"gpu": "h100", "room": "7"} and info["host"]["slots"] is None
    assert info["host"]["price"] == 1.9 and info["host"]["variables"] == {"A": "1"}
    lt("host", "rm", "lab")
    lt("host", "rm", "lab", code=4)


def test_the_end_of_a_lease_may_be_so_long_from_now_and_one_that_has_passed_is_told(store: Store, lt: Lt) -> None:
    def until() -> datetime:
        info = next(i for i in json.loads(lt("host", "ls", "--json").out) if i["name"] == "local")
        return datetime.fromisoformat(info["host"]["until"])

    before = datetime.now(timezone.utc)
    done = lt("host", "edit", "local", "--until", "2d")
    assert "over" not in done.err
    assert timedelta(days=2, minutes=-2) < until() - before < timedelta(days=2, hours=1)
    done = lt("host", "edit", "local", "--until", "2025-12-01T00:00")
    assert "the lease of local was over" in done.err and "lt host edit local --until" in done.err
    assert "over" not in lt("host", "edit", "local", "--price", "1").err


def test_a_wrong_setting_is_named(store: Store, lt: Lt) -> None:
    done = lt("host", "edit", "local", "--root", "relative", "--price", "cheap", code=2)
    assert "root" in done.err and "price" in done.err
    assert "KEY=VALUE" in lt("host", "edit", "local", "--label", "x", code=2).err
    assert "no port" in lt("host", "add", "x", "root@box:99999", code=2).err
    assert "can't be a host's name" in lt("host", "add", "any", "box", code=2).err


def test_an_edit_that_changes_nothing_says_so(store: Store, lt: Lt) -> None:
    assert "Nothing to change" in lt("host", "edit", "local", code=2).err
    done = lt("host", "edit", "local", "--unset", "slot", code=2)
    assert "no setting slot" in done.err and "slots" in done.err


def test_a_missing_ssh_config_and_a_dry_run_are_told_as_such(store: Store, lt: Lt, tmp_path: Path) -> None:
    assert "no such file" in lt("host", "import", "--file", str(tmp_path / "nowhere"), code=4).err
    (tmp_path / "config").write_text(CONFIG)
    assert "would be imported: lab" in lt("host", "import", "--file", str(tmp_path / "config"), "--dry-run").err
    lt("host", "show", "lab", code=4)


def test_the_folders_of_live_jobs_stay_where_they_are(store: Store, lt: Lt) -> None:
    store.home.hosts_file.write_text("[hosts.box]\naddress = 'box.example'\n")
    store.job("alive", host="box")
    done = lt("host", "edit", "box", "--lease-dir", "/var/tmp/other", "--root", "/data/lt", code=1)
    assert "root, lease_dir" in done.err and "alive" in done.err
    lt("host", "edit", "box", "--slots", "2")


def test_a_host_that_others_go_through_is_kept(store: Store, lt: Lt) -> None:
    store.home.hosts_file.write_text("[hosts.gate]\naddress = 'g'\n[hosts.inner]\naddress = 'i'\njump = ['gate']\n")
    assert "inner" in lt("host", "rm", "gate", code=2).err
    lt("host", "rm", "gate", "--force")


def test_a_broken_hosts_file_is_told_with_its_line(store: Store, lt: Lt) -> None:
    store.home.hosts_file.write_text("[hosts.a]\naddress = 'x'\nprot = 3\n")
    done = lt("host", "ls", code=2)
    assert "3: hosts.a.prot" in done.err and "port" in done.err


def test_a_host_with_live_jobs_is_kept(store: Store, lt: Lt) -> None:
    store.home.hosts_file.write_text("[hosts.box]\naddress = 'box.example'\n")
    store.job("alive", host="box")
    assert "alive" in lt("host", "rm", "box", code=1).err
    lt("host", "rm", "box", "--force")


def test_what_is_known_of_a_host_is_shown(store: Store, lt: Lt) -> None:
    facts = {
        "gpus": [{"name": "NVIDIA H100"}] * 2,
        "driver": "550.54",
        "cpu": {"count": 16},
        "memory": {"total": 128 << 30},
        "disks": {"root": {"free": 5 << 30, "total": 10 << 30}},
        "root": "/data/lt",
        "pythons": [{"path": "/opt/conda/bin/python", "version": "3.12.1", "packages": {"torch": "2.8.0"}}],
    }
    store.insert("facts", host="local", time=iso(START), data=facts)
    out = lt("host", "show", "local").out
    assert "2 × NVIDIA H100, driver 550.54, 16 CPUs, 128 GiB" in out
    assert "/opt/conda/bin/python (3.12.1, torch 2.8.0)" in out
    assert "2 × NVIDIA H100" in lt("host", "ls").out
