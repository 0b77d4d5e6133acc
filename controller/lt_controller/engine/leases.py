"""The terms of hosts while the controller runs: written down when the inventory changes."""

from __future__ import annotations

import time
from collections.abc import Mapping

from lt_inventory.model import Host
from lt_inventory.periods import terms_of

from ..store import history
from ..store.times import iso
from ..store.writer import Writer


def note_terms(writer: Writer, hosts: Mapping[str, Host], stamp: tuple[int, int] | None) -> None:
    """The inventory was read; `stamp` tells when its file was written: then its terms began to hold."""
    moment = min(time.time(), stamp[0] / 1e9) if stamp else time.time()
    writer.add("hosts", history.note_terms, {name: terms_of(host) for name, host in hosts.items()}, iso(moment))
