"""The end of a job's processes: the kernel's word where it is enough, a look at all processes where it is not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from lt_agent.protocol.paths import HostRoot
from lt_agent.protocol.ulid import new_ulid
from support.bridge_client import AGENT

# In a process of its own: it becomes the parent of orphans, and takes every child's end.
_PROGRAM = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
from lt_agent.crew import Crew
from lt_agent.protocol.paths import HostRoot
attempt = HostRoot(sys.argv[2]).attempt(sys.argv[3], 1)
crew = Crew(attempt)
looks = []
find_all = crew.find_all
crew.find_all = lambda: looks.append(1) or find_all()
crew.start_worker(sys.argv[4:], {**os.environ, "LT_JOB": attempt.job, "LT_ATTEMPT": "1"}, [])
while crew.status is None:
    crew.pause(1.0)
print(json.dumps([*crew.end_all(0.0), bool(looks)]))
"""


def _end_of(tmp_path: Path, *argv: str) -> list[object]:
    job = new_ulid()
    HostRoot(tmp_path).attempt(job, 1).code.mkdir(parents=True)
    command = [sys.executable, "-c", _PROGRAM, str(AGENT), str(tmp_path), job, *argv]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert isinstance(found, list)
    return found


def test_a_worker_that_leaves_no_child_is_known_to_leave_nothing(tmp_path: Path) -> None:
    assert _end_of(tmp_path, "sh", "-c", "sleep 0 & wait") == [0, 0, False]


def test_an_orphan_that_left_its_session_and_cleared_its_environment_is_found(tmp_path: Path) -> None:
    # setsid forks, and its parent ends: what sleeps has no marker, no group and no ancestor of the job's any more.
    assert _end_of(tmp_path, "env", "-i", "/bin/sh", "-c", "setsid -f sleep 600") == [1, 0, True]
