"""Files for a host's platform out of wheels: psutil's compiled part, uv. Fetched by pip, kept in the cache."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_controller.home import Home

_FETCH_TIMEOUT = 120.0
# Newest first; a wheel for an older C library runs on a newer one.
_GLIBC = (39, 35, 34, 31, 28, 27, 24, 17, 12, 5)
_MUSL = (2, 1)
_OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


@dataclass(frozen=True)
class Wheel:
    """One wheel in the cache."""

    path: Path

    def extract(self, dest: Path, wanted: Callable[[str], bool]) -> list[Path]:
        """Writes the members whose names are `wanted` into `dest`, and returns their paths."""
        written = []
        with zipfile.ZipFile(self.path) as archive:
            for info in archive.infolist():
                name = PurePosixPath(info.filename)
                if info.is_dir() or name.is_absolute() or ".." in name.parts or not wanted(info.filename):
                    continue
                target = dest / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(info) as source, target.open("wb") as sink:
                    shutil.copyfileobj(source, sink)
                written.append(target)
        return written


def platform_tags(facts: Mapping[str, Any]) -> list[str]:
    """The wheel platform tags that run on the host (PEP 600, PEP 656), the most specific first; [] if not known."""
    machine = str(facts.get("machine") or "")
    kind, _, version = str(facts.get("libc") or "").partition(" ")
    found = re.match(r"(\d+)\.(\d+)", version)
    if facts.get("system") != "Linux" or not machine or not found:
        return []
    minor = int(found[2])
    if kind == "musl":
        return [f"musllinux_1_{n}_{machine}" for n in _MUSL if n <= minor]
    tags = []
    for n in _GLIBC:
        if n <= minor:
            tags.append(f"manylinux_2_{n}_{machine}")
            tags += [f"{_OLD_NAMES[n]}_{machine}"] if n in _OLD_NAMES else []
    return tags


def wheel_for(name: str, version: str, facts: Mapping[str, Any], home: Home, *, python: str) -> Wheel:
    """The wheel of `name` for the host's platform and `python` or newer: from the cache, else by `pip download`.

    The person's own pip settings (index, proxy) hold. Raises LtError `wheel_missing{package, platform, detail}`.
    """
    tags = platform_tags(facts)
    place = home.wheels / f"{name}-{version or 'any'}" / (tags[0] if tags else "any")
    cached = sorted(place.glob("*.whl"))
    if cached:
        return Wheel(cached[-1])
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=home.wheels) as aside:
        argv = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
        argv += ["--no-deps", "--only-binary=:all:", "--dest", aside, "--python-version", python]
        argv += ["--implementation", "cp", "--abi", "abi3", "--abi", "none"]
        for tag in [*tags, "any"]:
            argv += ["--platform", tag]
        argv.append(f"{name}=={version}" if version else name)
        try:
            # From the top folder: `-m` imports from the folder one stands in first.
            done = subprocess.run(argv, capture_output=True, text=True, timeout=_FETCH_TIMEOUT, check=False, cwd="/")
            detail = done.stderr.strip()[-300:]
        except (OSError, subprocess.TimeoutExpired) as error:
            detail = type(error).__name__
        fetched = sorted(Path(aside).glob("*.whl"))
        if not fetched:
            raise LtError("wheel_missing", package=name, platform=tags[0] if tags else "", detail=detail)
        place.mkdir(exist_ok=True)
        final = place / fetched[0].name
        fetched[0].replace(final)
    return Wheel(final)
