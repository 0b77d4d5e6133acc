"""Renews the locks: `python -m lt_recipes.locks`. Needs uv and a package index; torch itself is not downloaded."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ..environments import MIN_PYTHON, REQUIREMENTS, TORCH
from . import FOLDER, package_name

# What torch pulls in for one CUDA version; it follows from the build of torch that a host gets.
_FOLLOWS_TORCH = re.compile(r"(nvidia|cuda)-|triton\Z")
_OTHER_SYSTEM = re.compile(r"sys_platform == '(win32|emscripten|darwin)'")
_HEADER = """\
# The environment of method {method}: every package with its version, for Python {python} and later on Linux.
# Written by `python -m lt_recipes.locks`; no hashes, since torch is another file for each CUDA version.
"""


def main() -> int:
    """Writes every lock anew. Returns the exit code."""
    beside = Path(sys.executable).parent / "uv"
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        sys.stderr.write("uv is missing: pip install uv\n")
        return 1
    for method, requirements in REQUIREMENTS.items():
        ranges = {**requirements, "torch": f"=={TORCH}"}
        with tempfile.TemporaryDirectory() as folder:
            wanted = Path(folder) / "requirements.in"
            wanted.write_text("".join(f"{name}{bounds}\n" for name, bounds in ranges.items()), encoding="utf-8")
            argv = [uv, "pip", "compile", "--quiet", "--universal", "--no-header", "--no-annotate", "--no-config"]
            argv += ["--python-version", ".".join(map(str, MIN_PYTHON)), str(wanted)]
            done = subprocess.run(argv, stdout=subprocess.PIPE, check=False)
        if done.returncode:
            return done.returncode
        lines = [line for line in done.stdout.decode().splitlines() if _belongs(line)]
        header = _HEADER.format(method=method, python=".".join(map(str, MIN_PYTHON)))
        (FOLDER / f"{method}.txt").write_text(header + "".join(line + "\n" for line in lines), encoding="utf-8")
    return 0


def _belongs(line: str) -> bool:
    return not _FOLLOWS_TORCH.match(package_name(line)) and not _OTHER_SYSTEM.search(line)


if __name__ == "__main__":
    sys.exit(main())
