"""`lt host check`: what of a host is fit for training, and what to do about the rest. Pure: facts in, findings out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from .facts import Facts
from .model import Host

OK, WARN, BAD = "ok", "warn", "bad"

_GIB = 1 << 30
_LITTLE_DISK = 20 * _GIB
_NO_DISK = 2 * _GIB
_LITTLE_MEMORY = 8 * _GIB
_CLOCK = 30.0  # seconds; far enough off, certificates are refused
_FEW_WATCHES = 1024
_WHEEL_MACHINES = ("x86_64", "aarch64")
_INSTALL = {
    "apt-get": "apt-get install -y {}",
    "dnf": "dnf install -y {}",
    "yum": "yum install -y {}",
    "apk": "apk add {}",
    "zypper": "zypper install -y {}",
    "pacman": "pacman -S --noconfirm {}",
    "brew": "brew install {}",
}


@dataclass(frozen=True)
class Check:
    """One line of the table. `code` and `params` say the same as `finding`, for other languages."""

    name: str  # what was looked at: `gpu`, `disk` …
    level: str  # ok, warn (works, with a drawback), bad (training will not work)
    finding: str
    remedy: str = ""
    code: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)


def check(facts: Mapping[str, Any] | Facts, host: Host, now: datetime | None = None) -> list[Check]:
    """Every finding about `host`, in the order of the table. `now` is the laptop's time, with a zone."""
    seen = facts if isinstance(facts, Facts) else Facts.of(facts)
    found = [_python(seen), _system(seen)]
    if seen.python is None:
        return found  # the rest was not looked at
    moment = now or datetime.now(timezone.utc)
    return [
        *found,
        *_own_python(seen, host),
        _gpu(seen),
        *_busy_gpus(seen),
        _torch(seen, host),
        _disk(seen, host),
        _memory(seen),
        _rsync(seen, host),
        _clock(seen),
        *_watching(seen),
        *_container(seen, host),
        *_lease(host, moment),
    ]


def worst(checks: list[Check]) -> str:
    """`bad`, `warn` or `ok`: the worst level among `checks`."""
    levels = {item.level for item in checks}
    return next((level for level in (BAD, WARN) if level in levels), OK)


def install_command(facts: Facts, package: str) -> str | None:
    """The command that installs `package` on the host as root, or None where no package manager is known."""
    pattern = _INSTALL.get(facts.package_manager or "")
    return pattern.format(package) if pattern else None


def install_argvs(facts: Facts, package: str) -> list[list[str]] | None:
    """What to run on the host to install `package`, in order; None where nobody is known to do it without a question.

    A fresh image has no package lists: apt's are fetched first. Without root it takes a sudo that asks nothing.
    """
    command = install_command(facts, package)
    if command is None:
        return None
    argvs = [["apt-get", "update", "-qq"]] if facts.package_manager == "apt-get" else []
    argvs.append(command.split())
    return argvs if facts.uid == 0 or facts.package_manager == "brew" else [["sudo", "-n", *argv] for argv in argvs]


def _python(facts: Facts) -> Check:
    if facts.python is None:
        old = f"; {facts.old_python} is older than 3.9" if facts.old_python else ""
        how = install_command(facts, "python3") or "install python3 (3.9 or newer)"
        return Check("python", BAD, f"no Python that the agent can run on{old}", how, "no_python")
    version = ".".join(map(str, facts.python.version))
    return Check("python", OK, f"{version} ({facts.python.path})", code="python", params={"version": version})


def _own_python(facts: Facts, host: Host) -> list[Check]:
    """The interpreter that the inventory names, where the last look found none there: every job would fail."""
    wanted = host.python or ""
    # A name is looked up there, and a version manager's shim leads to another path.
    if not wanted.startswith(("/", "~/")) or "/shims/" in wanted:
        return []
    if any(item.path == wanted or item.path.endswith(wanted.removeprefix("~")) for item in facts.pythons):
        return []
    return [
        Check(
            "python",
            WARN,
            f"{wanted} was not found, or can't be run by {host.user or 'this user'}",
            "lt host edit HOST --python PATH, or --unset python",
            "own_python",
            {"path": wanted},
        )
    ]


def _system(facts: Facts) -> Check:
    said = " ".join(part for part in (facts.system, facts.machine, facts.libc) if part)
    if facts.system != "Linux":
        return Check("system", BAD, said or "unknown", "lt runs jobs on Linux hosts", "not_linux")
    if facts.machine not in _WHEEL_MACHINES:
        return Check("system", WARN, said, "no torch wheels exist for it: give a Python that has torch", "odd_machine")
    if facts.libc.startswith("musl"):
        return Check("system", WARN, said, "torch has no wheels for musl: use an image with glibc", "musl")
    return Check("system", OK, said, code="system")


def _gpu(facts: Facts) -> Check:
    if facts.gpus:
        names = {gpu.name: f"{gpu.name}, {gpu.memory_total / _GIB:.0f} GiB" for gpu in facts.gpus}
        counts = [f"{sum(gpu.name == name for gpu in facts.gpus)} × {label}" for name, label in names.items()]
        said = "; ".join(counts) + f" (driver {facts.driver}, CUDA {facts.cuda or '?'})"
        return Check("gpu", OK, said, code="gpus", params={"count": len(facts.gpus)})
    if facts.nvidia_smi == "fails":
        remedy = "nvidia-smi is there and finds no GPU: the driver is broken, or the container was not given one"
        return Check("gpu", BAD, "the NVIDIA driver does not answer", remedy, "driver_fails")
    if facts.accelerators:
        said = "no NVIDIA GPU; found " + ", ".join(facts.accelerators)
        return Check("gpu", WARN, said, "lt gives out NVIDIA GPUs only: such jobs run with --gpus 0", "other_gpu")
    return Check("gpu", WARN, "none", "jobs train on the CPU here", "no_gpu")


def _busy_gpus(facts: Facts) -> Iterator[Check]:
    busy = [gpu for gpu in facts.gpus if gpu.memory_total and gpu.memory_free < gpu.memory_total // 2]
    if busy:
        numbers = ", ".join(str(gpu.index) for gpu in busy)
        remedy = "nvidia-smi on the host shows by whom; lt counts only its own jobs"
        yield Check("gpu use", WARN, f"GPU {numbers}: more than half of the memory is taken", remedy, "gpu_busy")


def _torch(facts: Facts, host: Host) -> Check:
    python = next((item for item in facts.pythons if item.path == host.python), None) or facts.best_python
    if python is None or not python.torch:
        return Check("torch", OK, "none there: an environment is built by uv for the first job", code="torch_built")
    version = ".".join(map(str, python.version))
    said = f"{python.torch}, CUDA {python.cuda or 'none'}, Python {version} ({python.path})"
    if facts.gpus and python.cuda is None:
        return Check("torch", WARN, said, "this torch is for the CPU: choose another with --python", "torch_cpu")
    if facts.gpus and python.cuda and facts.cuda and _newer(python.cuda, facts.cuda):
        remedy = f"the driver runs CUDA {facts.cuda} at most: update the driver, or let lt build an environment"
        return Check("torch", WARN, said, remedy, "torch_too_new")
    return Check("torch", OK, said, code="torch")


def _newer(left: str, right: str) -> bool:
    """Whether CUDA `left` needs a newer driver than one for `right`; within a major version all are compatible."""
    major, limit = left.split(".")[0], right.split(".")[0]
    return major.isdigit() and limit.isdigit() and int(major) > int(limit)


def _disk(facts: Facts, host: Host) -> Check:
    disk = facts.disk
    if disk is None:
        return Check("disk", WARN, f"nothing is known of {host.root}", "see whether the folder can be made", "no_disk")
    said = f"{_size(disk.free)} free of {_size(disk.total)} in {facts.root} ({disk.filesystem})"
    params = {"free": disk.free, "total": disk.total, "path": facts.root, "filesystem": disk.filesystem}
    if not disk.writable:
        return Check("disk", BAD, f"{facts.root} cannot be written", "choose another folder with --root", "read_only")
    if disk.free < _NO_DISK:
        return Check("disk", BAD, said, "make room, or put --root on the data disk", "disk_full", params)
    if disk.inodes_free is not None and 0 < disk.inodes_free < 10_000:
        said = f"only {disk.inodes_free} more files can be made in {facts.root}"
        return Check("disk", WARN, said, "remove small files, or choose another --root", "few_inodes", params)
    if disk.free < _LITTLE_DISK:
        remedy = "a few checkpoints fill it: put --root on the data disk"
        return Check("disk", WARN, said, remedy, "disk_small", params)
    if disk.network:
        remedy = "shared and slower; file events are missing there, so news takes up to two seconds"
        return Check("disk", WARN, said, remedy, "disk_network", params)
    return Check("disk", OK, said, code="disk", params=params)


def _size(count: int) -> str:
    """Bytes for people: a small disk is not `0.0 GiB`."""
    return f"{count / _GIB:.1f} GiB" if count >= _GIB else f"{count / (1 << 20):.0f} MiB"


def _memory(facts: Facts) -> Check:
    if facts.memory_total is None:
        return Check("memory", WARN, "unknown", "", "memory_unknown")
    available = facts.memory_available if facts.memory_available is not None else facts.memory_total
    said = f"{available / _GIB:.1f} GiB of {facts.memory_total / _GIB:.1f}, {facts.cpus or '?'} CPUs"
    params = {"available": available, "total": facts.memory_total, "cpus": facts.cpus}
    if available < _LITTLE_MEMORY and facts.gpus:
        return Check("memory", WARN, said, "loading a model of 7B takes about 15 GiB", "memory_small", params)
    return Check("memory", OK, said, code="memory", params=params)


def _rsync(facts: Facts, host: Host) -> Check:
    if host.kind == "local":
        return Check("rsync", OK, "not needed here", code="rsync_local")
    if facts.rsync:
        return Check("rsync", OK, facts.rsync, code="rsync")
    how = install_command(facts, "rsync") or "install rsync"
    return Check("rsync", WARN, "missing: files travel as a tar, without resuming uploads", how, "no_rsync")


def _clock(facts: Facts) -> Check:
    offset = facts.clock_offset
    if offset is None:
        return Check("clock", OK, "not compared", code="clock_unknown")
    said = f"{abs(offset):.1f} s {'ahead of' if offset > 0 else 'behind'} this machine"
    params = {"seconds": abs(offset), "offset": offset}
    if abs(offset) > _CLOCK:
        return Check("clock", WARN, said, "lt corrects the times it shows; set the clock (NTP)", "clock_off", params)
    return Check("clock", OK, said, code="clock", params=params)


def _watching(facts: Facts) -> Iterator[Check]:
    if facts.watches is not None and facts.watches < _FEW_WATCHES:
        remedy = "news from jobs takes up to two seconds; root can raise fs.inotify.max_user_watches"
        yield Check("file events", WARN, f"only {facts.watches} watches", remedy, "few_watches")


def _container(facts: Facts, host: Host) -> Iterator[Check]:
    if facts.container:
        remedy = "" if host.root.startswith("/") else "see that --root is on a disk that outlives the container"
        yield Check("container", OK if not remedy else WARN, "yes", remedy, "container")


def _lease(host: Host, now: datetime) -> Iterator[Check]:
    if host.until is None:
        return
    left = host.until - now
    said = f"until {host.until:%Y-%m-%d %H:%M %Z}".rstrip()
    if left < timedelta(0):
        yield Check("lease", WARN, f"over ({said})", "lt host edit NAME --until … when it was prolonged", "lease_over")
    elif left < timedelta(hours=6):
        yield Check("lease", WARN, said, "bring home what matters: lt pull", "lease_short")
    else:
        yield Check("lease", OK, said, code="lease")
