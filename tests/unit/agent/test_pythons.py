"""The agent runs on whatever Python a host has, from 3.9 on, without any package."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.agent_host import AGENT, make_bundle

SCRIPT = """
import json, os, sys, time
bundle, folder = sys.argv[1:]
sys.path.insert(0, bundle)
from pathlib import Path
from lt_agent.leases import write_slots
from lt_agent.protocol.files import read_json
from lt_agent.protocol.paths import HostRoot, LeaseDir
from lt_agent.protocol.records import JobSpec
from lt_agent.protocol.ulid import new_ulid
from lt_agent.start import start
from lt_agent.stopping import request_stop
root, lease = HostRoot(folder + "/root"), LeaseDir(folder + "/lease")
write_slots(lease, 2, [])
ends = []
for argv, outputs in ((("sh", "-c", "mkdir out; echo 1 > out/a"), ("out",)), (("sleep", "600"), ())):
    spec = JobSpec(new_ulid(), 1, "n", "o", "command", argv=argv, disk_floor=0, stop_grace=1, outputs=outputs)
    start(root, lease, spec, bundle)
    attempt = root.attempt(spec.job, 1)
    deadline = time.monotonic() + 200
    while not attempt.exit.exists() and time.monotonic() < deadline:
        if argv[0] == "sleep" and attempt.log.exists() and not attempt.stop_request.exists():
            time.sleep(4)  # old enough for the watch, which has no watchdog here
            request_stop(attempt, "stop")
        time.sleep(0.02)
    ends.append([read_json(attempt.exit), os.listdir(attempt.manifests)])
print(json.dumps(ends))
"""


def pythons() -> list[str]:
    """The interpreters of this machine that are not the one of the tests."""
    places = [shutil.which(f"python3.{minor}") for minor in range(9, 15)]
    places += [str(path) for path in sorted(Path.home().glob(".pyenv/versions/3.*/bin/python"))]
    found: dict[tuple[int, int], str] = {}
    for place in places:
        if place is None:
            continue
        shown = subprocess.run(
            [place, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True
        )
        if shown.returncode == 0 and shown.stdout.strip():
            major, minor = map(int, shown.stdout.split())
            if (major, minor) >= (3, 9) and (major, minor) != sys.version_info[:2]:
                found.setdefault((major, minor), place)
    return [found[key] for key in sorted(found)]


def test_every_python_of_this_machine_runs_a_job_and_stops_another(tmp_path: Path) -> None:
    """All at once: what takes time here is that a supervisor grows old enough for its watch."""
    found = pythons()
    if not found:
        pytest.skip("there is no other Python here")
    begun = []
    for number, python in enumerate(found):
        folder = tmp_path / str(number)
        bundle = make_bundle(folder / "agent", deps=False)
        command = [python, "-E", "-s", "-S", "-c", SCRIPT, str(bundle), str(folder)]
        begun.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    for number, (python, process) in enumerate(zip(found, begun, strict=True)):
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, (python, err)
        first, second = json.loads(out)
        assert (first[0]["state"], first[1]) == ("succeeded", ["files-1.json"]), python
        assert (second[0]["state"], second[0]["killed"]) == ("cancelled", ["request"]), python
        assert "Traceback" not in (tmp_path / str(number) / "lease" / "dispatcher.log").read_text(), python


def test_metrics_work_on_the_oldest_python_a_script_may_use() -> None:
    """`lt_metrics.py` is imported by the person's interpreter, not by ours."""
    vermin = Path(sys.executable).with_name("vermin")
    if not vermin.exists():
        pytest.skip("vermin is not installed")
    file = AGENT / "lt_agent" / "scriptlib" / "lt_metrics.py"
    shown = subprocess.run([str(vermin), "-t=3.6-", "--no-tips", str(file)], capture_output=True, text=True)
    assert shown.returncode == 0, shown.stdout
