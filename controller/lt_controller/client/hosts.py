"""Hosts: the inventory, their keys, and what is known of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_agent.protocol.errors import LtError

from . import clock, queries
from .base import Connected, near
from .database import load, when
from .models import Reachability
from .periods import note_terms

if TYPE_CHECKING:
    from lt_inventory.check import Check
    from lt_inventory.hosts_file import HostsFile
    from lt_inventory.model import Host
    from lt_inventory.ssh_import import ImportCandidate

    from .details import HostInfo, OfferedKey
    from .holdings import Holdings


class HostCalls(Connected):
    """The part of the client that speaks of hosts."""

    def hosts(self) -> list[HostInfo]:
        """All hosts of the inventory, `local` among them, with what is known. Raises LtError `hosts_file_invalid`."""
        known = queries.host_rows(self._db)
        return [_info(host, known.get(name, {})) for name, host in sorted(self._file().load().items())]

    def host(self, name: str) -> HostInfo:
        """One host. Raises LtError `no_such_host` with near names."""
        hosts = self._file().load()
        if name not in hosts:
            raise LtError("no_such_host", host=name, near=near(name, list(hosts)))
        return _info(hosts[name], queries.host_rows(self._db, name).get(name, {}))

    def reachability(self) -> dict[str, Reachability]:
        """Per host that was ever talked to: how it answers."""
        return {
            name: Reachability(
                row.get("state", "unknown"),
                load(row.get("error")),
                when(row.get("last_seen")),
                when(row.get("next_try_at")),
                row.get("activity"),
            )
            for name, row in queries.host_rows(self._db).items()
        }

    def make_host(self, name: str, settings: Mapping[str, Any]) -> Host:
        """A host by the keys of `hosts.toml`, checked, not yet added.

        Raises LtError `bad_host_name`, `host_setting_invalid{host, problems}`.
        """
        from lt_inventory.fields import host_from
        from lt_inventory.model import valid_name

        if name != "local" and not valid_name(name):
            raise LtError("bad_host_name", name=name)
        host, problems = host_from(name, settings)
        if problems:
            told = [{"key": problem.key, "message": problem.message} for problem in problems]
            raise LtError("host_setting_invalid", host=name, problems=told)
        return host

    def add_host(self, host: Host, key: OfferedKey | None = None) -> None:
        """Writes the host into the inventory, and `key` as the one key it may show.

        Raises LtError `host_exists`, `hosts_file_invalid`.
        """
        from lt_inventory.fields import settings_of

        shown = key.fingerprint if key is not None else None
        with self._acting("host add", host.name, settings=_recordable(settings_of(host)), fingerprint=shown):
            self._file().add(host)
            if key is not None:
                self._trust(host, key)
        note_terms(self.home)

    def edit_host(self, name: str, changes: Mapping[str, Any]) -> HostInfo:
        """Changes settings by their keys in `hosts.toml`; None takes one back to its default. Comments stay.

        Raises LtError `no_such_host`, `host_setting_invalid`, and `setting_in_use` for a folder that live jobs lie in:
        where they are not found, nobody can stop them or prove how they ended.
        """
        before, host = self.host(name).host, self.changed_host(name, changes)
        moved = [key for key in ("root", "lease_dir") if getattr(host, key) != getattr(before, key)]
        live = [job.name for job in queries.jobs(self._db, host=name)] if moved else []
        if live:
            raise LtError("setting_in_use", host=name, key=moved, jobs=live[:8], count=len(live))
        with self._acting("host edit", name, changes=_recordable(changes)):
            self._file().update(host, changes.keys())
        note_terms(self.home)
        self._try_again(name)
        return self.host(name)

    def changed_host(self, name: str, changes: Mapping[str, Any]) -> Host:
        """The host as `edit_host` would write it. Raises LtError `no_such_host`, `host_setting_invalid`."""
        from lt_inventory.fields import settings_of

        settings = {**settings_of(self.host(name).host), **changes}
        return self.make_host(name, {key: value for key, value in settings.items() if value is not None})

    def remove_host(self, name: str, *, force: bool = False) -> None:
        """Takes a host out of the inventory and forgets its key; nothing on the host is touched.

        Raises LtError `no_such_host`, and unless `force`: `host_in_use` while jobs run or wait there, `host_is_jump`
        while other hosts are reached through it.
        """
        from ..transport.known_hosts import forget, known_name

        host = self.host(name).host
        live = [job.name for job in queries.jobs(self._db, host=name)]
        if live and not force:
            raise LtError("host_in_use", host=name, jobs=live[:8], count=len(live))
        beyond = [other.name for other in self._file().load().values() if name in other.jump]
        if beyond and not force:
            raise LtError("host_is_jump", host=name, jumps=beyond)
        with self._acting("host remove", name, force=force, jobs=live):
            self._file().remove(name)
            others = self._file().load().values()
            if host.kind != "local" and not any(known_name(other) == known_name(host) for other in others):
                forget(host, self.home)
        note_terms(self.home)

    def import_candidates(self, path: str | os.PathLike[str] = "~/.ssh/config") -> list[ImportCandidate]:
        """The hosts that an OpenSSH configuration names, and why some entries cannot be taken over."""
        from lt_inventory.ssh_import import read_ssh_config

        found: list[ImportCandidate] = read_ssh_config(Path(os.path.expanduser(os.fspath(path))))
        return found

    # Keys

    def trusted_keys(self, host: Host) -> list[str]:
        """The fingerprints that are trusted for the host's address."""
        from ..transport.known_hosts import lookup

        return [key.fingerprint for key in lookup(host, self.home)]

    def trust(self, name: str, key: OfferedKey) -> None:
        """From now on the host may show this key, and no other. Raises LtError `no_such_host`.

        Jobs that were kept from it by the key go on at once.
        """
        host = self.host(name).host
        with self._acting("host trust", name, fingerprint=key.fingerprint, before=self.trusted_keys(host)):
            self._trust(host, key)
        self._try_again(name)

    # Looking at a host

    def has_snapshot(self, host: str, name: str, digest: str) -> bool:
        """Whether a data snapshot is known to be on a host."""
        return queries.on_host(self._db, host, digest, name)

    def probe(self, name: str, timeout: float = 180.0) -> dict[str, Any]:
        """Logs in and looks around; the facts. Raises what keeps it from that: `host_unreachable`, `login_failed`, …"""
        facts = self._call("probe", timeout, name=name)
        return facts if isinstance(facts, dict) else {}

    def holdings(self, name: str, *, disk: bool = True) -> Holdings:
        """A host's processes and, with `disk`, what of ours lies there, asked of it now.

        Raises LtError `no_such_host`, `host_unreachable` and what else keeps it from that.
        """
        from .holdings import parsed

        self.host(name)
        answer = self._call("holdings" if disk else "processes", 90.0, name=name)
        names = {job.id: job.name for job in queries.jobs(self._db, all=True)}
        return parsed(answer if isinstance(answer, dict) else {}, names)

    def install_rsync(self, name: str) -> dict[str, Any]:
        """Has the host's package manager install rsync; the facts after that.

        Raises LtError `install_impossible`, `install_failed`: files then go on travelling as a tar.
        """
        with self._acting("host install", name, program="rsync"):
            pass  # it takes minutes, and the database is not to wait for it
        facts = self._call("install", 900.0, name=name)
        return facts if isinstance(facts, dict) else {}

    def check_host(self, name: str, *, probe: bool = True) -> list[Check]:
        """What is fit for training on a host, and what to do about the rest; by a fresh look if `probe`."""
        from lt_inventory.check import check

        host = self.host(name).host
        facts = self.probe(name) if probe else queries.facts(self._db, name)
        if facts is None:
            raise LtError("host_never_probed", host=name)
        return list(check(facts, host, clock.now()))

    def _try_again(self, name: str) -> None:
        """What kept the host away may be mended: no need to sit out the pause since the last try."""
        if queries.jobs(self._db, host=name):
            self._wake(name)

    def _file(self) -> HostsFile:
        from lt_inventory.hosts_file import HostsFile

        return HostsFile(self.home.hosts_file)

    def _trust(self, host: Host, key: OfferedKey) -> None:
        from ..transport.known_hosts import HostKey, trust

        trust(host, HostKey(key.key_type, key.line.split()[-1]), self.home)


def _info(host: Host, row: Mapping[str, Any]) -> HostInfo:
    from .details import HostInfo

    return HostInfo(
        host=host,
        state=row.get("state") or "unknown",
        error=load(row.get("error")),
        last_seen=when(row.get("last_seen")),
        next_try_at=when(row.get("next_try_at")),
        activity=row.get("activity"),
        clock_offset=row.get("clock_offset"),
        facts=row.get("facts"),
        facts_time=row.get("facts_time"),
        active=row.get("active", 0),
    )


def _recordable(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings for the audit: of the jobs' own variables, which may hold anything, the names alone."""
    told = {key: str(value) if key == "until" and value is not None else value for key, value in settings.items()}
    variables = told.get("env")
    return {**told, "env": sorted(variables)} if isinstance(variables, Mapping) else told


def plain_host(host: Host) -> dict[str, Any]:
    """A host as JSON values."""
    value = asdict(replace(host, until=None))
    return {key: list(item) if isinstance(item, tuple) else item for key, item in value.items()}
