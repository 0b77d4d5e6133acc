"""Several users of one box share the leases: each one's dispatcher starts its own jobs, and trusts no other's word."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import lt_agent
from lt_agent import leases, tickets, waiting
from lt_agent.machine import machine_id, open_lease_dir
from lt_agent.protocol.errors import LtError
from lt_agent.protocol.paths import LeaseDir
from lt_agent.start import start
from lt_agent.waiting import Queue, read_board
from support.agent_host import AgentHost, ended, gone, log, running
from support.wait import until

OTHER = 54321  # a uid and gid that nobody has; the kernel asks no list of names
LAB = 54322
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="becoming another user takes root")


@pytest.fixture
def shared() -> Iterator[AgentHost]:
    """A host whose lease folder is a lab's: sticky, its group may write, and this user is in the group.

    Not in pytest's own folder, which is closed to other users.
    """
    folder = Path(tempfile.mkdtemp(prefix="lab-"))
    if not all(parent.stat().st_mode & 0o001 for parent in folder.parents):
        shutil.rmtree(folder)
        pytest.skip(f"other users can't reach {folder}")
    lab = folder / "lease"
    lab.mkdir()
    before = os.getgroups()
    if os.getuid() == 0:
        os.setgroups([*before, LAB])
        os.chown(lab, 0, LAB)
    lab.chmod(0o3770)
    folder.chmod(0o755)
    made = AgentHost(folder)
    yield made
    made.close()
    if os.getuid() == 0:
        os.setgroups(before)
    shutil.rmtree(folder, ignore_errors=True)


def as_other(work: Callable[[], None]) -> int:
    """Does `work` in a process of another user of the lab; the process, which ends by itself or by `close`."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setgroups([LAB])
        os.setgid(OTHER)
        os.setuid(OTHER)
        os.environ["HOME"] = "/"
        work()
    except BaseException as error:
        sys.stderr.write(f"{error!r}\n")
        os._exit(1)
    os._exit(0)


def joined(pid: int) -> int:
    """The exit code of a process started by `as_other`."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_the_parts_of_a_shared_folder_are_each_users_own(shared: AgentHost) -> None:
    lease = shared.lease
    assert lease.shared and lease.tickets == lease.path / "users" / str(os.getuid()) / "tickets"
    ended(shared.start("true"))
    assert stat.S_IMODE(lease.leases.stat().st_mode) == stat.S_IMODE(lease.users.stat().st_mode) == 0o3770
    assert stat.S_IMODE(lease.own.stat().st_mode) == 0o2750
    assert stat.S_IMODE((lease.leases / "slot-0").stat().st_mode) == 0o660
    assert lease.alive.exists()


def test_a_shared_folder_that_anyone_may_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab").chmod(0o3777)
    with pytest.raises(LtError, match="others may write"):
        open_lease_dir(LeaseDir(tmp_path / "lab"))


@needs_root
def test_a_shared_folder_of_a_group_that_one_is_not_in_is_refused(tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    lab.mkdir()
    os.chown(lab, OTHER, LAB)
    lab.chmod(0o3770)
    with pytest.raises(LtError, match="not in its group"):
        open_lease_dir(LeaseDir(lab))


def test_where_the_users_own_folder_would_be_nobody_elses_is_taken_for_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own").chmod(0o3770)
    monkeypatch.setattr(LeaseDir, "usual", staticmethod(lambda: tmp_path / "own"))
    open_lease_dir(LeaseDir(tmp_path / "own"))
    if os.getuid() == 0:
        os.chown(tmp_path / "own", OTHER, 0)
        with pytest.raises(LtError, match=str(OTHER)):
            open_lease_dir(LeaseDir(tmp_path / "own"))


THEIR_JOBS = """
import json, os, sys, time
from pathlib import Path
agent, folder, lease, script = sys.argv[1:]
sys.path.insert(0, agent)
from lt_agent import leases
from lt_agent.protocol.paths import HostRoot, LeaseDir
from lt_agent.protocol.records import JobSpec
from lt_agent.protocol.ulid import new_ulid
from lt_agent.start import start
os.umask(0o077)
root, lease = HostRoot(folder + "/root"), LeaseDir(lease)
bundle = Path(folder) / "agent"
bundle.mkdir()
(bundle / "__main__.py").write_text("import sys\\nfrom lt_agent.cli import main\\nsys.exit(main(sys.argv[1:]))\\n")
(bundle / "lt_agent").symlink_to(agent + "/lt_agent")
leases.write_slots(lease, 2, [])
jobs = [new_ulid() for _ in range(4)]
for job in jobs:
    start(root, lease, JobSpec(job, 1, "a", "b", "command", argv=(sys.executable, "-c", script), disk_floor=0), bundle)
ends = [root.attempt(job, 1).exit for job in jobs]
while not all(end.exists() for end in ends):
    time.sleep(0.02)
print([json.loads(end.read_text())["exit_code"] for end in ends])
"""


@needs_root
def test_two_users_never_run_more_than_there_is_room_for(shared: AgentHost) -> None:
    """Both queue more than fits; each job of either finds one of two rooms empty, or fails."""
    agent = Path(lt_agent.__file__).resolve().parents[1]
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if python is None or not all(path.stat().st_mode & 0o001 for path in agent.parents):
        pytest.skip("another user has no Python here, or can't read this checkout")
    folder = shared.root.path.parent
    rooms, theirs = folder / "rooms", folder / "theirs"
    rooms.mkdir()
    theirs.mkdir()
    os.chown(theirs, OTHER, OTHER)
    for number in range(2):
        (rooms / f"r{number}").touch()
        (rooms / f"r{number}").chmod(0o666)
    rooms.chmod(0o777)
    script = (
        "import fcntl, os, sys, time\n"
        f"fds = [os.open({str(rooms)!r} + f'/r{{i}}', os.O_RDWR) for i in range(2)]\n"
        "for fd in fds:\n"
        " try:\n  fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB); time.sleep(0.1); sys.exit(0)\n"
        " except OSError: pass\n"
        "sys.exit(1)\n"
    )
    other = subprocess.Popen(
        [python, "-c", THEIR_JOBS, str(agent), str(theirs), str(shared.lease.path), script],
        user=OTHER,
        group=OTHER,
        extra_groups=[LAB],
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "HOME": "/", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    mine = [shared.python(script) for _ in range(4)]
    assert [ended(attempt, 60)["exit_code"] for attempt in mine] == [0] * 4
    assert other.communicate(timeout=120)[0].strip() == "[0, 0, 0, 0]"


@needs_root
def test_another_users_tickets_count_in_the_line_while_its_dispatcher_lives(
    shared: AgentHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lt_agent.start.ensure_dispatcher", lambda *_: None)
    their_ticket(shared.lease, {"gpus": 2})
    queue = Queue(shared.lease, shared.root.path)
    time.sleep(0.01)
    start(shared.root, shared.lease, shared.spec("true"), shared.bundle)
    verdicts = queue.look(queue.tickets())
    assert [(v.wish.user, v.starts, v.place) for v in verdicts] == [(OTHER, True, None), (os.getuid(), False, 1)]
    monkeypatch.setattr(tickets, "_ALIVE", -1.0)
    assert [v.starts for v in queue.look(queue.tickets())] == [True], "nobody serves it any more"


@needs_root
def test_who_does_not_take_what_is_his_turn_is_passed_over(shared: AgentHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lt_agent.start.ensure_dispatcher", lambda *_: None)
    monkeypatch.setattr(waiting, "YIELD", 0.05)
    their_ticket(shared.lease, {"gpus": 2})
    time.sleep(0.01)
    start(shared.root, shared.lease, shared.spec("true"), shared.bundle)
    queue = Queue(shared.lease, shared.root.path)
    mine = os.getuid()
    until(lambda: any(v.starts and v.wish.user == mine for v in queue.look(queue.tickets())))


@needs_root
@pytest.mark.parametrize(
    "text",
    [
        "",
        "{]",
        "[" * 9000,
        "null",
        "7",
        json.dumps({"gpus": 10**30, "priority": 10**9, "cpus": -5, "root": "/", "agent": "/bin/sh"}),
        json.dumps({"gpus": "all", "not_before": [], "again": "x"}),
        "x" * 200_000,
    ],
)
def test_a_hostile_ticket_breaks_nobody_elses_dispatcher(shared: AgentHost, text: str) -> None:
    """And nothing of it is ever started: only a user's own folder names what to run."""
    their_ticket(shared.lease, text)
    attempt = shared.start("echo", "served")
    assert ended(attempt, 60)["state"] == "succeeded" and log(attempt) == "served\n"


@needs_root
def test_links_pipes_and_folders_among_the_leases_and_tickets_hang_nobody(shared: AgentHost) -> None:
    folder = their_ticket(shared.lease, {"gpus": 0}).parent

    def litter() -> None:
        os.umask(0)
        os.mkfifo(folder / "00000000000000000001-pipe-1.json")
        os.symlink("/dev/zero", folder / "00000000000000000002-link-1.json")
        os.mkdir(folder / "00000000000000000003-folder-1.json")
        os.symlink("/etc/passwd", shared.lease.leases / "slot-0")
        os.mkfifo(shared.lease.leases / "slot-7")
        os.symlink("/dev/zero", shared.lease.users / "777")

    assert joined(as_other(litter)) == 0
    attempt = shared.start("true")
    assert ended(attempt, 60)["state"] == "succeeded", "one slot is lost, the other serves"
    assert "root" in Path("/etc/passwd").read_text()


@needs_root
def test_a_machine_id_that_is_a_link_or_a_pipe_is_refused(shared: AgentHost, tmp_path: Path) -> None:
    open_lease_dir(shared.lease)
    (tmp_path / "private").write_text("a secret of mine")
    for make in (lambda path: os.symlink(tmp_path / "private", path), os.mkfifo):
        shared.lease.machine.unlink(missing_ok=True)
        make(shared.lease.machine)
        with pytest.raises(LtError, match="lease_dir_unsafe"):
            machine_id(shared.lease)


def test_a_lease_of_another_user_is_respected_and_freed_by_its_death(shared: AgentHost) -> None:
    """With SIGKILL: nobody has time to clean up."""
    hear, tell = os.pipe()

    def hold() -> None:
        grant = leases.try_take(LeaseDir(shared.lease.path), 2, 2)
        os.write(tell, b"y" if grant is not None else b"n")
        time.sleep(600)

    pid = as_other(hold)
    assert os.read(hear, 1) == b"y"
    attempt = shared.start("true")
    until(lambda: read_board(shared.lease).get(f"{attempt.job}-1"))
    assert read_board(shared.lease)[f"{attempt.job}-1"][1] == "slot"
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert gone(pid)
    assert ended(attempt)["state"] == "succeeded"
    for fd in (hear, tell):
        os.close(fd)


def their_ticket(lease: LeaseDir, value: object) -> Path:
    """A ticket that another user has put into the folder, and a sign of life beside it."""
    open_lease_dir(lease)
    text = value if isinstance(value, str) else json.dumps(value)

    def write() -> None:
        os.umask(0o027)
        there = LeaseDir(lease.path)
        open_lease_dir(there)
        (there.tickets / f"{1:020d}-theirs-1.json").write_text(text)
        there.alive.touch()

    assert joined(as_other(write)) == 0
    return lease.users / str(OTHER) / "tickets" / f"{1:020d}-theirs-1.json"


def test_my_jobs_run_in_a_shared_folder_as_in_my_own(shared: AgentHost) -> None:
    first = shared.start("sleep", "600", gpus=2)
    running(first)
    waits = shared.start("true")
    until(lambda: read_board(shared.lease).get(f"{waits.job}-1"))
