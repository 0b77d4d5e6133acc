"""The shipped locks hold what the workers need, and nothing that ties them to one place or one CUDA."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomlkit
from packaging.requirements import Requirement

from lt_recipes.environments import LOCK_OF, MIN_PYTHON, REQUIREMENTS, TORCH
from lt_recipes.hardware import within
from lt_recipes.locks import load_lock, package_name, read_lock, shipped_locks
from lt_recipes.schema import METHODS


def test_every_method_has_requirements_and_a_lock() -> None:
    assert set(METHODS) == set(LOCK_OF)
    assert set(LOCK_OF.values()) == set(REQUIREMENTS) == set(shipped_locks())


@pytest.mark.parametrize("name", shipped_locks())
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_a_lock_satisfies_the_requirements_wherever_it_is_used(name: str, python: str, machine: str) -> None:
    here = {"python_version": python, "python_full_version": f"{python}.1", "platform_machine": machine}
    here |= {"sys_platform": "linux", "platform_system": "Linux"}
    versions: dict[str, str] = {}
    for line in load_lock(name):
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(here):
            assert package_name(line) not in versions, f"{line} is pinned twice"
            (pin,) = requirement.specifier
            versions[package_name(line)] = pin.version
    for package, bounds in REQUIREMENTS[name].items():
        assert within(versions.get(package), bounds), f"{package} {versions.get(package)} is not {bounds}"
    assert versions["torch"] == TORCH


@pytest.mark.parametrize("name", shipped_locks())
def test_a_lock_names_no_place_no_hash_and_no_cuda(name: str) -> None:
    text = "\n".join(load_lock(name))
    for word in ("://", "--", "sha256", "nvidia", "triton", "win32"):
        assert word not in text


@pytest.mark.parametrize(
    "line", ["torch", "torch>=2", "-r x.txt", "--index-url x", "a==1 --hash=sha256:1", "http://x/y.whl"]
)
def test_only_pinned_requirements_make_a_lock(line: str) -> None:
    with pytest.raises(ValueError, match="line 2"):
        read_lock(f"a==1\n{line}\n")


@pytest.mark.parametrize(("line", "name"), [("Foo_Bar.x[a]>=1", "foo-bar-x"), ("a ==1", "a"), ("", "")])
def test_names_are_normalised(line: str, name: str) -> None:
    assert package_name(line) == name


def test_the_train_extra_says_the_same() -> None:
    project = tomlkit.parse((Path(__file__).parents[3] / "pyproject.toml").read_text()).unwrap()
    extra = {r.name: r.specifier for r in map(Requirement, project["project"]["optional-dependencies"]["train"])}
    for name, bounds in REQUIREMENTS["sft"].items():
        assert {str(part) for part in extra[name]} == set(bounds.split(",")), name
    assert MIN_PYTHON == (3, 11)
