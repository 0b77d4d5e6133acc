"""The JSON records that both sides read: what a job is, what is saved, how it ended.

Each is a frozen dataclass; `to_dict` and `from_dict` convert. Unknown keys are dropped on reading, so that an older
side reads a newer one's record; a missing key without default raises LtError `bad_record`.
"""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, TypeVar

from .errors import LtError

T = TypeVar("T")


@dataclass(frozen=True)
class FileEntry:
    """One file of a manifest. `path` is relative, with `/`, never leaving its folder; `size` in bytes."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a checkpoint (or a script's collected files, or a data snapshot) consists of. It exists once renamed in.

    `kind` is `checkpoint`, `final` (the finished model), `files` (what a script's pull patterns matched) or `data`.
    `base` is the folder the paths start from, relative to the attempt: `out/checkpoint-10`.
    """

    name: str
    kind: str
    base: str
    files: tuple[FileEntry, ...]
    step: int | None = None
    metric: float | None = None  # the value `best` is chosen by
    metric_name: str | None = None
    best: bool = False  # the best of the attempt when it was written
    resumable: bool = False  # optimizer, scheduler and RNG state are in it
    created_at: float = 0.0

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.files)


@dataclass(frozen=True)
class DataLink:
    """A data snapshot that a job uses: `data/<name>/<digest>/`. `data:<name>/<digest>/…` in a recipe points into it."""

    name: str
    digest: str


@dataclass(frozen=True)
class ResumeFrom:
    """The checkpoint an attempt starts from: `jobs/<job>/<attempt>/out/<name>` on the same host.

    One that was made on another host came with the job's data: `data` is its snapshot, `<name>/<digest>`.
    """

    attempt: int
    name: str
    data: str = ""
    step: int | None = None  # where `data` says where it is; else its manifest tells


@dataclass(frozen=True)
class EnvPlan:
    """Which interpreter runs the job, as `lt_recipes.environments` decided it.

    `kind`: `existing` (`python` as it is), `overlay` (a venv over `python` with its site packages, plus `packages`)
    or `locked` (a venv of its own with `packages`). `digest` names `envs/<digest>` for the last two.
    """

    kind: str
    python: str = "python3"
    digest: str = ""
    packages: tuple[str, ...] = ()  # requirement lines for `uv pip install`, pinned
    torch_backend: str = ""  # `cpu`, `cu128` …: uv's --torch-backend
    python_version: str = ""  # `3.12`: what uv should find or fetch for `locked`
    options: tuple[str, ...] = ()  # further uv options: `--offline`, `--no-index`
    reason: str = ""  # one line: why this one


@dataclass(frozen=True)
class JobSpec:
    """All that a host needs to run one attempt; `spec.json`."""

    job: str
    attempt: int
    name: str
    owner: str  # the id of the LT_HOME that submitted it
    kind: str  # `recipe` or `command`
    argv: tuple[str, ...] = ()  # of a command
    recipe: dict[str, Any] = field(default_factory=dict)  # resolved; paths as `data:…` or the host's own
    gpus: int = 0
    env: EnvPlan = field(default_factory=lambda: EnvPlan("existing"))
    variables: dict[str, str] = field(default_factory=dict)  # environment variables, never secrets
    secrets: tuple[str, ...] = ()  # names of variables whose values travel apart, and are never written down
    code: DataLink | None = None  # the frozen working folder, copied to `code/`
    data: tuple[DataLink, ...] = ()
    inputs: dict[str, str] = field(default_factory=dict)  # of a command: name → `data:…`, or a path of the host
    printed: tuple[str, ...] = ()  # of a command: lines with numbers in them that become metrics
    outputs: tuple[str, ...] = ()  # a script's pull patterns, relative to `code/`
    resume: ResumeFrom | None = None
    stop_grace: float = 60.0  # seconds between the request and SIGTERM
    timeout: float | None = None  # seconds of running
    save_total_limit: int | None = None
    disk_floor: int = 256 << 20  # bytes free under `root`; below it the job is stopped before the disk is full
    created_at: float = 0.0
    submitted_from: str = ""  # user@laptop, for people who share a box
    title: str = ""  # the recipe's name; here so that a laptop without its database knows it again
    pull: str = ""  # what comes home, for the same reason: last, best, all, none
    priority: int = 0  # a job of a higher one goes first
    gpu_memory: int = 0  # bytes that each of its GPUs must have in all
    cpus: int = 0  # cores that must be free of other jobs' wishes
    disk: int = 0  # bytes that must be free under `root` when it starts
    retries: int = 0  # new attempts that the host begins by itself after a failure that one may cure
    retry_wait: float = 60.0  # seconds before the first of them, doubled for each further one
    tried: int = 0  # how many of them came before this attempt
    not_before: float = 0.0  # by the host's clock: a retry starts no earlier


@dataclass(frozen=True)
class ProcessId:
    """A process, known for certain on its own machine: a pid alone is reused."""

    pid: int
    start: int  # clock ticks since boot, field 22 of /proc/<pid>/stat
    boot_id: str
    init_start: int  # field 22 of pid 1: a restarted container keeps its boot id
    machine: str  # LeaseDir.machine


@dataclass(frozen=True)
class ExitRecord:
    """How an attempt ended; written once, by its supervisor, or by the judge that proved the supervisor gone."""

    state: str  # one of states.RESTING
    reason: str  # typed: see docs/states.md
    exit_code: int | None = None
    signal: int | None = None
    message: str = ""  # one line, from the worker's own failure record
    saved: str | None = None  # the last complete checkpoint's name
    killed: tuple[str, ...] = ()  # what the stop needed: `request`, `sigterm`, `sigkill`, `scan`
    survivors: int = 0  # processes alive after all of it; 0 is the promise
    started_at: float | None = None
    finished_at: float = 0.0
    judged: bool = False  # written by a judge, not by the supervisor
    retry: dict[str, Any] | None = None  # {attempt, tried, at, name}: the attempt that follows by itself, from where


def to_dict(record: Any) -> dict[str, Any]:
    """A record as plain JSON values."""
    return asdict(record)


def from_dict(cls: type[T], value: Any) -> T:
    """The record of class `cls` from parsed JSON. Raises LtError `bad_record` if it does not fit."""
    if not isinstance(value, dict):
        raise LtError("bad_record", record=cls.__name__, problem="not an object")
    kwargs: dict[str, Any] = {}
    for spec in fields(cls):  # type: ignore[arg-type]
        if spec.name in value:
            kwargs[spec.name] = _convert(cls, spec.name, value[spec.name])
        elif spec.default is MISSING and spec.default_factory is MISSING:
            raise LtError("bad_record", record=cls.__name__, problem=f"{spec.name} is missing")
    return cls(**kwargs)


_NESTED: dict[tuple[str, str], type[Any]] = {
    ("JobSpec", "env"): EnvPlan,
    ("JobSpec", "code"): DataLink,
    ("JobSpec", "resume"): ResumeFrom,
}
_NESTED_TUPLES: dict[tuple[str, str], type[Any]] = {("Manifest", "files"): FileEntry, ("JobSpec", "data"): DataLink}


def _convert(cls: type[Any], name: str, value: Any) -> Any:
    key = (cls.__name__, name)
    if key in _NESTED_TUPLES:
        if not isinstance(value, (list, tuple)):
            raise LtError("bad_record", record=cls.__name__, problem=f"{name} is not a list")
        return tuple(from_dict(_NESTED_TUPLES[key], item) for item in value)
    if value is not None and key in _NESTED:
        return from_dict(_NESTED[key], value)
    return tuple(value) if isinstance(value, list) else value
