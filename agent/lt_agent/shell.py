"""A shell, or one command, where a job's worker works: its folder, its interpreter, its variables.

Nothing of it belongs to the job: it carries no marker, so a stop does not end it, and no `LT_METRICS`, so a script
tried out by hand adds nothing to the job's curves. Secrets are the worker's alone.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional

from . import procs
from .accelerators import OTHERS
from .prepare import find_python, worker_environment
from .protocol.errors import LtError
from .protocol.files import read_json
from .protocol.paths import AttemptPaths, HostRoot
from .protocol.records import JobSpec, from_dict

_DEVICES = sorted({"CUDA_VISIBLE_DEVICES", *(name for _, _, name in OTHERS.values() if name)})
_NOT_FOR_SHELLS = (procs.MARKER, procs.ATTEMPT_MARKER, "LT_METRICS")


def main(options: Dict[str, str]) -> int:
    """`shell --root DIR --job ULID --attempt N [--command JSON]`: says where it is, then becomes the shell."""
    attempt = HostRoot(options["root"]).attempt(options["job"], int(options["attempt"]))
    value = read_json(attempt.spec)
    if not isinstance(value, dict):
        sys.stderr.write(f"lt: {attempt.path} is not there\n")
        return 1
    spec = from_dict(JobSpec, value)
    argv: List[str] = json.loads(options["command"]) if options.get("command") else [os.environ.get("SHELL", "/bin/sh")]
    python = interpreter(HostRoot(options["root"]), attempt, spec)
    # This very agent's folder: what the worker imports comes from one of the same kind.
    bundle = Path(__file__).resolve().parents[1]
    env = worker_environment(os.environ, attempt, spec, python or sys.executable, None, bundle)
    devices = granted(attempt)
    env.update(devices)
    if python is None:
        env["PATH"] = os.environ.get("PATH", os.defpath)
    for name in _NOT_FOR_SHELLS:
        env.pop(name, None)
    folder = attempt.code if attempt.code.is_dir() else attempt.path
    os.chdir(folder)
    told = {"folder": str(folder), "python": python or "–", "LT_OUT": env["LT_OUT"], **devices}
    sys.stderr.write("".join(f"  {name}  {value}\n" for name, value in told.items()))
    sys.stderr.flush()
    try:
        os.execvpe(argv[0], argv, env)  # noqa: S606
    except OSError as error:
        sys.stderr.write(f"lt: {argv[0]}: {error.strerror}\n")
        return 127


def interpreter(root: HostRoot, attempt: AttemptPaths, spec: JobSpec) -> Optional[str]:
    """The interpreter that the attempt uses, None while it has none; nothing is built for a look around."""
    for event in reversed(_events(attempt)):
        if event.get("code") == "env" and event["params"].get("python"):
            return str(event["params"]["python"])
    if spec.env.kind != "existing":
        return None
    try:
        variables = {**os.environ, **spec.variables}
        return find_python(root, attempt, spec, variables, lambda code, **params: None)
    except LtError:
        return None


def granted(attempt: AttemptPaths) -> Dict[str, str]:
    """The variables that show the worker its GPUs, as the running one has them.

    NVIDIA's are hidden where it does not run: others may have been given them by now.
    """
    states = [event["params"] for event in _events(attempt) if event["params"].get("state") == "running"]
    if not states or attempt.exit.exists():
        return {"CUDA_VISIBLE_DEVICES": ""}
    try:
        with open(f"/proc/{int(states[-1]['pid'])}/environ", "rb") as file:
            pairs = dict(item.partition(b"=")[::2] for item in file.read().split(b"\0"))
    except (OSError, ValueError, TypeError, KeyError):
        return {}
    if pairs.get(procs.MARKER.encode()) != attempt.job.encode():
        return {}  # another process by now
    return {name: pairs[name.encode()].decode(errors="replace") for name in _DEVICES if name.encode() in pairs}


def _events(attempt: AttemptPaths) -> List[Dict[str, Any]]:
    """The attempt's events so far; a line that is being written is passed over."""
    found = []
    try:
        lines = attempt.events.read_bytes().splitlines()
    except OSError:
        return []
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict) and isinstance(value.get("params"), dict):
            found.append(value)
    return found
