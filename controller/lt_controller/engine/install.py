"""rsync for a host that lacks it, by the host's own package manager; only when a person has said yes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_inventory.check import install_argvs
from lt_inventory.facts import Facts
from lt_inventory.model import Host

from ..transport.base import Transport

PATIENCE = 300.0  # seconds for one command: package mirrors can be slow
TAIL = 400  # bytes of what it said, for the error


def install_rsync(transport: Transport, host: Host, facts: Mapping[str, Any]) -> None:
    """Installs rsync on the host. Raises LtError `install_impossible`, `install_failed{host, program, detail}`."""
    argvs = install_argvs(Facts.of(facts), "rsync")
    if argvs is None:
        raise LtError("install_impossible", host=host.name, program="rsync")
    for argv in argvs:
        done = transport.run(argv, timeout=PATIENCE)
    if done.exit != 0:  # of the last: lists that could not be fetched may still be good enough
        said = (done.stderr or done.stdout)[-TAIL:].decode("utf-8", "replace").strip()
        raise LtError("install_failed", host=host.name, program="rsync", command=" ".join(argvs[-1]), detail=said)
