"""Every path on the host comes from here; no path is spelt twice."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from .errors import LtError
from .ulid import is_ulid


class HostRoot:
    """The layout under a host's `root` (default `~/.lt-agent`), mode 0700."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.path = Path(os.path.expanduser(os.fspath(root)))

    @property
    def agents(self) -> Path:
        """`agents/<digest>/`: the pushed agent, content-addressed."""
        return self.path / "agents"

    @property
    def envs(self) -> Path:
        """`envs/<digest>/`: job environments, each with a `complete` file written last."""
        return self.path / "envs"

    @property
    def jobs(self) -> Path:
        """`jobs/<ULID>/<attempt>/`."""
        return self.path / "jobs"

    @property
    def tools(self) -> Path:
        """Pushed programs that the host lacks (uv)."""
        return self.path / "tools"

    def data(self, name: str, digest: str) -> Path:
        """A data snapshot: read-only, shared by jobs; its manifest lies beside it (`data_manifest`)."""
        return self.path / "data" / _segment(name) / _segment(digest)

    def data_manifest(self, name: str, digest: str) -> Path:
        """The snapshot's manifest; the snapshot is complete only when this exists."""
        return self.path / "data" / _segment(name) / (_segment(digest) + ".json")

    def data_staging(self, name: str, digest: str) -> Path:
        """Where a snapshot is pushed to before it is verified and renamed."""
        return self.path / "data" / _segment(name) / ("." + _segment(digest) + ".part")

    def attempt(self, job: str, attempt: int) -> AttemptPaths:
        """The folder of one attempt. Raises LtError `bad_job_id` for what is no ULID: it guards the path."""
        if not is_ulid(job) or attempt < 1:
            raise LtError("bad_job_id", job=job, attempt=attempt)
        return AttemptPaths(self.jobs / job / str(attempt), job, attempt)

    def owner(self, job: str) -> Path:
        """`jobs/<ULID>/owner.json`: who has adopted the job; absent while it is its submitter's."""
        return self.attempt(job, 1).path.parent / "owner.json"

    def attempts(self, job: str | None = None) -> list[AttemptPaths]:
        """All attempts here (or of one job), oldest first; folders that are none are passed over."""
        found = []
        for name in [job] if job is not None else _listdir(self.jobs):
            if is_ulid(name):
                found += [(name, int(n)) for n in _listdir(self.jobs / name) if n.isdigit() and int(n) >= 1]
        return [self.attempt(name, number) for name, number in sorted(found)]


class AttemptPaths:
    """`jobs/<ULID>/<attempt>/`: the truth about one attempt."""

    def __init__(self, path: Path, job: str, attempt: int) -> None:
        self.path = path
        self.job = job
        self.attempt = attempt

    @property
    def spec(self) -> Path:
        return self.path / "spec.json"

    @property
    def claim(self) -> Path:
        """Flocked by the supervisor for its whole life: who gets the lock knows that it is gone."""
        return self.path / "claim"

    @property
    def supervisor(self) -> Path:
        return self.path / "supervisor.json"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def metrics(self) -> Path:
        """What the worker or script appends, one flat JSON object a line: `{"step": 3, "loss": 1.2}`."""
        return self.path / "metrics.jsonl"

    @property
    def samples(self) -> Path:
        """What the supervisor measures of the machine and the job, same form, names under `sys/` and `gpu<i>/`.

        Apart from `metrics`, since a person's script may leave half a line there.
        """
        return self.path / "samples.jsonl"

    @property
    def log(self) -> Path:
        return self.path / "log"

    @property
    def control(self) -> Path:
        """Requests to the supervisor and worker: `stop.json`, `save.json`, `pins/<checkpoint>`."""
        return self.path / "control"

    @property
    def stop_request(self) -> Path:
        return self.control / "stop.json"

    @property
    def save_request(self) -> Path:
        return self.control / "save.json"

    @property
    def priority(self) -> Path:
        """The priority that somebody asked for after the submit."""
        return self.control / "priority.json"

    @property
    def retry(self) -> Path:
        """There while the attempt that follows this one by itself may still have to be begun."""
        return self.control / "retry"

    @property
    def alive(self) -> Path:
        """Flocked by the supervisor and all that inherited it: seen by every container of the same kernel."""
        return self.control / "alive"

    @property
    def pins(self) -> Path:
        """A file per checkpoint that is being pulled, flocked by the bridge that serves the pull."""
        return self.control / "pins"

    @property
    def saved(self) -> Path:
        """`control/saved/<name>`: the worker's word that it has finished writing `out/<name>`."""
        return self.control / "saved"

    @property
    def code(self) -> Path:
        return self.path / "code"

    @property
    def out(self) -> Path:
        return self.path / "out"

    @property
    def manifests(self) -> Path:
        return self.path / "manifests"

    def manifest(self, name: str) -> Path:
        return self.manifests / (_segment(name) + ".json")

    @property
    def worker(self) -> Path:
        """What the supervisor resolved for the worker: the recipe with the host's own paths, and the resume point."""
        return self.path / "worker.json"

    @property
    def failure(self) -> Path:
        """The worker's own typed word on why it ended badly: `{"reason": …, "message": …}`."""
        return self.path / "failure.json"

    @property
    def exit(self) -> Path:
        """The outcome. Exists if and only if the attempt has ended."""
        return self.path / "exit.json"


class LeaseDir:
    """Tickets, leases and the dispatcher's lock of one machine, on a local disk.

    A folder that a lab's users share (sticky, writable by their group) has the leases in common; the rest is each
    user's own, under `users/<uid>`.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = Path(os.path.expanduser(os.fspath(path))) if path else self.usual()
        self._shared: bool | None = None

    @staticmethod
    def usual() -> Path:
        """Where it lies unless somebody says otherwise."""
        return Path(f"/var/tmp/lt-{os.getuid()}")

    @property
    def shared(self) -> bool:
        """Whether several users share it. Whether that is safe is `machine.open_lease_dir`'s to say."""
        if self._shared is None:
            try:
                mode = os.lstat(self.path).st_mode
            except OSError:
                return False
            self._shared = stat.S_ISDIR(mode) and bool(mode & stat.S_ISVTX) and bool(mode & stat.S_IWGRP)
        return self._shared

    @property
    def users(self) -> Path:
        """`users/<uid>/` of a shared folder: what is each user's own, readable for the others."""
        return self.path / "users"

    @property
    def own(self) -> Path:
        """Where this user's part lies."""
        return self.users / str(os.getuid()) if self.shared else self.path

    @property
    def machine(self) -> Path:
        """A random id made once: it tells machines that share a home apart, and survives a reboot."""
        return self.path / "machine"

    @property
    def tickets(self) -> Path:
        return self.own / "tickets"

    @property
    def leases(self) -> Path:
        return self.path / "leases"

    @property
    def lock(self) -> Path:
        return self.own / "dispatcher.lock"

    @property
    def bridges(self) -> Path:
        """Flocked, shared, by every bridge: while one is there, work may come at any moment."""
        return self.own / "bridges"

    @property
    def log(self) -> Path:
        return self.own / "dispatcher.log"

    @property
    def slots(self) -> Path:
        """How many jobs may run at once, and which GPUs there are, as this user's controller said."""
        return self.own / "slots.json"

    @property
    def lease_end(self) -> Path:
        """When the machine goes back, by this machine's clock, as each owner's controller said."""
        return self.own / "lease_end.json"

    @property
    def board(self) -> Path:
        """Why each job of this user waits and at which place, as its dispatcher found last."""
        return self.own / "waiting.json"

    @property
    def alive(self) -> Path:
        """Touched by this user's dispatcher, so that the others know that its tickets are served."""
        return self.own / "alive"


def _segment(name: str) -> str:
    """`name` if it is one harmless path segment. Raises LtError `bad_name` otherwise."""
    if not name or name in (".", "..") or "/" in name or "\0" in name or len(name.encode()) > 200:
        raise LtError("bad_name", name=name)
    return name


def _listdir(path: Path) -> list[str]:
    try:
        return os.listdir(path)
    except (FileNotFoundError, NotADirectoryError):
        return []
