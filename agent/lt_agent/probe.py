"""What a host has: standard library, Python 3.6 syntax, so that it can be piped into `python3 -`, after `accelerators`.

`collect(root)` returns a flat JSON object; sizes are bytes, times seconds since the epoch. Every part is guarded:
what can't be found out is null or absent, and nothing here waits longer than `PATIENCE` seconds for another program.
"""

import contextlib
import glob
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Sequence, Set

with contextlib.suppress(ImportError):  # piped into an interpreter: that module's text stands before this one's
    from .accelerators import ask_others

PATIENCE = 1.5  # seconds for each program that is asked; all are asked at the same time
PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")
MOST_PYTHONS = 16
_MANAGERS = ("apt-get", "dnf", "yum", "apk", "zypper", "pacman", "brew")
_GPU_FIELDS = "index,uuid,name,memory.total,memory.free,driver_version,utilization.gpu"
GPU_QUERY = ["--query-gpu=" + _GPU_FIELDS, "--format=csv,noheader,nounits"]


def collect(root: str = "~/.lt-agent", pythons: Sequence[str] = (), path: str = "") -> Dict[str, Any]:
    """The facts of this machine, for a spool at `root`.

    `pythons` are further interpreters to look at; `path` a further PATH, as the login shell has it.
    """
    root = os.path.abspath(os.path.expanduser(root))
    search = _search_path(path)
    asked = {
        "gpus": _ask([_which("nvidia-smi", search), *GPU_QUERY]),
        "cuda": _ask([_which("nvidia-smi", search)]),
        # The other end starts rsync by its name in a plain ssh session: one that only a wider PATH has is of no use.
        "rsync": _ask([_which("rsync", os.environ.get("PATH", os.defpath)), "--version"]),
        "uv": _ask([_uv(root, search), "--version"]),
        "root": _guarded(lambda: _disk(root)),
        "linger": _guarded(lambda: os.path.exists("/var/lib/systemd/linger/" + _user())),
        "pythons": _guarded(lambda: _find_pythons(search, list(pythons))),
    }
    others = ask_others(lambda tool: _which(tool, search), _ask)
    answers = {name: wait() for name, wait in asked.items()}
    gpus = parse_gpus(answers["gpus"] or "")
    return {
        "time": time.time(),
        "hostname": socket.gethostname(),
        "user": _user(),
        "uid": os.getuid(),
        "home": os.path.expanduser("~"),
        "root": root,
        "machine": platform.machine(),
        "system": platform.system(),
        "libc": _libc(),
        "kernel": platform.release(),
        "cpu": _cpu(),
        "memory": _memory(),
        "disks": {"root": answers["root"]},
        "gpus": gpus,
        "cuda": parse_cuda(answers["cuda"] or ""),
        "driver": gpus[0]["driver"] if gpus else None,
        "nvidia_smi": "absent" if _which("nvidia-smi", search) is None else "works" if gpus else "fails",
        "accelerators": others(),
        "pythons": answers["pythons"] or [],
        "python": {"path": sys.executable, "version": platform.python_version()},
        "rsync": _version(answers["rsync"]),
        "uv": {"path": _uv(root, search), "version": _version(answers["uv"])} if _version(answers["uv"]) else None,
        "tar": _which("tar", search),
        "packages": next((name for name in _MANAGERS if _which(name, search)), None),
        "container": bool(_container()),
        "container_kind": _container(),
        "boot_id": _read("/proc/sys/kernel/random/boot_id").strip(),
        "systemd_linger": bool(answers["linger"]),
        "inotify": {"max_watches": _number(_read("/proc/sys/fs/inotify/max_user_watches"))},
    }


def parse_gpus(text: str) -> List[Dict[str, Any]]:
    """The GPUs in the CSV that nvidia-smi prints for `_GPU_FIELDS`; memory is MiB there and bytes here."""
    gpus = []  # type: List[Dict[str, Any]]
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        # A card's name may hold a comma; the fields around it don't.
        if len(cells) < 7 or not cells[0].isdigit():
            continue
        total, free, driver, util = cells[-4:]
        gpus.append(
            {
                "index": int(cells[0]),
                "uuid": cells[1],
                "name": ", ".join(cells[2:-4]),
                "memory_total": _mebibytes(total),
                "memory_free": _mebibytes(free),
                "driver": driver,
                "util": _number(util),
            }
        )
    return gpus


def parse_cuda(text: str) -> Optional[str]:
    """The highest CUDA that the driver runs, as nvidia-smi's banner has it: `12.8`."""
    found = re.search(r"CUDA(?: UMD)? Version\s*:\s*(\d+\.\d+)", text)
    return found.group(1) if found else None


def _mebibytes(cell: str) -> Optional[int]:
    number = _number(cell)
    return None if number is None else number * 1048576


def _number(text: str) -> Optional[int]:
    found = re.match(r"\s*(\d+)", text)
    return int(found.group(1)) if found else None


def _ask(argv: Sequence[Optional[str]]) -> Callable[[], Optional[str]]:
    """Starts `argv` at once; the function returned waits for its output: None if it is absent, fails or hangs."""
    if argv[0] is None:
        return lambda: None
    started = time.time()
    try:
        process = subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            universal_newlines=True,
            env=dict(os.environ, LC_ALL="C"),
        )
    except OSError:
        return lambda: None

    def wait() -> Optional[str]:
        try:
            out, _ = process.communicate(timeout=max(0.05, started + PATIENCE - time.time()))
        except subprocess.TimeoutExpired:
            # A program stuck in a driver can't be ended: killed, and not waited for.
            process.kill()
            return None
        except (OSError, ValueError):
            return None
        return out if process.returncode == 0 else None

    return wait


def _guarded(work: Callable[[], Any]) -> Callable[[], Any]:
    """Does `work` on a thread of its own: a dead network disk hangs whoever touches it."""
    box = []  # type: List[Any]

    def run() -> None:
        try:
            box.append(work())
        except Exception as error:  # one fact less is better than none at all
            sys.stderr.write(f"probe: {error}\n")

    thread = threading.Thread(target=run)
    thread.daemon = True
    thread.start()
    started = time.time()

    def wait() -> Any:
        thread.join(max(0.05, started + PATIENCE - time.time()))
        return box[0] if box else None

    return wait


def _user() -> str:
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return os.environ.get("USER", str(os.getuid()))


def _libc() -> Optional[str]:
    name, version = platform.libc_ver()
    if name:
        return f"{name} {version}"
    return "musl" if glob.glob("/lib/ld-musl-*") else None


def _cpu() -> Dict[str, Any]:
    model = re.search(r"^(?:model name|Model|Hardware)\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.M)
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = re.match(r"(\d+) (\d+)", _read("/sys/fs/cgroup/cpu.max"))
    if quota:
        count = max(1, min(count or 1, int(quota.group(1)) // int(quota.group(2))))
    name = model.group(1).strip() if model else platform.processor() or None
    return {"model": name, "count": count, "load1": os.getloadavg()[0]}


def _memory() -> Dict[str, int]:
    values = dict(re.findall(r"^(\w+):\s*(\d+) kB", _read("/proc/meminfo"), re.M))
    total, available = int(values.get("MemTotal", 0)) * 1024, int(values.get("MemAvailable", 0)) * 1024
    # A container's own limit, where it has one, is what counts.
    for limit_file, used_file in (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes",) * 2):
        limit = _number(_read("/sys/fs/cgroup/" + limit_file))
        if limit and limit < total:
            used = _number(_read("/sys/fs/cgroup/" + used_file.replace("limit", "usage"))) or 0
            total, available = limit, max(0, min(available, limit - used))
    return {"total": total, "available": available}


def _disk(path: str) -> Dict[str, Any]:
    """Size and kind of the disk that holds `path`, or would hold it."""
    while not os.path.isdir(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    info = os.statvfs(path)
    return {
        "path": path,
        "total": info.f_blocks * info.f_frsize,
        "free": info.f_bavail * info.f_frsize,
        "inodes_free": info.f_favail,
        "filesystem": _filesystem(path),
        "writable": os.access(path, os.W_OK | os.X_OK),
    }


def _filesystem(path: str) -> Optional[str]:
    path, best, kind = os.path.realpath(path), "", None
    for line in _read("/proc/self/mounts").splitlines():
        cells = line.split()
        if len(cells) > 2:
            mount = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal.group(1), 8)), cells[1])
            inside = path == mount or path.startswith(mount.rstrip("/") + "/")
            if inside and len(mount) >= len(best):
                best, kind = mount, cells[2]
    return kind


def _container() -> Optional[str]:
    if os.path.exists("/.dockerenv"):
        return "docker"
    if os.path.exists("/run/.containerenv"):
        return "podman"
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        return "kubernetes"
    found = re.search(r"docker|kubepods|containerd|lxc|libpod", _read("/proc/1/cgroup"))
    return found.group(0) if found else None


def _read(path: str) -> str:
    try:
        with open(path, errors="replace") as file:
            return file.read(1 << 20)
    except OSError:
        return ""


def _version(text: Optional[str]) -> Optional[str]:
    found = re.search(r"\d+\.\d+(?:\.\d+)*", text or "")
    return found.group(0) if found else None


def _search_path(path: str) -> str:
    home = os.path.expanduser("~")
    usual = [home + "/.local/bin", home + "/.cargo/bin", "/usr/local/bin", "/usr/bin", "/bin", "/opt/conda/bin"]
    return os.pathsep.join([os.environ.get("PATH", ""), path, *usual])


def _which(program: str, search: str) -> Optional[str]:
    return shutil.which(program, path=search)


def _uv(root: str, search: str) -> Optional[str]:
    own = os.path.join(root, "tools", "uv")
    return own if os.access(own, os.X_OK) else _which("uv", search)


def _find_pythons(search: str, extra: List[str]) -> List[Dict[str, Any]]:
    home = os.path.expanduser("~")
    patterns = list(extra)
    patterns += [os.environ[name] + "/bin/python" for name in ("VIRTUAL_ENV", "CONDA_PREFIX") if os.environ.get(name)]
    patterns += [folder + "/python3" for folder in search.split(os.pathsep) if folder]
    for conda in ("conda", "miniconda3", "anaconda3", "miniforge3", "mambaforge"):
        places = [f"{base}/{conda}" for base in ("/opt", home, "/root")]
        patterns += [place + inner + "/bin/python" for place in places for inner in ("", "/envs/*")]
    patterns += ["/usr/local/bin/python3", "/usr/local/bin/python3.[0-9]", "/usr/local/bin/python3.[0-9][0-9]"]
    patterns += ["/usr/bin/python3.[0-9]", "/usr/bin/python3.[0-9][0-9]", "/venv/*/bin/python", "/venv/bin/python"]
    patterns += ["/workspace/venv/bin/python", "/workspace/.venv/bin/python", home + "/venv/bin/python"]
    seen = set()  # type: Set[str]
    found = []  # type: List[str]
    for pattern in patterns:
        for candidate in sorted(glob.glob(os.path.expanduser(pattern))):
            if _new(_identity(candidate), seen) and os.access(candidate, os.X_OK) and len(found) < MOST_PYTHONS:
                found.append(candidate)
    # All are asked at once; each answers within PATIENCE or is left out. What a version manager's shim leads to is
    # known only now.
    waits = [(path, _ask([path, "-I", "-S", "-c", _QUESTION])) for path in found]
    answers = [(path, (wait() or "").splitlines()) for path, wait in waits]
    seen = set()
    return [_describe(*lines) for _, lines in answers if len(lines) == 3 and _new(_identity(lines[0]), seen)]


def _new(key: str, seen: Set[str]) -> bool:
    fresh = key not in seen
    seen.add(key)
    return fresh


def _identity(path: str) -> str:
    """Two names of one interpreter are one; a venv's python is a link to its base, but has its own packages."""
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.exists(os.path.join(os.path.dirname(folder), "pyvenv.cfg")):
        return os.path.realpath(folder)
    return os.path.realpath(path)


# Without `site` an interpreter starts in milliseconds; where its packages lie is known without it.
_QUESTION = """
import sys, sysconfig, os
prefix = os.path.dirname(os.path.dirname(os.path.abspath(sys.executable)))
venv = os.path.exists(os.path.join(prefix, "pyvenv.cfg"))
base = {"base": prefix, "platbase": prefix} if venv else {}
paths = [sysconfig.get_path("purelib", vars=base), sysconfig.get_path("platlib", vars=base)]
version = "python%d.%d" % sys.version_info[:2]
if not venv:
    paths += [sys.prefix + "/lib/python3/dist-packages", "/usr/local/lib/" + version + "/dist-packages"]
    paths += [os.path.expanduser("~/.local/lib/" + version + "/site-packages")]
print(sys.executable)
print("%d.%d.%d" % sys.version_info[:3])
print(os.pathsep.join(dict.fromkeys(paths)))
"""


def _describe(path: str, version: str, lookup: str) -> Dict[str, Any]:
    folders = lookup.split(os.pathsep)
    prefix = os.path.dirname(os.path.dirname(os.path.abspath(path)))
    folders += _base_folders(prefix, version)
    packages = {}  # type: Dict[str, str]
    cuda = None
    for folder in folders:
        for name, found in _packages(folder).items():
            packages.setdefault(name, found)
        cuda = cuda or _torch_cuda(folder)
    return {
        "path": path,
        "version": version,
        "packages": packages,
        "cuda": cuda,
        "conda": os.path.isdir(os.path.join(prefix, "conda-meta")),
        "venv": os.path.exists(os.path.join(prefix, "pyvenv.cfg")),
    }


def _base_folders(prefix: str, version: str) -> List[str]:
    """Where a venv that was made with --system-site-packages finds those."""
    config = _read(prefix + "/pyvenv.cfg")
    home = re.search(r"^home\s*=\s*(.+)$", config, re.M)
    if home is None or not re.search(r"include-system-site-packages\s*=\s*true", config, re.I):
        return []
    base, minor = os.path.dirname(home.group(1).strip()), ".".join(version.split(".")[:2])
    return [base + "/lib/python" + minor + "/site-packages", base + "/local/lib/python" + minor + "/dist-packages"]


def _packages(folder: str) -> Dict[str, str]:
    found = {}  # type: Dict[str, str]
    try:
        names = os.listdir(folder)
    except OSError:
        return found
    for name in names:
        match = re.match(r"([A-Za-z0-9_.]+)-([^-]+)\.(?:dist|egg)-info$", name)
        if match and match.group(1).lower() in PACKAGES:
            found[match.group(1).lower()] = match.group(2)
    return found


def _torch_cuda(folder: str) -> Optional[str]:
    found = re.search(r"^cuda\b[^=]*=\s*['\"]([\d.]+)['\"]", _read(folder + "/torch/version.py"), re.M)
    return found.group(1) if found else None


def main(options: Dict[str, str]) -> None:
    """Prints the facts as JSON. `options`: `root`, and `pythons` and `path`, both divided by colons."""
    pythons = [python for python in options.get("pythons", "").split(os.pathsep) if python]
    facts = collect(options.get("root") or "~/.lt-agent", pythons, options.get("path", ""))
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()
    # Not the usual end: it would wait for threads and children that may hang in a driver or on a dead disk.
    os._exit(0)


if __name__ == "__main__":
    main(dict(zip([word[2:] for word in sys.argv[1::2]], sys.argv[2::2])))
