"""Stop means saved, then proved dead; pause frees the slot and resume goes on."""

from __future__ import annotations

import json
import os

from support.laptop import Laptop, job_processes
from support.sshd import SshHost
from support.wait import until

# The worker starts a child in a session of its own that ignores SIGTERM, and a grandchild that closes everything.
FAMILY = """\
import os, signal, subprocess, sys, time
deaf = "import signal as s, time; s.signal(s.SIGTERM, s.SIG_IGN); s.signal(s.SIGHUP, s.SIG_IGN); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", deaf], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 100)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    os._exit(0)
print("family", flush=True)
time.sleep(600)
"""


def test_stop_kills_grandchildren_that_ignore_sigterm(laptop: Laptop, box: SshHost) -> None:
    (laptop.work / "family.py").write_text(FAMILY)
    name = laptop.run("box", "python3", "family.py")
    until(lambda: b"family" in laptop.log(name), 30, "the family is there")
    job = laptop.job(name)
    until(lambda: len(job_processes(job["id"])) >= 3, 10, "three processes carry the marker")

    laptop.lt("stop", name)
    ended = laptop.wait_state(name, "cancelled", timeout=90)
    assert ended["reason"] == "stopped"
    assert job_processes(job["id"]) == []
    record = json.loads((box.root / "jobs" / job["id"] / "1" / "exit.json").read_text())
    assert record["survivors"] == 0 and "scan" in record["killed"]


def test_a_script_that_ends_by_itself_leaves_no_process_either(laptop: Laptop, box: SshHost) -> None:
    (laptop.work / "family.py").write_text(FAMILY.replace("flush=True)\ntime.sleep(600)", "flush=True)"))
    name = laptop.run("box", "python3", "family.py")
    laptop.lt("wait", name)
    assert job_processes(laptop.job(name)["id"]) == []


def test_a_script_may_save_in_the_grace_after_sigterm(laptop: Laptop, box: SshHost) -> None:
    (laptop.work / "polite.py").write_text(
        "import os, signal, sys, time\n"
        "def leave(*_):\n"
        "    os.makedirs('out', exist_ok=True)\n"
        "    open('out/state', 'w').write('saved')\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, leave)\nprint('ready', flush=True)\n"
        "while True:\n    time.sleep(0.05)\n"
    )
    name = laptop.run("box", "python3", "polite.py", options=["--pull", "out/**"])
    until(lambda: b"ready" in laptop.log(name), 30, "ready")
    laptop.lt("stop", name)
    laptop.wait_state(name, "cancelled")
    until(lambda: list((laptop.home / "runs" / name).rglob("state")), 30, "what it saved is home")


def test_a_waiting_job_is_stopped_before_it_starts(laptop: Laptop, box: SshHost) -> None:
    first = laptop.run("box", "sh", "-c", 'while [ ! -e "$HOME/gate" ]; do sleep 0.05; done')
    laptop.wait_state(first, "running")
    second = laptop.run("box", "sh", "-c", 'touch "$HOME/ran"')
    laptop.wait_state(second, "waiting")
    laptop.lt("stop", second)
    laptop.wait_state(second, "cancelled")
    (box.sshd.home / "gate").touch()
    laptop.lt("wait", first)
    assert not (box.sshd.home / "ran").exists()


def test_pause_frees_the_slot_and_resume_takes_it_again(laptop: Laptop, box: SshHost) -> None:
    script = '[ "$LT_ATTEMPT" = 2 ] && echo again || exec sleep 600'
    name = laptop.run("box", "sh", "-c", script)
    laptop.wait_state(name, "running")
    laptop.lt("pause", name)
    laptop.wait_state(name, "paused")
    other = laptop.run("box", "echo", "meanwhile")
    laptop.lt("wait", other)
    laptop.lt("resume", name)
    laptop.lt("wait", name)
    assert laptop.log(name) == b"again\n"
    assert os.path.isdir(box.root / "jobs" / laptop.job(name)["id"] / "2")


def test_stop_of_a_job_on_an_unreachable_host_is_carried_out_when_it_is_back(laptop: Laptop, box: SshHost) -> None:
    port = box.sshd.port
    name = laptop.run("box", "sleep", "600")
    job = laptop.wait_state(name, "running")
    box.sshd.stop()
    laptop.lt("stop", name, code=None)
    assert job_processes(job["id"])
    box.sshd.start(port)
    laptop.wait_state(name, "cancelled", timeout=120)
    assert job_processes(job["id"]) == []
