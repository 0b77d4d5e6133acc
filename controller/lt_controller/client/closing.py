"""Hosts that take nothing new: drained (it may go soon) or retired (it is gone)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lt_agent.protocol.errors import LtError

if TYPE_CHECKING:
    from .details import HostInfo

DRAINED, RETIRED = "drained", "retired"


def check_named(hosts_file: Path, name: str) -> None:
    """As `check_open`, by name; a host that is not in the inventory is not closed, it is unknown."""
    from lt_inventory.hosts_file import HostsFile

    host = HostsFile(hosts_file).load().get(name)
    if host is not None and host.closed:
        raise LtError(f"host_{host.closed}", host=name)


def check_open(info: HostInfo) -> None:
    """Raises LtError `host_drained` or `host_retired` for a host that a person has closed."""
    if info.host.closed:
        raise LtError(f"host_{info.host.closed}", host=info.name)
