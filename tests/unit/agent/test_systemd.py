"""Where systemd would end what a person left behind, the dispatcher is put into a scope; elsewhere nothing is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lt_agent import systemd


def program(folder: Path, name: str, body: str) -> None:
    """A stand-in for a program that this machine may not have."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def lingers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user who lingers, with a manager that listens."""
    for name in ("linger", "runtime"):
        (tmp_path / name).mkdir()
    (tmp_path / "linger" / systemd.user_name()).touch()
    (tmp_path / "runtime" / "systemd").mkdir()
    (tmp_path / "runtime" / "systemd" / "private").touch()
    monkeypatch.setattr(systemd, "LINGER", str(tmp_path / "linger"))
    monkeypatch.setattr(systemd, "runtime_folder", lambda: str(tmp_path / "runtime"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return tmp_path


def test_a_lingering_user_gets_a_scope(lingers: Path) -> None:
    program(lingers / "bin", "systemd-run", "exit 0")
    prefix = systemd.scope_prefix()
    assert prefix[:2] == ["env", f"XDG_RUNTIME_DIR={lingers / 'runtime'}"]
    assert prefix[2:4] == [str(lingers / "bin" / "systemd-run"), "--user"]


def test_a_manager_that_refuses_costs_nothing(lingers: Path) -> None:
    program(lingers / "bin", "systemd-run", "exit 1")
    assert systemd.scope_prefix() == []


def test_without_lingering_there_is_no_scope(lingers: Path) -> None:
    program(lingers / "bin", "systemd-run", "exit 0")
    (lingers / "linger" / systemd.user_name()).unlink()
    assert systemd.scope_prefix() == []


def test_a_user_who_lingers_gets_a_unit_that_goes_on_after_a_boot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "LINGER", str(tmp_path / "linger"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    command = ["/usr/bin/python3", "-E", "/data/my agents/100%/$x", "judge"]
    assert systemd.keep_over_reboots(command, "abc") is None, "who does not linger has no manager at boot"
    (tmp_path / "linger").mkdir()
    (tmp_path / "linger" / systemd.user_name()).touch()
    unit = systemd.keep_over_reboots(command, "abc")
    assert unit is not None
    assert 'ExecStart="/usr/bin/python3" "-E" "/data/my agents/100%%/$$x" "judge"' in Path(unit).read_text()
    link = tmp_path / "config" / "systemd" / "user" / "default.target.wants" / "lt-abc.service"
    assert link.resolve() == Path(unit).resolve()
    written = os.stat(unit).st_mtime_ns
    assert systemd.keep_over_reboots(command, "abc") == unit and os.stat(unit).st_mtime_ns == written
    assert systemd.outlives_boots(Path("/var/tmp/lt-0")) and not systemd.outlives_boots(Path("/tmp/lt"))
    systemd.keep_over_reboots(["other"], "abc")
    assert "other" in Path(unit).read_text()
