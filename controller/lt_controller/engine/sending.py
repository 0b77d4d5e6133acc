"""Bringing snapshots to a host before there is a job for them: `lt host prepare`."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from lt_inventory.model import Host

from ..home import Home
from ..store.writer import Writer
from ..transport.uv import push_uv
from .connect import Connected
from .staging import Snapshot, Stager


def send(
    host: Host, home: Home, writer: Writer, connected: Connected, snapshots: Sequence[dict[str, Any]], uv: bool
) -> dict[str, Any]:
    """Sends what the host lacks, and uv if the environment is built there; `{sent, there}` are names of snapshots.

    May be repeated: what has arrived and was verified is not sent again, and a file that was cut goes on. Raises what
    the transfers raise.
    """
    cancel = threading.Event()
    wanted = [Snapshot.from_params(value) for value in snapshots]
    items = [{"name": item.name, "digest": item.digest} for item in wanted]
    answer = connected.link.request("have", items=items) if items else {"missing": []}
    missing = {(item["name"], item["digest"]) for item in answer["missing"]}
    if uv:
        push_uv(connected.transport, connected.bulk, connected.facts, home, cancel=cancel)
    stager = Stager(host.name, home.path, writer, connected.link, connected.bulk)
    sent = []
    for item in wanted:
        if (item.name, item.digest) in missing:
            stager.push("", item, cancel)
            sent.append(item.name)
    return {"sent": sent, "there": [item.name for item in wanted if item.name not in sent]}
