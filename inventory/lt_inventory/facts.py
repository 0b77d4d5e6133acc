"""A typed look at what the probe found on a host. A host may send anything: what does not fit is absent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .fact_shapes import number, whole


@dataclass(frozen=True)
class Gpu:
    """One GPU; memory in bytes, `util` in percent."""

    index: int
    uuid: str
    name: str
    memory_total: int
    memory_free: int
    driver: str
    util: int | None = None


@dataclass(frozen=True)
class Disk:
    """The file system that holds `root`; sizes in bytes."""

    path: str
    total: int
    free: int
    filesystem: str
    writable: bool
    inodes_free: int | None = None

    @property
    def network(self) -> bool:
        """Whether other machines may share it: file events and locks are weak there."""
        return self.filesystem.startswith(("nfs", "cifs", "smb", "lustre", "beegfs", "ceph", "gpfs", "fuse.juicefs"))


@dataclass(frozen=True)
class Python:
    """One interpreter: its version, the packages of the field in it, and the CUDA its torch was built for."""

    path: str
    version: tuple[int, ...]
    packages: Mapping[str, str]
    cuda: str | None
    conda: bool

    @property
    def torch(self) -> str | None:
        """The version of torch in it."""
        return self.packages.get("torch")


@dataclass(frozen=True)
class Facts:
    """A host as the probe saw it."""

    raw: Mapping[str, Any]
    hostname: str
    user: str
    uid: int | None
    root: str
    system: str
    machine: str
    libc: str
    kernel: str
    cpus: int | None
    load: float | None
    memory_total: int | None
    memory_available: int | None
    disk: Disk | None
    gpus: tuple[Gpu, ...]
    nvidia_smi: str  # works, fails, absent
    accelerators: tuple[str, ...]  # other makers' tools that were found
    cuda: str | None  # the newest that the driver runs
    driver: str | None
    pythons: tuple[Python, ...]
    python: Python | None  # the one that runs the agent
    old_python: str | None
    rsync: str | None
    uv: str | None
    tar: bool
    package_manager: str | None
    container: bool
    linger: bool
    boot_id: str
    watches: int | None
    clock_offset: float | None  # seconds that the host's clock is ahead of the laptop's

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Facts:
        """The view of the probe's dictionary."""
        cpu, memory, python = _table(raw, "cpu"), _table(raw, "memory"), _table(raw, "python")
        uv = raw.get("uv")
        return cls(
            raw=raw,
            hostname=_text(raw, "hostname"),
            user=_text(raw, "user"),
            uid=_whole(raw, "uid"),
            root=_text(raw, "root"),
            system=_text(raw, "system"),
            machine=_text(raw, "machine"),
            libc=_text(raw, "libc"),
            kernel=_text(raw, "kernel"),
            cpus=_whole(cpu, "count"),
            load=_number(cpu, "load1"),
            memory_total=_whole(memory, "total"),
            memory_available=_whole(memory, "available"),
            disk=_disk(_table(_table(raw, "disks"), "root")),
            gpus=tuple(_gpu(item) for item in _tables(raw, "gpus")),
            nvidia_smi=_text(raw, "nvidia_smi"),
            accelerators=tuple(_text(item, "kind") for item in _tables(raw, "accelerators")),
            cuda=_text(raw, "cuda") or None,
            driver=_text(raw, "driver") or None,
            pythons=tuple(_python(item) for item in _tables(raw, "pythons")),
            python=_python(python) if python else None,
            old_python=_text(raw, "old_python") or None,
            rsync=_text(raw, "rsync") or None,
            uv=(_text(uv, "path") if isinstance(uv, Mapping) else _text(raw, "uv")) or None,
            tar=bool(raw.get("tar")),
            package_manager=_text(raw, "packages") or None,
            container=bool(raw.get("container")),
            linger=bool(raw.get("systemd_linger")),
            boot_id=_text(raw, "boot_id"),
            watches=_whole(_table(raw, "inotify"), "max_watches"),
            clock_offset=_number(raw, "clock_offset"),
        )

    @property
    def platform_tag(self) -> str:
        """What compiled files must be made for: `linux-x86_64-glibc2.35`."""
        return "-".join(part for part in (self.system.lower(), self.machine, self.libc.replace(" ", "")) if part)

    @property
    def slots(self) -> int:
        """Jobs at once, unless the host's entry says otherwise: one per GPU, or one."""
        return max(1, len(devices(self.raw)))

    @property
    def best_python(self) -> Python | None:
        """The interpreter that a rented image means for training: one with torch, with more of the field's packages,
        and newer, in this order."""
        with_torch = [python for python in self.pythons if python.torch]
        return max(with_torch, key=lambda python: (len(python.packages), python.version), default=None)


def devices(raw: Mapping[str, Any]) -> dict[str, int]:
    """The GPUs that jobs may be given, by UUID, with their bytes of memory (0: not known), from the probe's dictionary.

    Without any of NVIDIA's, those of another maker, by kind and index.
    """
    found = {gpu.uuid: gpu.memory_total for gpu in map(_gpu, _tables(raw, "gpus")) if gpu.uuid}
    for item in _tables(raw, "accelerators") if not found else ():
        kind, count, memory = _text(item, "kind"), _whole(item, "count") or 0, item.get("memory")
        sizes = [whole(size) or 0 for size in memory] if isinstance(memory, list) else []
        for index in range(min(count, 64)):
            found[f"{kind}:{index}"] = sizes[index] if index < len(sizes) else 0
    return found


def _gpu(raw: Mapping[str, Any]) -> Gpu:
    return Gpu(
        index=_whole(raw, "index") or 0,
        uuid=_text(raw, "uuid"),
        name=_text(raw, "name"),
        memory_total=_whole(raw, "memory_total") or 0,
        memory_free=_whole(raw, "memory_free") or 0,
        driver=_text(raw, "driver"),
        util=_whole(raw, "util"),
    )


def _disk(raw: Mapping[str, Any]) -> Disk | None:
    if not raw:
        return None
    return Disk(
        path=_text(raw, "path"),
        total=_whole(raw, "total") or 0,
        free=_whole(raw, "free") or 0,
        filesystem=_text(raw, "filesystem"),
        writable=raw.get("writable") is not False,
        inodes_free=_whole(raw, "inodes_free"),
    )


def _python(raw: Mapping[str, Any]) -> Python:
    packages = _table(raw, "packages")
    return Python(
        path=_text(raw, "path"),
        version=tuple(int(part) for part in re.findall(r"\d{1,9}", _text(raw, "version"))[:3]),
        packages={str(name): str(version) for name, version in packages.items()},
        cuda=_text(raw, "cuda") or None,
        conda=bool(raw.get("conda")),
    )


def _text(raw: Mapping[str, Any], key: str) -> str:
    value = raw.get(key)
    return value if isinstance(value, str) else ""


def _whole(raw: Mapping[str, Any], key: str) -> int | None:
    return whole(raw.get(key))


def _number(raw: Mapping[str, Any], key: str) -> float | None:
    found = number(raw.get(key))
    return None if found is None else float(found)


def _table(raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = raw.get(key)
    return value if isinstance(value, Mapping) else {}


def _tables(raw: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = raw.get(key)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
