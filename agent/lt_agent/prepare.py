"""What happens between the grant of a slot and the worker's start: code, data, environment, paths."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import procs, snapshots
from .accelerators import visible
from .protocol.errors import LtError
from .protocol.files import read_json, write_json
from .protocol.paths import AttemptPaths, HostRoot
from .protocol.records import JobSpec, Manifest, from_dict

INPUT = "input:"  # a word of a command that begins so is the path of its input of this name
INPUT_VARIABLE = "LT_INPUT_"
_NOT_INHERITED = ("LT_", "SSH_")  # the login that happened to start the dispatcher is no part of the job
_SHORT_FILES, _SHORT_BYTES = 200, 4 << 20  # of code that is copied in milliseconds


def prepare(
    root: HostRoot,
    attempt: AttemptPaths,
    spec: JobSpec,
    gpus: tuple[str, ...] | None,
    bundle: Path,
    on_event: Callable[..., None],
) -> dict[str, Any]:
    """Makes everything ready and returns how to start the worker: `{argv, env}`; it runs in `code/`.

    `gpus` are the granted UUIDs, None where the machine has none (see `worker_environment`). `on_event(code, **params)`
    takes events. Raises LtError `data_changed`, `data_missing`, `disk_full`, `resume_missing`, `env_python_missing`,
    and what the environment's making raises.
    """
    try:
        return _prepare(root, attempt, spec, gpus, bundle, on_event)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise LtError("disk_full", free=free_bytes(attempt.path), floor=spec.disk_floor) from None
        raise


def _prepare(
    root: HostRoot,
    attempt: AttemptPaths,
    spec: JobSpec,
    gpus: tuple[str, ...] | None,
    bundle: Path,
    on_event: Callable[..., None],
) -> dict[str, Any]:
    check_disk(attempt, spec)
    if spec.code is not None:
        snapshots.check_unchanged(root, spec.code.name, spec.code.digest)
        copy_snapshot(root.data(spec.code.name, spec.code.digest), attempt.code)
    os.makedirs(attempt.code, mode=0o700, exist_ok=True)
    for link in spec.data:
        snapshots.check_unchanged(root, link.name, link.digest)
    resume = resume_point(root, spec)
    base = {k: v for k, v in os.environ.items() if not k.startswith(_NOT_INHERITED)}
    python = find_python(root, attempt, spec, {**base, **spec.variables}, on_event)
    if spec.kind == "recipe":
        write_json(
            attempt.worker,
            {
                "attempt_dir": str(attempt.path.resolve()),
                "spec": {"job": spec.job, "attempt": spec.attempt, "name": spec.name, "gpus": spec.gpus},
                "recipe": resolve_paths(root, spec.recipe),
                "resume": resume,
            },
            durable=False,
        )
        argv = [python, "-m", "lt_agent.trainers", str(attempt.worker.resolve())]
    else:
        argv = command_argv(spec.argv, python)
    env = worker_environment(base, attempt, spec, python, gpus, bundle)
    inputs = resolve_paths(root, spec.inputs)
    env.update({INPUT_VARIABLE + name.upper(): path for name, path in inputs.items()})
    return {
        "argv": [inputs.get(word.removeprefix(INPUT), word) if word.startswith(INPUT) else word for word in argv],
        "env": env,
    }


def is_short(root: HostRoot, spec: JobSpec) -> bool:
    """Whether `prepare` is a matter of milliseconds: a command, with little code and nothing else to look at."""
    if spec.kind != "command" or spec.env.kind != "existing" or spec.data or spec.resume is not None:
        return False
    if spec.code is None:
        return True
    try:
        value = read_json(root.data_manifest(spec.code.name, spec.code.digest))
        sizes = [int(entry["size"]) for entry in value["files"]]
    except (LtError, OSError, ValueError, TypeError, KeyError):
        return False  # `prepare` says what is wrong with it
    return len(sizes) <= _SHORT_FILES and sum(sizes) <= _SHORT_BYTES


def check_disk(attempt: AttemptPaths, spec: JobSpec) -> None:
    """Raises LtError `disk_full{free, floor}` if less is free than the job must leave free."""
    free = free_bytes(attempt.path)
    if free < spec.disk_floor:
        raise LtError("disk_full", free=free, floor=spec.disk_floor)


def free_bytes(path: Path) -> int:
    """Bytes that may still be written to the file system of `path`."""
    info = os.statvfs(path)
    return info.f_bavail * info.f_frsize


def copy_snapshot(source: Path, target: Path) -> None:
    """A copy of its own, writable, with the times of the originals: a job may change its code, others share it."""
    for folder, folders, names in os.walk(source):
        there = target / os.path.relpath(folder, source)
        os.makedirs(there, mode=0o700, exist_ok=True)
        folders[:] = [name for name in folders if not os.path.islink(os.path.join(folder, name))]
        for name in names:
            origin = os.path.join(folder, name)
            info = os.lstat(origin)
            if stat.S_ISREG(info.st_mode):
                copy = there / name
                shutil.copyfile(origin, copy)
                os.utime(copy, ns=(info.st_atime_ns, info.st_mtime_ns))
                os.chmod(copy, 0o600 | (info.st_mode & 0o100))


def resume_point(root: HostRoot, spec: JobSpec) -> dict[str, Any] | None:
    """The checkpoint to go on from, `{path, step}`. Raises LtError `resume_missing` if it is not whole."""
    if spec.resume is None:
        return None
    if spec.resume.data:
        # Verified when it came, and not changed since: `_prepare` has looked at every snapshot of the spec.
        if spec.resume.data not in [f"{link.name}/{link.digest}" for link in spec.data]:
            raise LtError("resume_missing", attempt=spec.resume.attempt, name=spec.resume.name)
        name, _, digest = spec.resume.data.partition("/")
        return {"path": str(root.data(name, digest).resolve()), "step": spec.resume.step}
    earlier = root.attempt(spec.job, spec.resume.attempt)
    value = read_json(earlier.manifest(spec.resume.name))
    if value is None:
        raise LtError("resume_missing", attempt=spec.resume.attempt, name=spec.resume.name)
    manifest = from_dict(Manifest, value)
    folder = earlier.path / manifest.base
    for entry in manifest.files:
        try:
            size = os.stat(folder / snapshots.safe_path(entry.path)).st_size
        except OSError:
            size = -1
        if size != entry.size:
            raise LtError("resume_missing", attempt=spec.resume.attempt, name=spec.resume.name, path=entry.path)
    return {"path": str(folder.resolve()), "step": manifest.step}


def resolve_paths(root: HostRoot, value: Any) -> Any:
    """`value` with every `data:<name>/<digest>/<rest>` in it, however deep, as this host's absolute path.

    Raises LtError `bad_name` or `bad_manifest` for one that leads outside.
    """
    if isinstance(value, dict):
        return {key: resolve_paths(root, item) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve_paths(root, item) for item in value]
    if not (isinstance(value, str) and value.startswith("data:") and value.count("/") >= 1):
        return value
    name, digest, *rest = value[len("data:") :].split("/", 2)
    folder = root.data(name, digest).resolve()
    return str(folder / snapshots.safe_path(rest[0])) if rest and rest[0] else str(folder)


def find_python(
    root: HostRoot,
    attempt: AttemptPaths,
    spec: JobSpec,
    variables: Mapping[str, str],
    on_event: Callable[..., None],
) -> str:
    """The absolute path of the interpreter that the spec's plan names, built first if need be.

    A command's existing interpreter is only looked up: whether it runs, the command itself will show, and a hundred
    short jobs need not try it a hundred times. Raises LtError `env_python_missing{python}` and what building raises.
    """
    if spec.kind == "command" and spec.env.kind == "existing":
        found = shutil.which(os.path.expanduser(spec.env.python), path=variables.get("PATH", os.defpath))
        if found is None:
            raise LtError("env_python_missing", python=spec.env.python)
        return os.path.abspath(found)
    from .envs import ensure_environment

    # So that the marker scan finds what the building of an environment started, too.
    os.environ.update({procs.MARKER: spec.job, procs.ATTEMPT_MARKER: str(spec.attempt)})

    # `--find-links data:…`: wheels that were sent to a host without a way out.
    plan = replace(spec.env, options=tuple(resolve_paths(root, list(spec.env.options))))
    return ensure_environment(root, plan, variables, on_event, attempt.log)


def command_argv(argv: tuple[str, ...], python: str) -> list[str]:
    """The command, with `python` and `python3` meaning the job's own interpreter, also where PATH has no `python`."""
    return [python, *argv[1:]] if argv and argv[0] in ("python", "python3") else list(argv)


def worker_environment(
    base: Mapping[str, str],
    attempt: AttemptPaths,
    spec: JobSpec,
    python: str,
    gpus: tuple[str, ...] | None,
    bundle: Path,
) -> dict[str, str]:
    """The worker's environment variables.

    `gpus`: the granted GPUs' UUIDs, which become CUDA_VISIBLE_DEVICES; an empty tuple hides all; None says nothing,
    for machines whose GPUs nobody listed. The recipe's worker gets the agent on its path, without the agent's
    dependencies, which would shadow the environment's own.
    """
    bin_dir = os.path.dirname(python)
    path = base.get("PATH") or os.defpath
    env = {**base, "PYTHONUNBUFFERED": "1"}
    if bin_dir not in ("/usr/bin", "/bin"):
        env["PATH"] = bin_dir + os.pathsep + path
        if os.path.exists(os.path.join(bin_dir, "..", "pyvenv.cfg")):
            env["VIRTUAL_ENV"] = os.path.dirname(bin_dir)
        elif os.path.isdir(os.path.join(bin_dir, "..", "conda-meta")):
            env["CONDA_PREFIX"] = os.path.dirname(bin_dir)
    env.update(spec.variables)
    own = str(bundle if spec.kind == "recipe" else bundle / "lt_agent" / "scriptlib")
    env["PYTHONPATH"] = own + os.pathsep + env["PYTHONPATH"] if env.get("PYTHONPATH") else own
    if gpus is not None:
        env.update(visible(gpus))
    env[procs.MARKER] = spec.job
    env[procs.ATTEMPT_MARKER] = str(spec.attempt)
    env["LT_OUT"] = str(attempt.out.resolve())
    env["LT_METRICS"] = str(attempt.path.resolve() / attempt.metrics.name)
    return env
