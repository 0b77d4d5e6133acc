"""Wheels for a host that can't fetch them: all that its environment needs, downloaded here for its platform."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import EnvPlan

from ..home import Home

TORCH_INDEX = "https://download.pytorch.org/whl/"  # beside the person's own index, for a build that PyPI has not
_ROUNDS = 20  # of looking for what the wheels themselves need
_NAME = re.compile(r"[-_.]+")

#: Called with (wheels here, wheels known to be needed).
Progress = Callable[[int, int], None]


def place_of(plan: EnvPlan, facts: Mapping[str, Any], home: Home) -> Path:
    """The folder of the plan's wheels for this platform and Python, whether it is there or not."""
    parts = [list(plan.packages), plan.torch_backend, list(plan.options), python_of(plan, facts), _tags(facts)[:1]]
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
    return home.wheels / "houses" / digest


def python_of(plan: EnvPlan, facts: Mapping[str, Any]) -> str:
    """The version, `3.12`, of the interpreter that the environment is made from. Raises LtError `offline_no_python`."""
    for python in facts.get("pythons") or ():
        if python.get("path") == plan.python:
            return ".".join(str(python.get("version")).split(".")[:2])
    raise LtError("offline_no_python", wanted=plan.python_version or plan.python)


def download(plan: EnvPlan, facts: Mapping[str, Any], home: Home, progress: Progress) -> Path:
    """The folder with all wheels, downloaded by pip with the person's own settings. Goes on where it was cut.

    Raises LtError `wheel_missing{package, platform, detail}`, `offline_no_python`.
    """
    place = place_of(plan, facts, home)
    if place.is_dir():
        return place
    aside = place.with_name(f".{place.name}")
    aside.mkdir(mode=0o700, parents=True, exist_ok=True)
    python = python_of(plan, facts)
    wanted = list(plan.packages)
    for _ in range(_ROUNDS):
        _fetch(wanted, plan, facts, python, aside, progress)
        wanted = [] if "--no-deps" in plan.options else _lacking(aside, facts, python)
        if not wanted:
            break
    aside.rename(place)
    return place


def _fetch(
    wanted: list[str], plan: EnvPlan, facts: Mapping[str, Any], python: str, folder: Path, progress: Progress
) -> None:
    tags = _tags(facts)
    here = len(list(folder.glob("*.whl")))
    argv = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--no-deps"]
    argv += ["--only-binary=:all:", "--dest", os.fspath(folder), "--python-version", python, "--implementation", "cp"]
    argv += ["--abi", "cp" + python.replace(".", ""), "--abi", "abi3", "--abi", "none", "--progress-bar", "off"]
    for tag in [*tags, "any"]:
        argv += ["--platform", tag]
    if plan.torch_backend:
        argv += ["--extra-index-url", TORCH_INDEX + plan.torch_backend]
    tail: list[str] = []
    process = subprocess.Popen(
        [*argv, *wanted],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",  # `-m` imports from the folder one stands in first, and that may be a stranger's project
    )
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            if line.startswith(("Collecting ", "Processing ")):
                progress(len(list(folder.glob("*.whl"))), here + len(wanted))
            tail = [*tail[-5:], line.strip()]
    if process.wait() != 0:
        errors = [line for line in tail if line.startswith("ERROR")]
        platform = tags[0] if tags else ""
        raise LtError("wheel_missing", package=", ".join(wanted[:3]), platform=platform, detail=(errors or tail)[-1])


def _lacking(folder: Path, facts: Mapping[str, Any], python: str) -> list[str]:
    """What the wheels of the folder need on the host, by their own word, and is not there."""
    from packaging.requirements import InvalidRequirement, Requirement

    here = {_NAME.sub("-", path.name.split("-")[0]).lower() for path in folder.glob("*.whl")}
    machine = str(facts.get("machine") or "x86_64")
    there = {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": machine, "os_name": "posix"}
    there |= {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    there |= {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
    lacking = {}
    for path in folder.glob("*.whl"):
        for line in _requirements(path):
            try:
                needed = Requirement(line)
            except InvalidRequirement:
                continue
            name = _NAME.sub("-", needed.name).lower()
            if name not in here and (needed.marker is None or needed.marker.evaluate(there)):
                lacking[name] = f"{needed.name}{needed.specifier}"
    return sorted(lacking.values())


def _requirements(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.count("/") == 1 and name.endswith(".dist-info/METADATA"):
                return (
                    HeaderParser().parsestr(archive.read(name).decode("utf-8", "replace")).get_all("Requires-Dist", [])
                )
    return []


def _tags(facts: Mapping[str, Any]) -> list[str]:
    from ..transport.wheels import platform_tags

    return platform_tags(facts)
