"""What every end-to-end test stands on: a laptop with an empty LT_HOME, a host over a private sshd, nothing left."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from support.agent_host import gone
from support.laptop import Laptop, processes_under
from support.sshd import SshHost, find_sshd, make_host
from support.wait import until


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Laptop]:
    """A person's laptop. At the end its controller stops, and no process of it or of its hosts may be left."""
    work = tmp_path / "work"
    work.mkdir()
    laptop = Laptop(tmp_path / "lt home", work)
    laptop.home.mkdir(mode=0o700)
    yield laptop
    laptop.lt("controller", "stop", code=None)
    try:
        until(lambda: not _left(tmp_path, laptop), 20, "every process of the test has ended")
    except AssertionError:
        told = "\n".join(f"{p.pid} {p.status()} {p.cmdline()}" for p in _left(tmp_path, laptop))
        raise AssertionError(f"left running:\n{told}") from None
    finally:
        left = _living(tmp_path, laptop)
        for process in left:
            process.kill()
        until(lambda: all(gone(process.pid) for process in left), 20, "what was killed is dead")


@pytest.fixture(scope="session")
def agents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The agents that hosts of this run of the tests were given: what one was sent, the next ones have already."""
    return tmp_path_factory.mktemp("agents")


@pytest.fixture
def box(tmp_path: Path, laptop: Laptop, agents: Path) -> Iterator[SshHost]:
    """A host named `box`, in the laptop's inventory with its key known. Its home has a space, quotes and a dollar."""
    if find_sshd() is None:
        pytest.skip("OpenSSH's server is not installed")
    with known_host(laptop, tmp_path / "box", agents) as made:
        yield made


@pytest.fixture
def twin(tmp_path: Path, laptop: Laptop, box: SshHost, agents: Path) -> Iterator[SshHost]:
    """A second host, named `twin`."""
    with known_host(laptop, tmp_path / "twin", agents) as made:
        yield made


@contextlib.contextmanager
def known_host(laptop: Laptop, folder: Path, agents: Path) -> Iterator[SshHost]:
    """A host with its folder's name, which has been used before: `agents` lie there."""
    made = make_host(folder, name=folder.name, lt_home=laptop.home)
    there = made.root / "agents"
    shutil.copytree(agents, there)
    made.root.chmod(0o700)
    laptop.add_host(made.host)
    yield made
    end_jobs(folder)
    made.sshd.stop()
    for mark in there.glob("*/.complete"):
        kept = agents / mark.parent.name
        if not kept.exists():
            being_compiled = shutil.ignore_patterns("*.pyc.*")
            shutil.copytree(mark.parent, agents / f".{kept.name}", ignore=being_compiled).rename(kept)


def end_jobs(folder: Path) -> None:
    """Kills what a failed test left running on a host, so that the next one has the machine for itself."""
    workers = [p for p in processes_under(folder) if "LT_JOB" in _environ(p)]
    for process in workers:
        process.kill()


def _left(folder: Path, laptop: Laptop) -> list[psutil.Process]:
    """What ought to have ended. A dispatcher without a job waits some seconds for another: it may be there still."""
    return [process for process in _living(folder, laptop) if not _is_idle_dispatcher(process)]


def _living(folder: Path, laptop: Laptop) -> list[psutil.Process]:
    """All processes of the laptop and its hosts but the sshd, which their fixtures end."""
    found = {*processes_under(folder), *laptop.processes()}
    return [process for process in found if not any("sshd" in word for word in _words(process)[:1])]


def _is_idle_dispatcher(process: psutil.Process) -> bool:
    try:
        return "dispatch" in _words(process)[1:] and not process.children()
    except psutil.NoSuchProcess:
        return False


def _words(process: psutil.Process) -> list[str]:
    """The command line; empty for a process that has ended meanwhile."""
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return []


def _environ(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return {}
