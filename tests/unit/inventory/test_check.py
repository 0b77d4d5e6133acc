"""What is fit for training, from facts alone; and facts that are not what they should be."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from lt_agent.probe import collect
from lt_inventory.check import Check, check, worst
from lt_inventory.facts import Facts
from lt_inventory.model import Host

GIB = 1 << 30
NOW = datetime(2026, 11, 21, tzinfo=timezone.utc)
GPU = {"index": 0, "uuid": "GPU-1", "name": "NVIDIA A100", "memory_total": 80 * GIB, "memory_free": 79 * GIB,
       "driver": "550.1", "util": 0}  # fmt: skip
CONDA = {"path": "/opt/conda/bin/python", "version": "3.11.5", "packages": {"torch": "2.6.0", "trl": "1.16.0"},
         "cuda": "12.4", "conda": True}  # fmt: skip


def facts(**changes: Any) -> dict[str, Any]:
    """A good box, with changes."""
    return {
        "system": "Linux", "machine": "x86_64", "libc": "glibc 2.35", "root": "/data/lt", "hostname": "box",
        "cpu": {"count": 32, "load1": 0.5}, "memory": {"total": 128 * GIB, "available": 120 * GIB},
        "disks": {"root": {"path": "/data", "total": 1000 * GIB, "free": 900 * GIB, "filesystem": "ext4",
                           "writable": True, "inodes_free": 10**7}},
        "gpus": [GPU], "cuda": "12.8", "driver": "550.1", "nvidia_smi": "works", "accelerators": [],
        "pythons": [CONDA], "python": {"path": "/usr/bin/python3", "version": "3.10.12"}, "rsync": "3.2.7",
        "container": False, "inotify": {"max_watches": 100_000}, "clock_offset": 0.1, **changes,
    }  # fmt: skip


def disk(**changes: Any) -> dict[str, Any]:
    return {"disks": {"root": {**facts()["disks"]["root"], **changes}}}


def found(given: dict[str, Any], host: Host | None = None) -> dict[str, Check]:
    return {item.name: item for item in check(given, host or Host("box", "box", root="/data/lt"), NOW)}


def test_a_good_box_is_all_ok() -> None:
    seen = found(facts())
    assert {item.level for item in seen.values()} == {"ok"}
    assert seen["gpu"].finding == "1 × NVIDIA A100, 80 GiB (driver 550.1, CUDA 12.8)"


@pytest.mark.parametrize(
    ("changes", "name", "level", "code"),
    [
        ({"python": None, "old_python": "python3"}, "python", "bad", "no_python"),
        ({"system": "Darwin"}, "system", "bad", "not_linux"),
        ({"libc": "musl 1.2"}, "system", "warn", "musl"),
        ({"machine": "riscv64"}, "system", "warn", "odd_machine"),
        ({"gpus": [], "nvidia_smi": "fails"}, "gpu", "bad", "driver_fails"),
        ({"gpus": [], "nvidia_smi": "absent"}, "gpu", "warn", "no_gpu"),
        ({"gpus": [], "accelerators": [{"kind": "amd"}]}, "gpu", "warn", "other_gpu"),
        ({"gpus": [{**GPU, "memory_free": GIB}]}, "gpu use", "warn", "gpu_busy"),
        ({"pythons": [{**CONDA, "cuda": None}]}, "torch", "warn", "torch_cpu"),
        ({"cuda": "11.8"}, "torch", "warn", "torch_too_new"),
        (disk(free=GIB), "disk", "bad", "disk_full"),
        (disk(free=10 * GIB), "disk", "warn", "disk_small"),
        (disk(writable=False), "disk", "bad", "read_only"),
        (disk(filesystem="nfs4"), "disk", "warn", "disk_network"),
        (disk(inodes_free=5), "disk", "warn", "few_inodes"),
        ({"memory": {"total": 16 * GIB, "available": 4 * GIB}}, "memory", "warn", "memory_small"),
        ({"rsync": None, "packages": "apt-get"}, "rsync", "warn", "no_rsync"),
        ({"clock_offset": -3600.0}, "clock", "warn", "clock_off"),
        ({"inotify": {"max_watches": 8}}, "file events", "warn", "few_watches"),
    ],
)
def test_each_fault_is_found_with_a_remedy(changes: dict[str, Any], name: str, level: str, code: str) -> None:
    item = found(facts(**changes))[name]
    assert (item.level, item.code) == (level, code)
    assert item.remedy


def test_a_missing_rsync_names_the_command_that_installs_it() -> None:
    assert found(facts(rsync=None, packages="apt-get"))["rsync"].remedy == "apt-get install -y rsync"


@pytest.mark.parametrize(("left", "code"), [(-1, "lease_over"), (3, "lease_short"), (100, "lease")])
def test_the_end_of_a_lease_is_seen_coming(left: int, code: str) -> None:
    host = Host("box", "box", root="/data/lt", until=NOW + timedelta(hours=left))
    assert found(facts(), host)["lease"].code == code


def test_the_worst_level_counts() -> None:
    assert worst([Check("a", "ok", ""), Check("b", "warn", "")]) == "warn"
    assert worst([]) == "ok"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"gpus": "none", "cpu": 3, "disks": [], "pythons": [1, None], "python": "x"},
        {"gpus": [{}], "python": {"a": 1}},
    ],
)
def test_facts_that_make_no_sense_are_absent_never_a_fault(given: dict[str, Any]) -> None:
    Facts.of(given)
    assert check(given, Host("box", "box"), NOW)


def test_this_machines_own_facts_fit_the_view(tmp_path: Any) -> None:
    seen = Facts.of(collect(str(tmp_path)))
    assert seen.system and seen.python is not None and seen.disk is not None
    assert seen.disk.free > 0
    assert seen.platform_tag.startswith(seen.system.lower())


def test_the_python_with_the_most_of_the_field_is_best() -> None:
    bare = {**CONDA, "path": "/a", "packages": {"torch": "2.9.0"}, "version": "3.13.0"}
    none = {**CONDA, "path": "/b", "packages": {}, "version": "3.14.0"}
    best = Facts.of(facts(pythons=[none, bare, CONDA])).best_python
    assert best is not None and best.path == CONDA["path"]


@pytest.mark.parametrize(
    ("python", "told"),
    [
        ("/opt/conda/bin/python", False),
        ("~/conda/bin/python", False),
        ("/opt/none/bin/python", True),
        ("~/.pyenv/shims/python", False),
        ("python3.11", False),
    ],
)
def test_an_interpreter_that_is_not_there_is_told_before_jobs_fail_by_it(python: str, told: bool) -> None:
    codes = [item.code for item in check(facts(), Host(name="box", address="box", python=python), NOW)]
    assert ("own_python" in codes) is told
