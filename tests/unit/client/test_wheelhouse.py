"""Wheels for another machine: everything they need there, and nothing that they need elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import EnvPlan
from lt_controller.client import wheelhouse
from lt_controller.home import Home
from support.wheels import make_wheel

FACTS = {
    "system": "Linux",
    "machine": "x86_64",
    "libc": "glibc 2.31",
    "pythons": [{"path": "/opt/python", "version": "3.12.1"}],
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A laptop whose pip knows a folder of wheels and no index."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    needs = ["lower>=1", "other; sys_platform == 'darwin'", "newer; python_version < '3.12'", "more; extra == 'all'"]
    make_wheel(tmp_path / "links", "upper", "1.0", needs=needs)
    make_wheel(tmp_path / "links", "lower", "1.5", needs=["lowest"])
    make_wheel(tmp_path / "links", "lowest", "2.0")
    return Home(tmp_path / "home").make()


def plan(*packages: str, options: tuple[str, ...] = ()) -> EnvPlan:
    return EnvPlan("locked", "/opt/python", "digest", packages, options=options)


def names(folder: Path) -> list[str]:
    return sorted(path.name.split("-")[0] for path in folder.iterdir())


def test_what_the_wheels_need_on_that_machine_comes_along(home: Home) -> None:
    told: list[tuple[int, int]] = []
    house = wheelhouse.download(plan("upper==1.0"), FACTS, home, lambda done, total: told.append((done, total)))
    assert names(house) == ["lower", "lowest", "upper"]
    assert told[0] == (0, 1)


def test_an_overlay_takes_what_is_named_and_no_more(home: Home) -> None:
    house = wheelhouse.download(plan("upper==1.0", options=("--no-deps",)), FACTS, home, lambda *_: None)
    assert names(house) == ["upper"]


def test_the_same_wheels_are_never_fetched_twice(home: Home, tmp_path: Path) -> None:
    first = wheelhouse.download(plan("lowest==2.0"), FACTS, home, lambda *_: None)
    (tmp_path / "links" / "lowest-2.0-py3-none-any.whl").unlink()
    assert wheelhouse.download(plan("lowest==2.0"), FACTS, home, lambda *_: None) == first


def test_a_missing_wheel_leaves_nothing_that_looks_whole(home: Home) -> None:
    wanted = plan("lowest==2.0", "absent==1.0")
    with pytest.raises(LtError, match="wheel_missing") as caught:
        wheelhouse.download(wanted, FACTS, home, lambda *_: None)
    assert "absent" in str(caught.value.params["detail"])
    assert not wheelhouse.place_of(wanted, FACTS, home).exists()


def test_another_python_is_another_house(home: Home) -> None:
    newer = {**FACTS, "pythons": [{"path": "/opt/python", "version": "3.13.0"}]}
    assert wheelhouse.place_of(plan("a"), FACTS, home) != wheelhouse.place_of(plan("a"), newer, home)
    with pytest.raises(LtError, match="offline_no_python"):
        wheelhouse.place_of(EnvPlan("locked", "python3", python_version="3.12"), FACTS, home)
