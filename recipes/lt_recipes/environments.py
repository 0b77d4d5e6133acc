"""Which interpreter runs a job: a pure decision over the recipe, the host's facts and the host's settings.

In this order: what the recipe names (`env.python`, `env.lock`), what the host's owner prefers (`python` of the host),
an interpreter that carries a torch which works there (a rented image's `/opt/conda`), and last an environment that uv
builds from a lock. An interpreter that has torch but not all the rest gets a thin environment laid over it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .hardware import BACKENDS, Backend, NoEnvironmentError, torch_backend, torch_works, version, within
from .locks import load_lock, package_name

__all__ = ["LOCK_OF", "MIN_PYTHON", "REQUIREMENTS", "TORCH", "Asked", "NoEnvironmentError", "index_variables", "plan"]

REQUIREMENTS: dict[str, dict[str, str]] = {
    "sft": {
        "torch": ">=2.6,<3",
        "transformers": ">=5,<6",
        "trl": ">=1.16,<1.17",
        "peft": ">=0.21,<1",
        "accelerate": ">=1.10,<2",
        "datasets": ">=4.7,<6",
    },
}
"""Per lock what the worker needs; the extra `train` of this package says the same."""

LOCK_OF = dict.fromkeys(("sft", "dpo", "kto", "orpo", "reward", "grpo", "gspo", "rloo", "ppo"), "sft")
"""Per method its lock: all of TRL's trainers stand on the same packages."""

TORCH = "2.13.0"
MIN_PYTHON = (3, 11)
_PYTHONS = ("3.12", "3.11", "3.13", "3.14")  # for a new environment, the best tried first
_MIN_GLIBC = (2, 28)  # what the wheels of torch and pyarrow are built for
_MACHINES = ("x86_64", "aarch64")


class Wishes(Protocol):
    """What a recipe's `env:` block says; `EnvSection` is one."""

    @property
    def python(self) -> str | None: ...
    @property
    def lock(self) -> str | None: ...
    @property
    def packages(self) -> Sequence[str]: ...


class Settings(Protocol):
    """What the inventory says of a host; `lt_inventory.model.Host` is one."""

    @property
    def python(self) -> str | None: ...
    @property
    def index_url(self) -> str | None: ...
    @property
    def find_links(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class Asked:
    """Wishes outside a recipe: those of `lt run --env PYTHON`, or none."""

    python: str | None = None
    lock: str | None = None
    packages: tuple[str, ...] = ()


def plan(
    env: Wishes,
    facts: Mapping[str, Any],
    host: Settings,
    gpus: int,
    method: str | None = "sft",
    lock: Sequence[str] | None = None,
    backends: Sequence[Backend] = BACKENDS,
) -> dict[str, Any]:
    """The fields of an EnvPlan: kind, python, digest, packages, torch_backend, python_version, options, reason.

    `facts` is what the probe found on the host. `method` is None for a command. `lock` are the lines of the person's
    own lock where `env.lock` names a file (`Recipe.lock`).

    Raises NoEnvironmentError `python_too_old{python, version, needed}`, `libc_unsupported{libc, needed}`,
    `machine_unsupported{machine}`, `unknown_lock{lock}`, and those of `torch_backend`.
    """
    planner = _Planner(env, facts, host, gpus, method, lock, backends)
    return planner.for_command() if method is None else planner.for_recipe()


def index_variables(host: Settings) -> dict[str, str]:
    """The host's package settings as uv's environment variables. Not as arguments: an index's address may hold a
    password, and arguments can be seen by everybody on the host.
    """
    found = {}
    if host.index_url:
        found["UV_DEFAULT_INDEX"] = host.index_url
    if host.find_links:
        found["UV_FIND_LINKS"] = ",".join(host.find_links)
    return found


class _Planner:
    def __init__(
        self,
        env: Wishes,
        facts: Mapping[str, Any],
        host: Settings,
        gpus: int,
        method: str | None,
        lock: Sequence[str] | None,
        backends: Sequence[Backend],
    ) -> None:
        self._env, self._facts, self._host, self._gpus, self._method = env, facts, host, gpus, method
        self._lock, self._backends = lock, backends
        self._needs = REQUIREMENTS.get(LOCK_OF.get(method or "", ""), {})
        self._extra = tuple(env.packages)
        self._pythons: list[Mapping[str, Any]] = list(facts.get("pythons") or [])

    def for_command(self) -> dict[str, Any]:
        """A script runs in what is there; nothing is installed unless the person asks for it."""
        if self._env.lock or self._lock:
            return self._locked("the lock was asked for")
        python, why = self._env.python, "you named it"
        if not python:
            python, why = self._host.python, "the host's settings prefer it"
        if not python:
            carriers = [p for p in self._pythons if torch_works(p, self._facts, self._gpus)]
            carriers = carriers or [p for p in self._pythons if "torch" in (p.get("packages") or {})]
            best = max(carriers, key=self._merit, default=None)
            python, why = (best["path"], "it carries torch") if best else ("python3", "it is the host's own")
        return self._over(self._described(python), why)

    def for_recipe(self) -> dict[str, Any]:
        """The first of the ways named at the top of this module that fits."""
        if self._env.python:
            named = self._described(self._env.python)
            self._check_python(named)
            return self._over(named, "the recipe names it")
        if self._env.lock or self._lock:
            return self._locked("the recipe asks for the lock")
        if self._host.python:
            preferred = self._described(self._host.python)
            if "packages" not in preferred or self._carries(preferred):
                return self._over(preferred, "the host's settings prefer it")
        carriers = [python for python in self._pythons if self._carries(python)]
        if carriers:
            best = max(carriers, key=self._merit)
            return self._over(best, f"it carries torch {best['packages']['torch']}")
        return self._locked("no interpreter of the host carries a torch that works here")

    def _carries(self, python: Mapping[str, Any]) -> bool:
        packages = python.get("packages") or {}
        return (
            version(python.get("version"))[:2] >= MIN_PYTHON
            and within(packages.get("torch"), self._needs.get("torch", ">=0"))
            and torch_works(python, self._facts, self._gpus)
        )

    def _merit(self, python: Mapping[str, Any]) -> tuple[Any, ...]:
        """Complete ones first, then the image's conda, then the newest torch; the path only makes ties stable."""
        packages = python.get("packages") or {}
        return (not self._unmet(python), bool(python.get("conda")), version(packages.get("torch")), python["path"])

    def _unmet(self, python: Mapping[str, Any]) -> list[str]:
        packages = python.get("packages") or {}
        return [name for name, bounds in self._needs.items() if not within(packages.get(name), bounds)]

    def _described(self, path: str) -> Mapping[str, Any]:
        """What the probe knows of the interpreter at `path`; only the path where it did not look."""
        home = str(self._facts.get("home") or "~")
        full = home + path[1:] if path.startswith("~/") else path
        return next((p for p in self._pythons if p.get("path") in (path, full)), {"path": path})

    def _check_python(self, python: Mapping[str, Any]) -> None:
        found = version(python.get("version"))
        if self._needs and found and found[:2] < MIN_PYTHON:
            needed = ".".join(map(str, MIN_PYTHON))
            raise NoEnvironmentError("python_too_old", python=python["path"], version=python["version"], needed=needed)

    def _over(self, python: Mapping[str, Any], why: str) -> dict[str, Any]:
        """The interpreter as it is if it has all, else a thin environment over it."""
        # Of an interpreter that the probe did not see, nothing is known to be missing.
        unmet = self._unmet(python) if "packages" in python else []
        if not unmet and not self._extra:
            return self._result("existing", python, f"{python['path']}: {why}")
        self._check_python(python)
        lines: tuple[str, ...] = ()
        backend = ""
        if unmet:
            self._check_wheels()
            lines = self._lock_lines()
            if "torch" in unmet or not torch_works(python, self._facts, self._gpus):
                lines, backend = self._torch_from(lines)
            else:
                lines = tuple(line for line in lines if package_name(line) != "torch")
        # uv does not see what lies below the overlay, and would fetch torch again as somebody's dependency.
        keeps_torch = not any(package_name(line) == "torch" for line in lines)
        what = f" with {', '.join(unmet)} added" if unmet else " with the recipe's packages added"
        return self._result(
            "overlay",
            python,
            f"{python['path']}: {why}{what}",
            packages=self._with_extra(lines),
            torch_backend=backend,
            options=("--no-deps",) if keeps_torch else (),
        )

    def _locked(self, why: str) -> dict[str, Any]:
        self._check_wheels()
        lines, backend = self._torch_from(self._lock_lines())
        base = self._base()
        return self._result(
            "locked",
            base or {"path": "python3"},
            f"a new environment for {torch_backend(self._facts, self._gpus, self._backends)}: {why}",
            packages=self._with_extra(lines),
            torch_backend=backend,
            python_version="" if base else _PYTHONS[0],
        )

    def _base(self) -> Mapping[str, Any] | None:
        """The interpreter that a new environment is made from; None: uv brings one."""
        preferred = self._host.python
        order = list(_PYTHONS)
        fitting = [p for p in self._pythons if ".".join(str(p.get("version")).split(".")[:2]) in order]
        fitting.sort(key=lambda p: (p.get("path") != preferred, order.index(_minor(p)), bool(p.get("venv")), p["path"]))
        return fitting[0] if fitting else None

    def _lock_lines(self) -> tuple[str, ...]:
        if self._lock is not None:
            return tuple(self._lock)
        name = self._env.lock or LOCK_OF.get(self._method or "", "")
        try:
            return load_lock(name)
        except KeyError:
            raise NoEnvironmentError("unknown_lock", lock=name) from None

    def _torch_from(self, lines: Sequence[str]) -> tuple[tuple[str, ...], str]:
        """The lines with torch's as this host needs it, and uv's --torch-backend.

        A host with wheels of its own (`find_links`) can often not reach PyTorch's index: there the build is named in
        the version. A mirror of PyPI (`index_url`) has the CUDA 13 build alone, which needs no more than its version.
        """
        backend = torch_backend(self._facts, self._gpus, self._backends)
        own_wheels, mirror = bool(self._host.find_links), bool(self._host.index_url)
        if backend == "cu130" and (own_wheels or mirror):
            return tuple(lines), ""
        if own_wheels:
            return tuple(re.sub(r"^(torch==[\d.]+)(?=\s|;|$)", rf"\1+{backend}", line) for line in lines), ""
        return tuple(lines), backend

    def _with_extra(self, lines: Sequence[str]) -> tuple[str, ...]:
        """The recipe's own packages have the last word over the lock's."""
        named = {package_name(line) for line in self._extra}
        return tuple(line for line in lines if package_name(line) not in named) + self._extra

    def _check_wheels(self) -> None:
        machine = str(self._facts.get("machine") or "x86_64")
        if machine not in _MACHINES:
            raise NoEnvironmentError("machine_unsupported", machine=machine)
        libc = str(self._facts.get("libc") or "")
        needed = "glibc " + ".".join(map(str, _MIN_GLIBC))
        if libc and (not libc.startswith("glibc") or version(libc.removeprefix("glibc")) < _MIN_GLIBC):
            raise NoEnvironmentError("libc_unsupported", libc=libc, needed=needed)

    def _result(self, kind: str, python: Mapping[str, Any], reason: str, **fields: Any) -> dict[str, Any]:
        values = {"packages": (), "torch_backend": "", "python_version": "", "options": (), **fields}
        result = {"kind": kind, "python": python["path"], **values}
        return {**result, "digest": "" if kind == "existing" else self._digest(result, python), "reason": reason}

    def _digest(self, result: Mapping[str, Any], python: Mapping[str, Any]) -> str:
        """Names the environment by all that goes into it: a home may be shared by machines of several kinds, and an
        overlay is another one when the interpreter below it changed.
        """
        below = {key: python.get(key) for key in ("version", "packages", "cuda")}
        parts = {**result, "below": below, "machine": self._facts.get("machine"), "libc": self._facts.get("libc")}
        text = json.dumps(parts, sort_keys=True, default=list)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def _minor(python: Mapping[str, Any]) -> str:
    return ".".join(str(python.get("version")).split(".")[:2])
