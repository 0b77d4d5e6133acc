"""What a host holds: its processes with ours marked, and what lies under the root, for a person who asks.

Everything is from `/proc` and the file system; what can't be read is left out. Of a process only the program's and the
script's name is told: further arguments are its owner's business and may hold passwords.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

from .procs import MARKER, read_stat
from .protocol.paths import HostRoot
from .protocol.ulid import is_ulid

_OTHERS = 12  # of the processes that are not ours and use no GPU, the largest
_SMALL = 64 << 20  # bytes; a smaller one of those is not worth a line
_NAME = 60  # characters
_WALK_SECONDS = 30.0  # for all folders; what is not counted by then is told as `partial`


def processes() -> List[Dict[str, Any]]:
    """Ours, those that use a GPU, and the largest of the rest; ours first, then by GPU memory and memory in bytes.

    `job` is the job whose marker a process carries, `lt` that it is a part of lt itself. `cpu` is percent of one core,
    averaged over the process's life.
    """
    gpu = _on_gpus()
    ours: List[Dict[str, Any]] = []
    others: List[Dict[str, Any]] = []
    for name in os.listdir("/proc"):
        found = _process(int(name)) if name.isdigit() else None
        if found is None:
            continue
        found["gpu_memory"] = gpu.pop(found["pid"], 0)
        mine = found["job"] or found["lt"] or found["gpu_memory"]
        (ours if mine else others).append(found)
    # NVML tells pids of the machine; from within a container those are nobody's here.
    ours += [_unseen(pid, used) for pid, used in gpu.items()]
    others = [item for item in others if item["memory"] >= _SMALL]
    others.sort(key=lambda item: -item["memory"])
    ours.sort(key=lambda item: (not item["job"], not item["lt"], -item["gpu_memory"], -item["memory"]))
    return ours + others[:_OTHERS]


def on_disk(root: HostRoot) -> Dict[str, Any]:
    """What lies under the root: `{"items": [{kind, name, detail, size, used}], "partial": bool}`, sizes in bytes.

    `used` is when it was last changed. Kinds: env, data, job, agent. A snapshot's size is its manifest's.
    """
    deadline = time.monotonic() + _WALK_SECONDS
    items: List[Dict[str, Any]] = []
    partial = False
    for kind, name, detail, folder, known in _folders(root):
        size, whole = (known, True) if known is not None else _size(folder, deadline)
        partial = partial or not whole
        with contextlib.suppress(OSError):
            items.append({"kind": kind, "name": name, "detail": detail, "size": size, "used": os.stat(folder).st_mtime})
    return {"items": items, "partial": partial}


def _folders(root: HostRoot) -> Iterator[Tuple[str, str, str, Path, Optional[int]]]:
    for kind, folder in (("env", root.envs), ("agent", root.agents)):
        for name in _names(folder):
            yield kind, name, "", folder / name, None
    data = root.path / "data"
    for name in _names(data):
        for file in sorted((data / name).glob("*.json")):
            digest = file.stem
            yield "data", name, digest, data / name / digest, _manifest_size(file)
    for job in _names(root.jobs):
        if is_ulid(job):
            yield "job", job, "", root.jobs / job, None


def _process(pid: int) -> Optional[Dict[str, Any]]:
    stat = read_stat(pid)
    if stat is None or stat.state in "ZX":
        return None
    try:
        uid = os.stat(f"/proc/{pid}").st_uid
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        pages = int(Path(f"/proc/{pid}/statm").read_bytes().split()[1])
        times = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (OSError, ValueError, IndexError):
        return None
    if not words[0]:
        return None  # a thread of the kernel
    ticks = os.sysconf("SC_CLK_TCK")
    age = max(1.0, time.clock_gettime(time.CLOCK_BOOTTIME) - stat.start / ticks)
    return {
        "pid": pid,
        "user": _user(uid),
        "name": _named(words),
        "memory": pages * os.sysconf("SC_PAGE_SIZE"),
        "cpu": round((int(times[11]) + int(times[12])) / ticks / age * 100, 1),
        "age": round(age),
        "job": _job_of(pid),
        "lt": any(word.endswith(b"lt_agent") or b"/agents/" in word for word in words[:8]),
    }


def _unseen(pid: int, used: int) -> Dict[str, Any]:
    nothing = {"user": "", "name": "", "memory": 0, "cpu": 0.0, "age": 0, "job": "", "lt": False}
    return {"pid": pid, "gpu_memory": used, **nothing}


def _named(words: List[bytes]) -> str:
    """`python train.py`, `python -m package`: the program, and the first of its words that is no option."""
    texts = [word.decode("utf-8", "replace") for word in words if word]
    name = os.path.basename(texts[0])
    for at, text in enumerate(texts[1:]):
        before = texts[at]
        if before == "-m":
            return f"{name} -m {text}"[:_NAME]
        if before in ("-c", "-e"):
            break
        if not text.startswith("-") and "=" not in text:
            return f"{name} {os.path.basename(text)}"[:_NAME]
    return name[:_NAME]


def _job_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        for word in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            key, _, value = word.partition(b"=")
            if key == MARKER.encode():
                job = value.decode("ascii", "replace")
                return job if is_ulid(job) else ""
    return ""


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _on_gpus() -> Dict[int, int]:
    """GPU memory in bytes by pid; nothing where there is no driver to ask."""
    found: Dict[int, int] = {}
    try:
        import pynvml
    except ImportError:
        return found
    with contextlib.suppress(pynvml.NVMLError):
        pynvml.nvmlInit()
        for number in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(number)
            with contextlib.suppress(pynvml.NVMLError):
                for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle):
                    found[process.pid] = found.get(process.pid, 0) + (process.usedGpuMemory or 0)
    return found


def _size(folder: Path, deadline: float) -> Tuple[int, bool]:
    """Bytes on the disk below `folder`, a file with several names counted once; and whether all of it was seen."""
    total, seen = 0, set()
    for where, _folders_in, files in os.walk(folder):
        if time.monotonic() > deadline:
            return total, False
        for name in files:
            with contextlib.suppress(OSError):
                stat = os.lstat(os.path.join(where, name))
                if stat.st_nlink > 1:
                    if (stat.st_dev, stat.st_ino) in seen:
                        continue
                    seen.add((stat.st_dev, stat.st_ino))
                total += stat.st_blocks * 512
    return total, True


def _manifest_size(file: Path) -> int:
    try:
        files = json.loads(file.read_text(encoding="utf-8")).get("files") or []
        return sum(int(entry.get("size", 0)) for entry in files)
    except (OSError, ValueError, AttributeError, TypeError):
        return 0


def _names(folder: Path) -> List[str]:
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError:
        return []
