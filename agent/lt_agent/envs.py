"""The interpreter that runs a job: the host's own as it is, or an environment that uv builds here, once.

`envs/<digest>/` is built in its place, under a lock, and marked by a `complete` file that is written last. It is not
built aside and renamed: a venv holds its own absolute path in scripts and in `pyvenv.cfg`, compiled packages may as
well, and `uv venv --relocatable` covers neither all of those nor the scripts that later installs write. A build that
was cut has no `complete` and is made anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Mapping, Optional

from .pip_settings import uv_variables
from .protocol.errors import LtError
from .protocol.files import write_json
from .protocol.paths import HostRoot
from .protocol.records import EnvPlan

OnEvent = Callable[..., None]

_CHECK_TIMEOUT = 60.0  # seconds for an interpreter to say who it is; a cold network disk takes some
_TAIL = 40  # lines of uv's output in an error
_FULL = ("no space left on device", "disk quota exceeded", "os error 28", "os error 122")


def ensure_environment(
    root: HostRoot,
    plan: EnvPlan,
    variables: Mapping[str, str],
    on_event: OnEvent,
    log: Optional[Path] = None,
) -> str:
    """The path of the interpreter that `plan` asks for; built first if it is not here.

    `variables` are the job's and host's environment variables (uv's index settings and proxies among them);
    `on_event(code, **params)` gets `env{state: waiting|building|built|cached|existing, …}`; what uv prints is appended
    to `log`. Several jobs that want the same environment wait for the one that builds it.

    Raises LtError `env_python_missing{python}`, `uv_missing{}`, `env_build_failed{tail, step}`, `disk_full{path}`.
    """
    environment = uv_variables({**os.environ, **variables})
    if plan.kind == "existing":
        python = _existing(plan.python, environment)
        on_event("env", state="existing", python=python)
        return python
    folder = Path(os.path.abspath(root.envs / plan.digest))
    if not plan.digest or plan.digest != os.path.basename(plan.digest) or plan.digest.startswith("."):
        raise LtError("bad_name", name=plan.digest)
    python = str(folder / "bin" / "python")
    if _is_complete(folder):
        on_event("env", state="cached", digest=plan.digest, python=python)
        return python
    os.makedirs(root.envs, mode=0o700, exist_ok=True)
    with _locked(root.envs / f".{plan.digest}.lock", lambda: on_event("env", state="waiting")):
        if _is_complete(folder):
            on_event("env", state="cached", digest=plan.digest, python=python)
            return python
        began = time.monotonic()
        on_event("env", state="building", digest=plan.digest, packages=len(plan.packages))
        _build(root, plan, folder, environment, log)
        write_json(folder / "complete", {"plan": plan.reason, "created_at": time.time()})
        seconds = round(time.monotonic() - began, 1)
        on_event("env", state="built", digest=plan.digest, python=python, seconds=seconds)
    return python


def find_uv(root: HostRoot, environment: Mapping[str, str]) -> str:
    """uv's path: the one pushed to `root/tools`, or the host's. Raises LtError `uv_missing`."""
    pushed = root.tools / "uv"
    if os.access(pushed, os.X_OK):
        return str(pushed)
    home = os.path.expanduser("~")
    search = os.pathsep.join([environment.get("PATH", os.defpath), home + "/.local/bin", home + "/.cargo/bin"])
    found = shutil.which("uv", path=search)
    if found is None:
        raise LtError("uv_missing")
    return found


def _existing(python: str, environment: Mapping[str, str]) -> str:
    path = shutil.which(os.path.expanduser(python), path=environment.get("PATH", os.defpath))
    if path is None:
        raise LtError("env_python_missing", python=python)
    # As the job will see it: a link is kept, for a venv is known by the name it is called by.
    path = os.path.abspath(path)
    try:
        done = subprocess.run(
            [path, "-c", "import sys; print(sys.version_info[0])"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            timeout=_CHECK_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LtError("env_python_missing", python=python, problem=str(error)) from None
    if done.returncode != 0 or done.stdout.strip() != b"3":
        problem = done.stdout.decode("utf-8", "replace")[-300:].strip()
        raise LtError("env_python_missing", python=python, problem=problem)
    return path


def _is_complete(folder: Path) -> bool:
    # The interpreter it stands on may have been removed from the host since.
    return (folder / "complete").is_file() and os.access(folder / "bin" / "python", os.X_OK)


def _build(root: HostRoot, plan: EnvPlan, folder: Path, environment: Dict[str, str], log: Optional[Path]) -> None:
    uv = find_uv(root, environment)
    shutil.rmtree(folder, ignore_errors=True)
    # The cache beside the environments: on the same disk uv links files instead of copying gigabytes.
    environment.setdefault("UV_CACHE_DIR", str(root.envs / ".uv-cache"))
    environment.setdefault("UV_PYTHON_INSTALL_DIR", str(root.envs / ".pythons"))
    environment.pop("VIRTUAL_ENV", None)
    environment.pop("CONDA_PREFIX", None)
    environment["UV_NO_PROGRESS"] = "1"
    options = list(plan.options)
    only_venv = [option for option in options if option in ("--offline", "--no-python-downloads")]
    base = [uv, "venv", "--no-project", *only_venv]
    if plan.kind == "overlay":
        python = _existing(plan.python, environment)
        below = _packages_of_venv(python, environment)
        share = [] if below else ["--system-site-packages"]
        _uv("venv", [*base, *share, "--python", python, str(folder)], environment, log)
        _lay_over(folder, below)
    else:
        wanted = plan.python_version or _existing(plan.python, environment)
        _uv("venv", [*base, "--python", wanted, str(folder)], environment, log)
    if plan.packages:
        requirements = folder / "requirements.txt"
        requirements.write_text("".join(line + "\n" for line in plan.packages), encoding="utf-8")
        backend = ["--torch-backend", plan.torch_backend] if plan.torch_backend else []
        install = [uv, "pip", "install", "--python", str(folder / "bin" / "python")]
        _uv("install", [*install, *backend, *options, "-r", str(requirements)], environment, log)
    _check(folder / "bin" / "python")


def _packages_of_venv(python: str, environment: Mapping[str, str]) -> List[str]:
    """The package folders of an interpreter that is a venv itself; none for any other.

    A venv made from a venv stands on the interpreter below both, and would see none of the first one's packages.
    """
    code = (
        "import json, sys; own = sys.prefix != sys.base_prefix; "
        "print(json.dumps([p for p in sys.path if own and p.endswith(('site-packages', 'dist-packages'))]))"
    )
    done = subprocess.run(
        [python, "-E", "-c", code],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=dict(environment),
        timeout=_CHECK_TIMEOUT,
        check=False,
    )
    try:
        found = json.loads(done.stdout)
    except ValueError:
        return []
    return [str(path) for path in found]


def _lay_over(folder: Path, below: List[str]) -> None:
    """Has the environment see these package folders after its own, with the .pth files that lie in them."""
    if not below:
        return
    lines = "".join(f"import site; site.addsitedir({path!r})\n" for path in below)
    for own in folder.glob("lib/python3*/site-packages"):
        (own / "_below.pth").write_text(lines, encoding="utf-8")


def _check(python: Path) -> None:
    done = subprocess.run(
        [str(python), "-c", "import sys"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_CHECK_TIMEOUT,
        check=False,
    )
    if done.returncode != 0:
        raise LtError("env_build_failed", step="check", tail=done.stdout.decode("utf-8", "replace")[-2000:])


def _uv(step: str, argv: List[str], environment: Mapping[str, str], log: Optional[Path]) -> None:
    """Runs uv, each line to the log as it comes: a build of minutes is watched like a training."""
    tail: List[str] = []
    with contextlib.ExitStack() as stack:
        out = None
        if log is not None:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            out = stack.enter_context(open(os.open(log, flags, 0o600), "ab", buffering=0))
        try:
            # From the top folder: uv takes settings from a project that it is called in, and this is none.
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=dict(environment),
            )
        except OSError as error:
            raise LtError("env_build_failed", step=step, tail=str(error)) from None
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if out is not None:
                    with contextlib.suppress(OSError):
                        out.write(line)
                tail.append(line.decode("utf-8", "replace").rstrip())
                del tail[:-_TAIL]
        except BaseException:
            process.kill()
            raise
        finally:
            process.stdout.close()
            code = process.wait()
    if code != 0:
        text = "\n".join(tail)
        if any(word in text.lower() for word in _FULL):
            raise LtError("disk_full", path=argv[-1])
        raise LtError("env_build_failed", step=step, tail=text)


@contextlib.contextmanager
def _locked(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
