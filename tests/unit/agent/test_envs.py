"""Environments: uv builds one once, from a wheelhouse made on the spot, and a cut build is made anew."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lt_agent import envs
from lt_agent.pip_settings import uv_variables
from lt_agent.protocol.errors import LtError
from lt_agent.protocol.paths import HostRoot
from lt_agent.protocol.records import EnvPlan
from support.wait import until

OFFLINE = ("--offline", "--no-index")


def find_uv() -> str | None:
    beside = Path(sys.executable).parent / "uv"
    return str(beside) if beside.exists() else shutil.which("uv")


needs_uv = pytest.mark.skipif(find_uv() is None, reason="uv is not installed here")


@pytest.fixture
def root(tmp_path: Path) -> HostRoot:
    root = HostRoot(tmp_path / "ro'ot dir")
    uv = find_uv()
    if uv is not None:
        root.tools.mkdir(parents=True)
        (root.tools / "uv").symlink_to(uv)
    return root


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    make_wheel(folder, "tinypkg", "1.0")
    make_wheel(folder, "tinypkg", "2.0")
    return folder


def make_wheel(folder: Path, name: str, version: str) -> None:
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"version = {version!r}\ndef main(): print('tiny', version)\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name}={name}:main\n",
    }
    record = "".join(f"{path},{digest(text)},{len(text)}\n" for path, text in files.items())
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
        wheel.writestr(f"{info}/RECORD", record + f"{info}/RECORD,,\n")


def digest(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


class Told:
    """Collects the events."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def __call__(self, code: str, **params: Any) -> None:
        assert code == "env"
        self.events.append(params)

    @property
    def states(self) -> list[str]:
        return [event["state"] for event in self.events]


def plan(kind: str = "locked", digest: str = "e1", packages: tuple[str, ...] = ("tinypkg==1.0",)) -> EnvPlan:
    return EnvPlan(kind, python=sys.executable, digest=digest, packages=packages, options=OFFLINE)


def run(python: str, code: str) -> str:
    return subprocess.run([python, "-c", code], capture_output=True, check=True, text=True).stdout.strip()


@needs_uv
def test_a_locked_environment_is_built_once_and_found_again(root: HostRoot, wheels: Path) -> None:
    told = Told()
    variables = {"UV_FIND_LINKS": str(wheels)}
    python = envs.ensure_environment(root, plan(), variables, told)
    assert python == str(root.envs / "e1" / "bin" / "python")
    assert run(python, "import tinypkg; print(tinypkg.version)") == "1.0"
    script = root.envs / "e1" / "bin" / "tinypkg"
    assert subprocess.run([script], capture_output=True, check=True, text=True).stdout.strip() == "tiny 1.0"
    assert envs.ensure_environment(root, plan(), {}, told) == python
    assert told.states == ["building", "built", "cached"]


@needs_uv
def test_an_overlay_sees_the_packages_below_it(root: HostRoot, wheels: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(base)], check=True)
    below = Path(run(str(base / "bin" / "python"), "import sysconfig; print(sysconfig.get_path('purelib'))"))
    (below / "heavy.py").write_text("size = 'large'\n")
    wanted = EnvPlan(
        "overlay", python=str(base / "bin" / "python"), digest="o1", packages=("tinypkg==2.0",), options=OFFLINE
    )
    python = envs.ensure_environment(root, wanted, {"UV_FIND_LINKS": str(wheels)}, Told())
    assert run(python, "import tinypkg, heavy; print(tinypkg.version, heavy.size)") == "2.0 large"


@needs_uv
def test_what_uv_says_is_in_the_log_and_in_the_error(root: HostRoot, wheels: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"before\n")
    with pytest.raises(LtError) as caught:
        wanted = plan(packages=("no-such-package==9",))
        envs.ensure_environment(root, wanted, {"UV_FIND_LINKS": str(wheels)}, Told(), log)
    assert caught.value.code == "env_build_failed"
    assert caught.value.params["step"] == "install"
    assert "no-such-package" in caught.value.params["tail"]
    assert log.read_bytes().startswith(b"before\n") and b"no-such-package" in log.read_bytes()
    assert not (root.envs / "e1" / "complete").exists()


@needs_uv
def test_a_cut_build_is_made_anew(root: HostRoot, wheels: Path) -> None:
    leftover = root.envs / "e1" / "bin"
    leftover.mkdir(parents=True)
    (leftover / "python").write_text("#!/bin/false\n")
    (leftover / "python").chmod(0o755)
    told = Told()
    python = envs.ensure_environment(root, plan(), {"UV_FIND_LINKS": str(wheels)}, told)
    assert run(python, "import tinypkg; print(tinypkg.version)") == "1.0"
    assert told.states == ["building", "built"]


@needs_uv
def test_jobs_that_want_the_same_environment_build_it_once(root: HostRoot, wheels: Path) -> None:
    told = [Told() for _ in range(3)]
    pythons: list[str] = []

    def want(number: int) -> None:
        pythons.append(envs.ensure_environment(root, plan(), {"UV_FIND_LINKS": str(wheels)}, told[number]))

    threads = [threading.Thread(target=want, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(pythons)) == 1 and len(pythons) == 3
    assert sorted(state for each in told for state in each.states if state != "waiting") == [
        "building",
        "built",
        "cached",
        "cached",
    ]


def test_who_waits_for_a_build_is_told(root: HostRoot) -> None:
    root.envs.mkdir(parents=True)
    told = Told()
    with open(root.envs / ".e1.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiter = threading.Thread(target=lambda: envs.ensure_environment(root, plan(), {}, told))
        waiter.start()
        until(lambda: told.states == ["waiting"], what="the waiting event")
        (root.envs / "e1" / "bin").mkdir(parents=True)
        (root.envs / "e1" / "bin" / "python").symlink_to(sys.executable)
        (root.envs / "e1" / "complete").write_text("{}")
    waiter.join(20)
    assert told.states == ["waiting", "cached"]


@needs_uv
def test_pips_settings_on_the_host_are_said_to_uv(root: HostRoot, wheels: Path) -> None:
    python = envs.ensure_environment(root, plan(), {"PIP_FIND_LINKS": str(wheels), "PIP_NO_INDEX": "1"}, Told())
    assert run(python, "import tinypkg; print(tinypkg.version)") == "1.0"


def test_uvs_own_settings_win_over_pips() -> None:
    found = uv_variables(
        {"PIP_INDEX_URL": "https://pip", "UV_INDEX_URL": "https://uv", "PIP_FIND_LINKS": "/a /b", "X": "1"}, []
    )
    assert "UV_DEFAULT_INDEX" not in found
    assert (found["UV_FIND_LINKS"], found["X"]) == ("/a,/b", "1")
    assert uv_variables({"PIP_INDEX_URL": "https://pip"}, [])["UV_DEFAULT_INDEX"] == "https://pip"


def test_further_indexes_of_pip_are_as_equal_to_uv_as_they_are_to_pip() -> None:
    said = uv_variables({"PIP_EXTRA_INDEX_URL": "https://a https://b"}, [])
    assert (said["UV_INDEX"], said["UV_INDEX_STRATEGY"]) == ("https://a https://b", "unsafe-best-match")
    assert "UV_INDEX_STRATEGY" not in uv_variables({"UV_INDEX": "https://mine"}, [])


def test_the_mirror_in_a_hosts_pip_conf_is_used(tmp_path: Path) -> None:
    general, own = tmp_path / "general.conf", tmp_path / "own.conf"
    general.write_text("[global]\nindex-url = https://far/simple\ntimeout = 60\n[install]\nno-index = true\n")
    own.write_text(
        "[global]\nindex-url = https://mirror/simple\ntrusted-host = mirror\nfind-links =\n    /a b\n    /c\n"
    )
    broken = tmp_path / "broken.conf"
    broken.write_text("no section\n")
    found = uv_variables({"PIP_NO_INDEX": "0"}, [general, own, broken, tmp_path / "absent"])
    assert found == {
        "PIP_NO_INDEX": "0",
        "UV_DEFAULT_INDEX": "https://mirror/simple",
        "UV_HTTP_TIMEOUT": "60",
        "UV_INSECURE_HOST": "mirror",
        "UV_FIND_LINKS": "/a,b,/c",
        "UV_NO_INDEX": "0",
    }


def test_pips_files_are_looked_for_where_pip_does(tmp_path: Path) -> None:
    config = tmp_path / ".config" / "pip" / "pip.conf"
    config.parent.mkdir(parents=True)
    config.write_text("[global]\nindex-url = https://mirror/simple\n")
    environment = {"HOME": str(tmp_path)}
    assert uv_variables(environment)["UV_DEFAULT_INDEX"] == "https://mirror/simple"
    assert uv_variables({**environment, "PIP_CONFIG_FILE": os.devnull}).get("UV_DEFAULT_INDEX") is None
    (tmp_path / ".config" / "uv").mkdir()
    (tmp_path / ".config" / "uv" / "uv.toml").write_text("")
    assert "UV_DEFAULT_INDEX" not in uv_variables(environment)


def test_an_existing_interpreter_is_taken_as_it_is(root: HostRoot, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    python = str(venv / "bin" / "python")
    told = Told()
    assert envs.ensure_environment(root, EnvPlan("existing", python=python), {}, told) == python
    assert told.states == ["existing"]
    found = envs.ensure_environment(root, EnvPlan("existing", python="python3"), {"PATH": str(venv / "bin")}, told)
    assert found == str(venv / "bin" / "python3")


@pytest.mark.parametrize("body", [None, "exit 1", "echo 2"], ids=["absent", "broken", "python 2"])
def test_an_interpreter_that_does_not_run_is_named(root: HostRoot, tmp_path: Path, body: str | None) -> None:
    python = tmp_path / "python"
    if body is not None:
        python.write_text(f"#!/bin/sh\n{body}\n")
        python.chmod(0o755)
    with pytest.raises(LtError) as caught:
        envs.ensure_environment(root, EnvPlan("existing", python=str(python)), {}, Told())
    assert (caught.value.code, caught.value.params["python"]) == ("env_python_missing", str(python))


def test_without_uv_it_says_so(root: HostRoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root.tools / "uv").unlink(missing_ok=True)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(LtError) as caught:
        envs.ensure_environment(root, plan(), {"PATH": str(tmp_path)}, Told())
    assert caught.value.code == "uv_missing"


def test_a_full_disk_is_called_that(root: HostRoot) -> None:
    root.tools.mkdir(parents=True, exist_ok=True)
    (root.tools / "uv").unlink(missing_ok=True)
    (root.tools / "uv").write_text("#!/bin/sh\necho 'error: No space left on device (os error 28)'; exit 2\n")
    (root.tools / "uv").chmod(0o755)
    with pytest.raises(LtError) as caught:
        envs.ensure_environment(root, plan(), {}, Told())
    assert caught.value.code == "disk_full"


@pytest.mark.parametrize("digest", ["", "../x", ".hidden"])
def test_a_digest_that_is_no_name_is_refused(root: HostRoot, digest: str) -> None:
    with pytest.raises(LtError) as caught:
        envs.ensure_environment(root, plan(digest=digest), {}, Told())
    assert caught.value.code == "bad_name"


@needs_uv
def test_a_builder_that_is_killed_leaves_no_environment_and_no_lock(root: HostRoot, wheels: Path) -> None:
    real = (root.tools / "uv").resolve()
    (root.tools / "uv").unlink()
    (root.tools / "uv").write_text('#!/bin/sh\n[ "$1" = pip ] && exec sleep 60\nexec "$REAL_UV" "$@"\n')
    (root.tools / "uv").chmod(0o755)
    code = (
        "import sys\nfrom lt_agent import envs\nfrom lt_agent.protocol.paths import HostRoot\n"
        "from lt_agent.protocol.records import EnvPlan\n"
        "plan = EnvPlan('locked', python=sys.executable, digest='e1', packages=('tinypkg==1.0',))\n"
        "envs.ensure_environment(HostRoot(sys.argv[1]), plan, {'REAL_UV': sys.argv[2]}, lambda *a, **k: None)\n"
    )
    builder = subprocess.Popen([sys.executable, "-c", code, str(root.path), str(real)], start_new_session=True)
    until(lambda: (root.envs / "e1" / "requirements.txt").exists(), what="the install to begin")
    os.killpg(builder.pid, 9)
    builder.wait()
    (root.tools / "uv").unlink()
    (root.tools / "uv").symlink_to(real)
    began = time.monotonic()
    python = envs.ensure_environment(root, plan(), {"UV_FIND_LINKS": str(wheels)}, Told())
    assert time.monotonic() - began < 30
    assert run(python, "import tinypkg; print(tinypkg.version)") == "1.0"
