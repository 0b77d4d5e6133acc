"""What takes space on a host, and what of it may be deleted: because it is at home, or can be brought again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import queries
from .base import person
from .hosts import HostCalls
from .jobs import JobCalls
from .models import Job

if TYPE_CHECKING:
    from .details import Clearable

MOST = 5000  # of a list: a host is not trusted to know when to stop


class ClearCalls(HostCalls, JobCalls):
    """The part of the client that makes room on hosts."""

    def clearable(self, name: str, *, rest: float | None = None) -> list[Clearable]:
        """All that lies there, the largest first. `rest`: seconds that what is no job must have been left alone (an
        hour). Raises as `holdings`.
        """
        from .details import Clearable

        held = self.holdings(name)
        answer = self._call("unneeded", 90.0, name=name, **({} if rest is None else {"rest": rest}))
        free = {_key(item) for item in _items(answer, "items")}
        jobs = {job.name: job for job in queries.jobs(self._db, all=True)}
        found = []
        for item in held.items or ():
            if item.kind == "job":
                found.append(self._job(jobs.get(item.name), item.name, item.size))
                continue
            safe = (item.kind, item.name, item.detail) in free
            found.append(Clearable(item.kind, item.name, item.detail, item.size, safe, "unused" if safe else "used"))
        leftovers = [key for key in free if key[0] == "leftover"]
        found += [Clearable(kind, path, "", 0, True, "leftover") for kind, path, _ in sorted(leftovers)]
        return sorted(found, key=lambda item: (-item.size, item.kind, item.name))

    def clear(self, name: str, items: Sequence[Clearable], *, rest: float | None = None) -> list[Clearable]:
        """Deletes those that are safe, each looked at once more where it lies; what was left, and why.

        Raises as `holdings`.
        """
        wanted = [item for item in items if item.safe]
        left = []
        asked = [(item, self._ask("clear", item.ref, {"by": person()}, host=name)) for item in wanted if item.ref]
        others = [item for item in wanted if not item.ref]
        if others:
            told = [{"kind": item.kind, "name": item.name, "detail": item.detail} for item in others]
            with self._acting("host clear", name, items=told):
                pass
            answer = self._call("clear", 600.0, name=name, items=told, **({} if rest is None else {"rest": rest}))
            done = {_key(item) for item in _items(answer, "cleared")}
            left += [item for item in others if (item.kind, item.name, item.detail) not in done]
        for item, request in asked:
            if self.settle(request, 600.0).open:
                left.append(item)
        return left

    def _job(self, job: Job | None, name: str, size: int) -> Clearable:
        from .details import Clearable

        if job is None:
            return Clearable("job", name, "", size, False, "not_ours")
        there = [item for item in queries.checkpoints(self._db, job.id) if item.host_state == "present"]
        away = any(item.pull_state != "pulled" for item in there)
        why = "alive" if not job.ended else "not_home" if away else "home"
        return Clearable("job", job.name, "", size, why == "home", why, job.id)


def _items(answer: Any, key: str) -> list[dict[str, Any]]:
    found = answer.get(key) if isinstance(answer, dict) else None
    return [item for item in found[:MOST] if isinstance(item, dict)] if isinstance(found, list) else []


def _key(item: dict[str, Any]) -> tuple[str, str, str]:
    return str(item.get("kind")), str(item.get("name")), str(item.get("detail") or "")
