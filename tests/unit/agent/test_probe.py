"""Facts of a host: right, complete, and in time whatever hangs there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lt_agent import probe
from support.bridge_client import AGENT, agent_argv

PROBE = tuple(AGENT / "lt_agent" / name for name in ("accelerators.py", "probe.py"))
OLDEST = [Path.home() / ".pyenv" / "versions" / version / "bin" / "python" for version in ("3.6.15", "3.9.18")]


def run_probe(
    tmp_path: Path, *options: str, python: str = sys.executable, path: str = "/usr/bin:/bin"
) -> dict[str, Any]:
    environment = {"PATH": path, "HOME": str(tmp_path)}
    done = subprocess.run(
        [python, "-", "--root", str(tmp_path / "not yet" / "here"), *options],
        input=b"\n".join(part.read_bytes() for part in PROBE),
        capture_output=True,
        env=environment,
        timeout=20,
        check=True,
    )
    facts = json.loads(done.stdout)
    assert isinstance(facts, dict)
    return facts


def program(folder: Path, name: str, body: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n" + body)
    path.chmod(0o755)
    return path


def fake_site(prefix: Path, version: str, **packages: str) -> None:
    site = prefix / "lib" / f"python{version}" / "site-packages"
    site.mkdir(parents=True)
    for name, number in packages.items():
        (site / f"{name}-{number}.dist-info").mkdir()
    (site / "torch").mkdir()
    (site / "torch" / "version.py").write_text("__version__ = '2.9.0+cu128'\ncuda: Optional[str] = '12.8'\n")


def test_piped_into_a_bare_python_it_tells_the_essentials(tmp_path: Path) -> None:
    facts = run_probe(tmp_path)
    assert abs(facts["time"] - time.time()) < 10
    assert facts["root"] == str(tmp_path / "not yet" / "here")
    assert facts["disks"]["root"]["path"] == str(tmp_path)
    assert 0 < facts["disks"]["root"]["free"] <= facts["disks"]["root"]["total"]
    assert facts["disks"]["root"]["filesystem"]
    assert facts["cpu"]["count"] >= 1 and facts["memory"]["total"] > 1 << 20
    assert facts["uid"] == os.getuid() and facts["machine"] == os.uname().machine
    assert facts["boot_id"] and facts["libc"]
    assert facts["gpus"] == [] and facts["cuda"] is None and facts["nvidia_smi"] == "absent"
    assert facts["rsync"] is None or facts["rsync"][0].isdigit()


@pytest.mark.parametrize("python", OLDEST, ids=lambda path: path.parts[-3])
def test_old_pythons_run_it(tmp_path: Path, python: Path) -> None:
    if not python.exists():
        pytest.skip("not installed here")
    assert run_probe(tmp_path, python=str(python))["python"]["path"] == str(python)


def test_the_agents_command_prints_the_same(tmp_path: Path) -> None:
    done = subprocess.run(agent_argv("facts", "--root", str(tmp_path)), capture_output=True, timeout=20, check=True)
    assert set(json.loads(done.stdout)) == set(run_probe(tmp_path))


def test_a_hanging_nvidia_smi_costs_at_most_two_seconds(tmp_path: Path) -> None:
    program(tmp_path / "bin", "nvidia-smi", "sleep 60\n")
    began = time.monotonic()
    facts = run_probe(tmp_path, path=f"{tmp_path}/bin:/usr/bin:/bin")
    assert time.monotonic() - began < 45  # it would sleep for 60
    assert facts["nvidia_smi"] == "fails" and facts["gpus"] == []
    assert facts["disks"]["root"]["free"] > 0


def test_gpus_are_read_from_nvidia_smi(tmp_path: Path) -> None:
    row = "0, GPU-1a, NVIDIA H100 80GB HBM3, 81559, 81000, 570.86.10, 3"
    banner = "| NVIDIA-SMI 570.86.10   Driver Version: 570.86.10   CUDA Version: 12.8  |"
    body = f'case "$1" in --query*) echo "{row}";; *) echo "{banner}";; esac\n'
    program(tmp_path / "bin", "nvidia-smi", body)
    facts = run_probe(tmp_path, path=f"{tmp_path}/bin:/usr/bin:/bin")
    (gpu,) = facts["gpus"]
    assert gpu == {
        "index": 0,
        "uuid": "GPU-1a",
        "name": "NVIDIA H100 80GB HBM3",
        "memory_total": 81559 << 20,
        "memory_free": 81000 << 20,
        "driver": "570.86.10",
        "util": 3,
    }
    assert (facts["cuda"], facts["driver"], facts["nvidia_smi"]) == ("12.8", "570.86.10", "works")


def test_odd_gpu_lines_are_understood_or_passed_over() -> None:
    text = "0, GPU-1, A, B, 10, 5, 535.1, [N/A]\nUnable to determine\n1, GPU-2, GB10, [N/A], [N/A], 580.2, 0\n"
    first, second = probe.parse_gpus(text)
    assert (first["name"], first["memory_total"], first["util"]) == ("A, B", 10 << 20, None)
    assert (second["name"], second["memory_total"]) == ("GB10", None)
    assert probe.parse_cuda("CUDA UMD Version: 13.1") == "13.1"
    assert probe.parse_cuda("no driver") is None


def test_interpreters_are_found_with_their_packages(tmp_path: Path) -> None:
    version = "{}.{}".format(*sys.version_info)
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    site = venv / "lib" / f"python{version}" / "site-packages"
    site.rmdir()
    fake_site(venv, version, torch="2.9.0+cu128", transformers="5.23.0", numpy="2.0")
    facts = run_probe(tmp_path)
    (found,) = [python for python in facts["pythons"] if python["path"] == str(venv / "bin" / "python")]
    assert found["packages"] == {"torch": "2.9.0+cu128", "transformers": "5.23.0"}
    assert found["cuda"] == "12.8" and found["venv"] and not found["conda"]
    assert found["version"].startswith(version)


def test_an_overlay_venv_shows_the_packages_below_it(tmp_path: Path) -> None:
    version = "{}.{}".format(*sys.version_info)
    venv, base = tmp_path / "over", tmp_path / "base"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    fake_site(base, version, torch="2.9.0")
    (venv / "pyvenv.cfg").write_text(f"home = {base}/bin\ninclude-system-site-packages = true\nversion = {version}\n")
    facts = run_probe(tmp_path, "--pythons", str(venv / "bin" / "python"))
    (found,) = [python for python in facts["pythons"] if python["path"] == str(venv / "bin" / "python")]
    assert found["packages"] == {"torch": "2.9.0"}


def test_a_hanging_interpreter_is_left_out(tmp_path: Path) -> None:
    hanging = program(tmp_path / "bin", "python3", "sleep 60\n")
    began = time.monotonic()
    facts = run_probe(tmp_path, "--pythons", f"{hanging}:/no/such/python")
    assert time.monotonic() - began < 45  # it would sleep for 60
    assert str(hanging) not in [python["path"] for python in facts["pythons"]]


def test_two_names_of_one_interpreter_are_one(tmp_path: Path) -> None:
    real = os.path.realpath(sys.executable)
    names = []
    for number in range(3):
        name = tmp_path / f"python-{number}"
        name.symlink_to(real)
        names.append(str(name))
    facts = run_probe(tmp_path, "--pythons", ":".join(names))
    assert len([python for python in facts["pythons"] if os.path.realpath(python["path"]) == real]) == 1


def test_uv_that_was_pushed_is_preferred(tmp_path: Path) -> None:
    root = tmp_path / "not yet" / "here"
    root.mkdir(parents=True)
    program(root / "tools", "uv", "echo uv 0.13.9\n")
    assert run_probe(tmp_path)["uv"] == {"path": str(root / "tools" / "uv"), "version": "0.13.9"}
