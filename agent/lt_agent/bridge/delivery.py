"""Serves all followed attempts in turn, woken by file events, with a look every two seconds as the floor."""

from __future__ import annotations

import time
from collections import OrderedDict
from pathlib import Path
from typing import Collection, Dict, Iterable, Tuple

from ..watch import FLOOR, FolderWatch
from .follower import Follower
from .outbox import Outbox

IDLE = 60.0  # seconds to wait when there is nothing to do
SETTLE_LOOK = 0.02  # seconds between two looks at an attempt whose supervisor is about to leave
PIECES_A_PUMP = 8  # pieces until requests are looked at again: to compress one takes a millisecond or two

Key = Tuple[str, int]


class Delivery:
    """The followed attempts, and which of them is served next.

    Each turn sends one piece (256 KiB) of one attempt, so that a log of gigabytes delays the others by one piece.
    """

    def __init__(self, outbox: Outbox, watch: FolderWatch) -> None:
        self._outbox = outbox
        self._watch = watch
        self._followers: Dict[Key, Follower] = {}
        self._folders: Dict[Path, Key] = {}
        self._ready: OrderedDict[Key, None] = OrderedDict()
        self._due: Dict[Key, float] = {}
        self._next_floor = time.monotonic() + FLOOR
        self.revision = 0  # changes whenever an attempt begins or ends to be followed

    @property
    def followed(self) -> Collection[Key]:
        """The attempts that are followed."""
        return self._followers.keys()

    def deflate(self, wanted: bool) -> None:
        """Whether large pieces leave compressed."""
        self._outbox.deflates = wanted

    def follow(self, follower: Follower) -> None:
        """Begins to serve an attempt, from the cursors given; one that was followed already starts anew from them."""
        key = (follower.paths.job, follower.paths.attempt)
        self.unfollow(*key)
        self._followers[key] = follower
        self.revision += 1
        # Watched first, looked at second: nothing can slip in between.
        for folder in follower.folders():
            self._folders[folder] = key
            self._watch.add(folder)
        self._ready[key] = None

    def unfollow(self, job: str, attempt: int) -> None:
        """Ends it; unknown attempts are passed over. What was queued before is still sent."""
        key = (job, attempt)
        follower = self._followers.pop(key, None)
        if follower is None:
            return
        self.revision += 1
        for folder in follower.folders():
            self._folders.pop(folder, None)
            self._watch.remove(folder)
        self._ready.pop(key, None)
        self._due.pop(key, None)

    def changed(self, folders: Iterable[Path]) -> None:
        """Takes in the news of the watch: these folders had a change."""
        for folder in folders:
            key = self._folders.get(folder)
            if key is not None:
                self._ready.setdefault(key, None)

    def wait(self, now: float) -> float:
        """Seconds until `pump` has something to do without any event; 0 if at once."""
        if self._ready:
            return 0.0 if self._outbox.has_room else IDLE
        times = [*self._due.values()]
        if self._followers:
            times.append(self._next_floor)
        return max(0.0, min(times) - now) if times else IDLE

    def pump(self) -> None:
        """Fills the outbox, attempt by attempt, as far as there is room; a piece leaves while the next one is read."""
        now = time.monotonic()
        if now >= self._next_floor:
            self._next_floor = now + FLOOR
            for key, follower in list(self._followers.items()):
                if not self._given_up(key, follower):
                    self._ready.setdefault(key, None)
        for key in [key for key, due in self._due.items() if due <= now]:
            del self._due[key]
            self._ready.setdefault(key, None)
        pieces = 0
        while self._ready and self._outbox.has_room and pieces < PIECES_A_PUMP:
            key, _ = self._ready.popitem(last=False)
            if self._serve(key, self._followers[key]):
                pieces += 1
                self._outbox.flush()

    def _given_up(self, key: Key, follower: Follower) -> bool:
        """Tells a controller whose job another has adopted, and follows it no more."""
        record = follower.adopted()
        if record is None:
            return False
        news = {"type": "adopted", "job": key[0], "attempt": key[1], "owner": record["owner"]}
        self._outbox.send({**news, "by": str(record.get("by", ""))})
        self.unfollow(*key)
        return True

    def _serve(self, key: Key, follower: Follower) -> bool:
        """Whether a piece was queued."""
        try:
            more = follower.step(self._outbox.send)
        except OSError:
            return False  # a sick disk: the floor looks again, and the beats show that the bridge itself is well
        if follower.done:
            self.unfollow(*key)
        elif more:
            self._ready[key] = None
        elif follower.settling:
            self._due[key] = time.monotonic() + SETTLE_LOOK
        return more
