"""The requests of a controller, and where each is answered: at once, or on a lane so that the streams go on."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping

from .. import __version__, confided, locks, owners, wakeups
from ..protocol.errors import LtError
from ..protocol.paths import AttemptPaths, HostRoot, LeaseDir
from .delivery import Delivery
from .follower import STREAMS, Follower
from .pins import Pins
from .removal import remove_job

Request = Mapping[str, Any]
Handler = Callable[[Request], Any]

AT_ONCE = "at once"  # on the loop's thread: no disk to wait for
ACTS = "acts"  # in order, one after the other: what changes jobs
ASKS = "asks"  # questions to the disk
BULK = "bulk"  # what may take minutes
LANES = (ACTS, ASKS, BULK)


class Operations:
    """Answers requests; `lane_of` says on which thread, `answer` does it. Raises LtError for what can't be done."""

    def __init__(self, root: HostRoot, lease: LeaseDir, agent_dir: Path, delivery: Delivery) -> None:
        self._root = root
        self._lease = lease
        self._agent_dir = agent_dir
        self._delivery = delivery
        self._pins = Pins()
        self._owner = ""
        self._presence: int | None = None  # the lock that keeps an idle dispatcher from leaving under us
        self._handlers: Dict[str, tuple[str, Handler]] = {
            "ping": (AT_ONCE, self._ping),
            "follow": (AT_ONCE, self._follow),
            "unfollow": (AT_ONCE, self._unfollow),
            "hello": (ACTS, self._hello),
            "start": (ACTS, self._start),
            "confide": (ACTS, self._confide),
            "jobs": (ACTS, self._jobs),
            "records": (ASKS, self._records),
            "adopt": (ACTS, self._adopt),
            "stop": (ACTS, self._stop),
            "save": (ACTS, self._save),
            "priority": (ACTS, self._priority),
            "withdraw": (ACTS, self._withdraw),
            "pin": (ACTS, self._pin),
            "unpin": (ACTS, self._unpin),
            "have": (ASKS, self._have),
            "stage": (ASKS, self._stage),
            "commit": (BULK, self._commit),
            "remove": (BULK, self._remove),
            "facts": (ASKS, self._facts),
            "disk": (ASKS, self._disk),
            "processes": (ASKS, self._processes),
            "holdings": (BULK, self._holdings),
            "unneeded": (BULK, self._unneeded),
            "clear": (BULK, self._clear),
        }

    def lane_of(self, request: Request) -> str:
        """AT_ONCE, or the lane that answers it."""
        return self._handlers.get(_text(request, "op"), (AT_ONCE, self._ping))[0]

    def after(self, request: Request, result: Any) -> None:
        """On the loop's thread, before the reply: what was asked for together with an act."""
        wanted = request.get("follow")
        if request.get("op") != "start" or not isinstance(wanted, dict) or "missing" in result:
            return
        spec = request["spec"]
        with contextlib.suppress(LtError):  # asked for again, by itself, it says why
            self._follow({**wanted, "job": spec["job"], "attempt": spec["attempt"]})
            result["followed"] = True

    def answer(self, request: Request) -> Any:
        """The result for the reply. Raises LtError."""
        op = _text(request, "op")
        if op not in self._handlers:
            raise LtError("unknown_op", op=op, version=__version__)
        return self._handlers[op][1](request)

    @property
    def uprooted(self) -> bool:
        """Whether our own bundle is gone: somebody cleared `root`. What is started from here on could not run."""
        return not (self._agent_dir / "lt_agent").is_dir()

    @property
    def greeted(self) -> bool:
        """Whether a controller has said who it is."""
        return bool(self._owner)

    def judge(self) -> None:
        """Looks for attempts whose supervisor is gone without a word, and starts a dispatcher if work is waiting."""
        from ..judge import judge_all

        judge_all(self._root, self._lease, self._agent_dir)

    def close(self) -> None:
        """Lets go of all pins, and of the dispatcher."""
        self._pins.close()
        if self._presence is not None:
            os.close(self._presence)
            wakeups.wake(self._lease)  # an idle dispatcher has stayed for us alone, maybe

    # -- on the loop's thread

    def _ping(self, request: Request) -> Any:
        return {"time": time.time()}

    def _follow(self, request: Request) -> Any:
        paths = self._attempt(request)
        cursors = request.get("cursors") or {}
        known = request.get("manifests") or []
        if not isinstance(cursors, dict) or not isinstance(known, list):
            raise LtError("bad_request", key="cursors" if not isinstance(cursors, dict) else "manifests")
        if not all(isinstance(value, int) for value in cursors.values()) or set(cursors) - set(STREAMS):
            raise LtError("bad_request", key="cursors")
        owners.check(self._root, paths.job, self._owner)
        names = [str(name) for name in known]
        self._delivery.follow(Follower(paths, cursors, names, self._root.owner(paths.job), self._owner))
        return {}

    def _unfollow(self, request: Request) -> Any:
        self._delivery.unfollow(_text(request, "job"), _number(request, "attempt"))
        return {}

    # -- on the lane of acts

    def _hello(self, request: Request) -> Any:
        from .. import lease_end
        from ..leases import write_slots
        from ..machine import machine_id
        from ..procs import boot_id

        self._owner = _text(request, "owner")
        self._delivery.deflate(request.get("deflate") is True)
        devices = _devices(request)
        slots = request.get("slots")
        capped = isinstance(slots, int) and slots > 0
        count = slots if isinstance(slots, int) and slots > 0 else max(1, len(devices))
        write_slots(self._lease, count, list(devices), capped=capped, memory=devices)
        lease_end.tell(self._lease, self._owner, request.get("lease_left"), request.get("lease_lead"))
        self.judge()
        if self._presence is None:
            self._presence = locks.lock(self._lease.bridges, 1.0, shared=True)
        return {
            "version": __version__,
            "time": time.time(),
            "root": str(self._root.path.resolve()),
            "hostname": socket.gethostname(),
            "python": sys.executable,
            "machine": machine_id(self._lease),
            "boot_id": boot_id(),
            "jobs": self._jobs(request),
        }

    def _start(self, request: Request) -> Any:
        from .. import snapshots
        from ..protocol.records import JobSpec, from_dict
        from ..start import start

        spec = from_dict(JobSpec, request.get("spec"))
        missing = snapshots.missing(self._root, _items(request, "needs"))
        if missing:
            return {"missing": missing}
        with owners.acting(self._root, spec.job, self._owner):
            if request.get("secrets"):
                # First, so that the dispatcher that finds the ticket has them. Without them the job waits, and says so.
                with contextlib.suppress(LtError):
                    confided.hand_over(self._root, self._lease, self._agent_dir, spec.job, request["secrets"])
            return start(self._root, self._lease, spec, self._agent_dir)

    def _confide(self, request: Request) -> Any:
        paths = self._attempt(request)
        with owners.acting(self._root, paths.job, self._owner):
            confided.hand_over(self._root, self._lease, self._agent_dir, paths.job, request.get("secrets"))
        return {}

    def _jobs(self, request: Request) -> Any:
        from ..start import summary

        found = []
        for paths in self._root.attempts(_text(request, "job") or None):
            try:
                found.append(summary(paths))
            except (LtError, OSError, ValueError):
                continue  # a folder without a readable spec is no attempt (yet)
        return found

    def _records(self, request: Request) -> Any:
        from ..recovery import records

        jobs = request.get("jobs")
        if not isinstance(jobs, list) or not all(isinstance(job, str) for job in jobs):
            raise LtError("bad_request", key="jobs")
        return records(self._root, jobs)

    def _adopt(self, request: Request) -> Any:
        expected = _text(request, "expected") or None
        return owners.adopt(self._root, _text(request, "job"), self._owner, _text(request, "by"), expected)

    def _stop(self, request: Request) -> Any:
        from ..start import ensure_dispatcher
        from ..stopping import request_stop

        grace = request.get("grace")
        seconds = float(grace) if isinstance(grace, (int, float)) else None
        paths = self._current(request)
        with owners.acting(self._root, paths.job, self._owner):
            request_stop(paths, _text(request, "kind") or "stop", seconds, self._owner)
        if not paths.exit.exists() and not paths.supervisor.exists():
            ensure_dispatcher(self._root, self._lease, self._agent_dir)  # it is who ends what waits
        return {}

    def _priority(self, request: Request) -> Any:
        from ..priorities import set_priority

        paths = self._current(request)
        with owners.acting(self._root, paths.job, self._owner):
            set_priority(self._lease, paths, _number(request, "priority"))
        return {}

    def _withdraw(self, request: Request) -> Any:
        from ..withdrawing import withdraw

        paths = self._attempt(request)
        with owners.acting(self._root, paths.job, self._owner):
            return {"withdrawn": withdraw(paths)}

    def _save(self, request: Request) -> Any:
        from ..stopping import request_save

        paths = self._attempt(request)
        with owners.acting(self._root, paths.job, self._owner):
            request_save(paths)
        return {}

    def _pin(self, request: Request) -> Any:
        paths = self._attempt(request)
        owners.check(self._root, paths.job, self._owner)
        return self._pins.pin(paths, _text(request, "name"))

    def _unpin(self, request: Request) -> Any:
        self._pins.unpin(_text(request, "job"), _number(request, "attempt"), _text(request, "name"))
        return {}

    # -- on the lanes of questions and of bulk work

    def _have(self, request: Request) -> Any:
        from .. import snapshots

        return {"missing": snapshots.missing(self._root, _items(request, "items"))}

    def _stage(self, request: Request) -> Any:
        from .. import snapshots

        path, earlier = snapshots.stage(self._root, _text(request, "name"), _text(request, "digest"))
        return {"path": str(path.resolve()), "link_dest": [str(other.resolve()) for other in earlier]}

    def _commit(self, request: Request) -> Any:
        from .. import snapshots

        snapshots.commit(self._root, _text(request, "name"), _text(request, "digest"))
        return {}

    def _remove(self, request: Request) -> Any:
        with owners.acting(self._root, _text(request, "job"), self._owner):
            remove_job(self._root, _text(request, "job"))
        return {}

    def _facts(self, request: Request) -> Any:
        from .. import probe

        return probe.collect(str(self._root.path))

    def _disk(self, request: Request) -> Any:
        asked = _text(request, "path")
        path = Path(asked) if asked else self._root.path
        while not asked and not path.exists():
            path = path.parent  # the root is made by the first job; its disk is there before
        try:
            info = os.statvfs(path)
        except OSError as error:
            raise LtError("no_such_path", path=str(path), problem=str(error.strerror)) from None
        return {"path": str(path), "total": info.f_blocks * info.f_frsize, "free": info.f_bavail * info.f_frsize}

    def _processes(self, request: Request) -> Any:
        from .. import holdings

        return {"processes": holdings.processes()}

    def _holdings(self, request: Request) -> Any:
        from .. import holdings

        return {"processes": holdings.processes(), "disk": holdings.on_disk(self._root)}

    def _unneeded(self, request: Request) -> Any:
        from .. import clearing

        return {"items": clearing.unneeded(self._root, self._lease, self._agent_dir, _rest(request))}

    def _clear(self, request: Request) -> Any:
        from .. import clearing

        items = _items(request, "items")
        return clearing.clear(self._root, self._lease, self._agent_dir, items, _rest(request))

    def _current(self, request: Request) -> AttemptPaths:
        """The attempt meant: by now the host may have followed it by another one of itself."""
        from ..retries import current

        paths = self._root.attempt(_text(request, "job"), _number(request, "attempt"))
        paths = current(self._root, self._lease, paths, self._agent_dir)
        if not paths.path.is_dir():
            raise LtError("no_such_job", job=paths.job, attempt=paths.attempt)
        return paths

    def _attempt(self, request: Request) -> AttemptPaths:
        paths = self._root.attempt(_text(request, "job"), _number(request, "attempt"))
        if not paths.path.is_dir():
            raise LtError("no_such_job", job=paths.job, attempt=paths.attempt)
        return paths


def _devices(request: Request) -> Dict[str, int]:
    """The GPUs to lease, by UUID (others than NVIDIA's by kind and index), with their memory in bytes (0: not known).

    A controller names them; for one that does not, this machine is asked.
    """
    wanted, memory = request.get("gpus_wanted"), request.get("gpu_memory")
    sizes = memory if isinstance(memory, dict) else {}
    if not isinstance(wanted, list):
        from ..accelerators import devices

        return devices()
    return {str(gpu): size if isinstance(size := sizes.get(gpu), int) else 0 for gpu in wanted}


def _items(request: Request, key: str) -> List[Dict[str, Any]]:
    items = request.get(key) or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise LtError("bad_request", key=key)
    return items


def _rest(request: Request) -> float:
    """Seconds that what is to be cleared must have been left alone."""
    from ..clearing import REST

    value = request.get("rest")
    return max(0.0, float(value)) if isinstance(value, (int, float)) else REST


def _text(request: Request, key: str) -> str:
    value = request.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise LtError("bad_request", key=key)
    return value


def _number(request: Request, key: str) -> int:
    value = request.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise LtError("bad_request", key=key)
    return value
