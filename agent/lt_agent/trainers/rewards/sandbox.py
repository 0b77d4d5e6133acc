"""Code that a model wrote, run apart: own user, network, process and mount namespaces, and hard limits.

Inside there is no network, no other process, and no file that can be changed but those of an empty folder in memory.
What it does not do: files that the job's user can read can be read there too, though nothing can be sent anywhere.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Mapping

from ..failures import TrainingFailure

_UNSHARE = ("unshare", "--user", "--map-root-user", "--net", "--pid", "--ipc", "--mount", "--fork", "--kill-child")
_APART = str(Path(__file__).with_name("apart.py"))
_BLOCK = re.compile(r"```(?:python|py)?\s*\n(.*?)```", re.S)


class Sandbox:
    """`type: code`: 1 where the answer's code, followed by the data's `answer` (tests), comes to its end."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self._seconds = float(entry.get("timeout") or 5)
        self._memory = int(entry.get("memory") or 512 << 20)
        self._unsafe = bool(entry.get("unsafe_code"))
        self._at_once = int(entry.get("at_once") or 2)
        if not self._unsafe and not namespaces_work():
            raise TrainingFailure(
                "bad_recipe",
                "rewards: code: this host gives no user namespaces, so the model's code can't be kept apart; "
                "use another host, or write unsafe_code: true if nothing here can come to harm",
            )

    def scores(self, prompts: list[str], completions: list[str], answers: list[Any]) -> list[float | None]:
        """A number per completion, several run at once."""
        programs = [f"{code_in(text)}\n{tests or ''}\n" for text, tests in zip(completions, answers)]
        with ThreadPoolExecutor(self._at_once) as pool:
            return [float(good) for good in pool.map(self.passes, programs)]

    def passes(self, program: str) -> bool:
        """Whether the Python program comes to its end, in time and without an error."""
        done = 10 + secrets.randbelow(100)
        with tempfile.TemporaryDirectory(prefix="lt-code-") as folder:
            python = [sys.executable, "-I", "-S", _APART, "plain" if self._unsafe else "apart"]
            argv = [*(() if self._unsafe else _UNSHARE), *python, str(self._memory), str(int(self._seconds) + 1)]
            process = subprocess.Popen(
                [*argv, folder, str(done)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env=_environment(),
                start_new_session=True,
            )
            try:
                process.communicate(program.encode("utf-8", "surrogatepass"), timeout=self._seconds)
            except subprocess.TimeoutExpired:
                return False
            finally:
                _end(process)
            return process.returncode == done


def code_in(text: str) -> str:
    """The last fenced block of an answer; the whole of it where there is none."""
    found = _BLOCK.findall(text)
    return str(found[-1]) if found else text


@functools.lru_cache(maxsize=1)
def namespaces_work() -> bool:
    """Whether this host lets an ordinary user keep a process apart; tried once, with a program that does nothing."""
    if shutil.which("unshare") is None:
        return False
    with tempfile.TemporaryDirectory(prefix="lt-code-") as folder:
        argv = [*_UNSHARE, sys.executable, "-I", "-S", _APART, "apart", str(512 << 20), "10", folder, "0"]
        try:
            done = subprocess.run(argv, input=b"", capture_output=True, timeout=20, env=_environment(), check=False)
        except (OSError, subprocess.TimeoutExpired):
            return False
    return done.returncode == 0


def _environment() -> dict[str, str]:
    """No variable of the job reaches the code, but those by which what is left over is found and ended."""
    kept = {name: os.environ[name] for name in ("LT_JOB", "LT_ATTEMPT") if name in os.environ}
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8", **kept}


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the program's group. The kernel ends all else in its process namespace together with it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
