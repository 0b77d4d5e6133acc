"""Tells people what happened, on threads of its own: a channel that is slow or broken holds up nothing and nobody.

What is to be told lies in the database (`store.notices`), and is looked for there: nothing waits in memory alone.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timezone

from lt_agent.protocol.errors import LtError
from lt_inventory.model import Host

from ..home import Home
from ..journal import fault, note
from ..notify.config import Channel, Settings, load, mentions
from ..notify.pacing import after_failure, choose, next_look
from ..store import notices
from ..store.notices import Pending
from ..store.times import epoch, iso, now
from ..store.writer import Writer
from .telling import Telling, laptop_name, tell
from .vault import Vault

LOOK_EVERY = 30.0  # seconds: the floor under the wake-ups, and how often leases and absent hosts are looked at
SETTLED = 1.0  # seconds since config.toml was written, after which it is read
CLOSE_LIMIT = 5.0  # seconds; what is under way then is told by the next controller
AWAY = ("unreachable", "refused", "needs_login")


class Notifier:
    """One thread that notices, and one for each channel that is being told something."""

    def __init__(self, home: Home, writer: Writer, vault: Vault, hosts: Callable[[], Mapping[str, Host]]) -> None:
        self._home = home
        self._writer = writer
        self._vault = vault
        self._hosts = hosts
        self._wake = threading.Event()
        self._closing = False
        self._stamp: object = ()
        self._settings: Settings | None = None  # None: the file can't be used, so nothing is looked at
        self._reading = threading.Lock()
        self._unsettled = False
        self._telling: dict[str, Telling] = {}
        self._told_at: dict[str, float] = {}
        self._away_since: dict[str, float] = {}
        self._looked = -LOOK_EVERY
        self._thread = threading.Thread(target=self._run, name="notifier", daemon=True)
        self._thread.start()

    def poke(self) -> None:
        """Something may have happened."""
        self._wake.set()

    def given(self, names: Collection[str]) -> None:
        """These secrets are known from now on: what waits for them is told."""
        try:
            self._writer.run("notices", notices.secrets_given, names)
        except sqlite3.Error as error:  # it is tried again all the same, later
            note(f"notices: {error}")
        self._wake.set()

    def busy(self) -> bool:
        """Whether something is still to be told that the controller should stay for."""
        settings = self._read()
        if settings is None:
            return False
        open_work = self._writer.read(notices.waiting) if settings.channels else False
        return open_work or any(item.tries < notices.PATIENT for item in self._writer.read(notices.pending))

    def close(self) -> None:
        """Leaves soon, also in the middle of telling."""
        self._closing = True
        self._wake.set()
        self._thread.join(CLOSE_LIMIT)

    def test(self, name: str) -> None:
        """Tells the channel something now. Raises LtError `no_such_channel`, `notify_invalid` and as `ways.deliver`."""
        from ..notify.message import test_message

        settings = load(self._home.config_file)
        channel = settings.channel(name)
        if channel is None:
            raise LtError("no_such_channel", name=name, known=[one.name for one in settings.channels])
        tell(channel, test_message(name, laptop_name(), settings.language), self._vault)

    def _run(self) -> None:
        while not self._closing:
            self._wake.clear()
            wait = LOOK_EVERY
            try:
                wait = self._look()
            except sqlite3.Error as error:
                if self._closing:
                    return
                note(f"notices: {error}")
            except Exception:
                fault()
            self._wake.wait(wait)

    def _look(self) -> float:
        """Notices what has happened, and has each channel told what is due; the seconds until the next look."""
        settings = self._read()
        if settings is None:
            return SETTLED if self._unsettled else LOOK_EVERY
        if self._writer.read(notices.waiting):
            while self._writer.run("notices", notices.collect, _wanting(settings)) >= notices.BATCH:
                pass
        if settings.channels and time.monotonic() - self._looked >= LOOK_EVERY:
            self._looked = time.monotonic()
            self._look_at_hosts(settings)
        busy = set(self._telling)  # before the outbox is read: what they tell meanwhile is still in what was read
        waiting: dict[str, list[Pending]] = {}
        for item in self._writer.read(notices.pending):
            waiting.setdefault(item.channel, []).append(item)
        if waiting.keys() - {channel.name for channel in settings.channels}:
            self._writer.run("notices", notices.drop_unknown, [channel.name for channel in settings.channels])
        self._give_up_on_the_slow()
        for channel in settings.channels:
            if channel.name not in busy:
                self._tell_due(channel, waiting.get(channel.name, []), settings)
        ends = [telling.deadline for telling in self._telling.values() if not telling.given_up]
        longest = SETTLED if self._unsettled else LOOK_EVERY
        soon = next_look([item for items in waiting.values() for item in items], time.time(), longest)
        return max(0.05, min([soon, *(end - time.monotonic() for end in ends)]))

    def _tell_due(self, channel: Channel, waiting: list[Pending], settings: Settings) -> None:
        due = choose(waiting, time.time(), time.monotonic() - self._told_at.get(channel.name, -1e9))
        if not due:
            return
        self._telling[channel.name] = Telling(
            channel, [item.notice for item in due], settings.language, self._vault, self._told
        )
        self._telling[channel.name].tries = min(item.tries for item in due)
        self._telling[channel.name].start()

    def _told(self, telling: Telling, error: LtError | None) -> None:
        """Called by the thread that told, or tried to; also long after it was given up."""
        name = telling.channel.name
        self._told_at[name] = time.monotonic()
        try:
            if error is None:
                self._writer.run("notices", notices.sent, name, telling.ids)
            elif not telling.given_up:
                self._failed(telling, error)
        except sqlite3.Error as problem:
            note(f"{name}: not recorded: {problem}")
        self._telling.pop(name, None)
        self._wake.set()

    def _failed(self, telling: Telling, error: LtError) -> None:
        moment, times = time.time(), dict[float | None, list[int]]()
        for notice in telling.told:  # each by its own age: an old one that is given up takes no other along
            due = after_failure(telling.tries, error, epoch(notice.created_at), moment)
            times.setdefault(due, []).append(notice.id)
        for due, ids in times.items():
            self._writer.run("notices", notices.missed, telling.channel.name, ids, error, due)

    def _give_up_on_the_slow(self) -> None:
        """One that drips its answer byte by byte keeps its own thread, and nobody waits for that."""
        for telling in list(self._telling.values()):
            if not telling.given_up and time.monotonic() > telling.deadline:
                telling.given_up = True
                self._failed(telling, LtError("notify_slow", seconds=round(telling.limit)))

    def _look_at_hosts(self, settings: Settings) -> None:
        jobs = self._writer.read(notices.live_jobs)
        states = self._writer.read(notices.away)
        wanting = _wanting(settings)
        for name, host in self._hosts().items():
            state, seen = states.get(name, ("unknown", None))
            count = jobs.get(name, 0)
            self._lease(host, count, settings, wanting)
            if state in AWAY and count and not host.closed:
                # By a clock that stands still while this machine sleeps: a closed lid is not the host's fault.
                since = self._away_since.setdefault(name, time.monotonic())
                if time.monotonic() - since >= settings.unreachable_after:
                    params = {"state": state, "jobs": count, "seen": seen, "seconds": settings.unreachable_after}
                    self._add(f"unreachable:{name}:{seen}", "unreachable", name, params, wanting)
            elif state != "connecting":  # between two tries
                self._away_since.pop(name, None)

    def _lease(self, host: Host, count: int, settings: Settings, wanting: notices.Wanting) -> None:
        if host.until is None or host.closed == "retired":
            return
        left = (host.until - datetime.now(timezone.utc)).total_seconds()
        if 0 < left <= settings.lease_warning:
            params = {"until": host.until.isoformat(), "left": left, "jobs": count}
            self._add(f"lease:{host.name}:{iso(host.until.timestamp())}", "lease", host.name, params, wanting)

    def _add(self, key: str, kind: str, host: str, params: dict[str, object], wanting: notices.Wanting) -> None:
        about = (None, "", None, host, "")
        self._writer.run("notices", notices.add, wanting, key, kind, kind, now(), params, about)

    def _read(self) -> Settings | None:
        """The settings, read again when the file has changed; one that can't be used is said once, and the last good
        ones hold. So they do while it is being written: half a file would take channels away, with what they wait for.
        """
        path = self._home.config_file
        with self._reading:
            try:
                stat = path.stat()
                stamp: object = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
                self._unsettled = 0 <= time.time() - stat.st_mtime < SETTLED
            except OSError:
                stamp, self._unsettled = None, False
            if stamp != self._stamp and not self._unsettled:
                self._stamp = stamp
                try:
                    self._settings = load(path) if mentions(path) else Settings()
                except (LtError, OSError) as error:
                    note(f"config.toml: {error}")
            return self._settings


def _wanting(settings: Settings) -> notices.Wanting:
    def names(kind: str, host: str, recipe: str, job: str) -> list[str]:
        return [channel.name for channel in settings.channels if channel.wants(kind, host, recipe, job)]

    return names
