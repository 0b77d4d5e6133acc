"""Attempts as a supervisor would have left them, and bridges that look at them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lt_agent.protocol.files import write_json
from lt_agent.protocol.paths import AttemptPaths, HostRoot
from lt_agent.protocol.ulid import new_ulid
from support.bridge_client import BridgeClient
from support.wait import until


def connect(root: HostRoot, **more: Any) -> BridgeClient:
    """A bridge on this root, with a lease folder of its own."""
    return BridgeClient(root.path, root.path.parent / "lease", **more)


def make_attempt(root: HostRoot, number: int = 1, job: str | None = None) -> AttemptPaths:
    """An attempt as a supervisor that has gone would have left it."""
    paths = root.attempt(job or new_ulid(), number)
    for folder in (paths.control, paths.manifests, paths.out):
        folder.mkdir(parents=True)
    spec = {"job": paths.job, "attempt": number, "name": "tiny", "owner": "test", "kind": "command", "argv": ["true"]}
    write_json(paths.spec, spec)
    return paths


def make_manifest(paths: AttemptPaths, name: str, step: int = 1) -> dict[str, Any]:
    """A complete checkpoint, as the supervisor tells of it."""
    value = {"name": name, "kind": "checkpoint", "base": f"out/{name}", "step": step}
    value["files"] = [{"path": "model.bin", "size": 3, "sha256": "0" * 64}]
    write_json(paths.manifest(name), value)
    return value


def finish(paths: AttemptPaths, state: str = "succeeded") -> None:
    """The outcome, as the supervisor writes it."""
    write_json(paths.exit, {"state": state, "reason": "done", "exit_code": 0})


def follow(client: BridgeClient, paths: AttemptPaths, **more: Any) -> None:
    """Asks for the attempt's streams."""
    assert client.ask("follow", job=paths.job, attempt=paths.attempt, **more) == {}


def write_slowly(path: Path) -> None:
    """Two thousand lines, a write each."""
    with open(path, "ab", buffering=0) as log:
        for number in range(2000):
            log.write(b"line %d\n" % number)


def rss(client: BridgeClient) -> int:
    """Bytes of memory that the bridge has."""
    for line in Path(f"/proc/{client.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def cpu_seconds(client: BridgeClient) -> float:
    """Processor time that it has used."""
    fields = Path(f"/proc/{client.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_asleep(client: BridgeClient) -> None:
    """Until the bridge has nothing more to do for now: it used no processor time for a while."""
    seen: list[float] = []

    def quiet() -> bool:
        seen.append(cpu_seconds(client))
        return len(seen) > 20 and seen[-1] > 0 and seen[-20] == seen[-1]

    until(quiet, what="the bridge to stall")
