"""A host that lies: a bridge that speaks nonsense, manifests that point elsewhere, files that are something else."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.faults.model import Family, Row
from benchmarks.faults.scene import LONG, Scene
from support.wait import until

MEMORY = 400  # MB: what the controller may hold at most
# What a hostile host starts in place of the agent. Each begins as a true bridge does.
FAKES = {
    "garbage": "import os\nwhile True:\n    put(os.urandom(65536))",
    "huge frames": "while True:\n    put(b'\\xff\\xff\\xff\\xf0' * 2 + b'x' * 65536)",
    "frames just allowed, without end": """
import json, struct
head = json.dumps({"type": "stream", "job": "x" * 26, "attempt": 1, "stream": "log", "offset": 0}).encode()
frame = struct.pack(">II", len(head), 4 << 20) + head + bytes(4 << 20)
while True:
    put(frame)
""",
    "one byte a second": """
import time
beat = b'{"type":"beat"}'
for byte in (len(beat).to_bytes(4, "big") + bytes(4) + beat) * 1000:
    put(bytes([byte]))
    time.sleep(1)
""",
}
_FAKE = (
    "import sys\ndef put(data):\n    sys.stdout.buffer.write(data); sys.stdout.buffer.flush()\nput({magic!r})\n{body}\n"
)


def lying_bridge(scene: Scene, fake: str) -> None:
    """The liar's job stays as it was, a job on an honest host goes its way, and the truth comes home afterwards."""
    from lt_agent.protocol.frames import MAGIC

    name = scene.start(lines=50, gate="gate")
    scene.running(name)
    agents = [path / "__main__.py" for path in (scene.roots[0] / "agents").iterdir() if path.name[0] != "."]
    truth = {path: path.read_bytes() for path in agents}
    for path in agents:
        path.write_text(_FAKE.format(magic=MAGIC, body=FAKES[fake]))
    for process in scene.agents("bridge"):
        process.kill()
    scene.hit()
    scene.machine("honest")
    other = scene.took(scene.laptop.run("honest", "python3", "work.py", "lines=20"))
    scene.finish(other)
    until(lambda: scene.state_of_host() == "unreachable", LONG, "the liar is found out")
    assert scene.laptop.job(name)["state"] == "running"
    process = scene.laptop.controller()
    assert process is None or process.memory_info().rss < MEMORY << 20, "the controller's memory"
    for path, text in truth.items():
        path.write_bytes(text)
    for process in scene.agents("bridge"):
        process.kill()
    scene.open_gate()
    scene.laptop.lt("host", "check", "box", code=None)
    scene.finish(name)


def announced(scene: Scene, name: str, checkpoint: str, entry: dict[str, Any]) -> None:
    """Puts a manifest on the host, as its agent would."""
    value = {"name": checkpoint, "kind": "final", "base": f"out/{checkpoint}", "files": [entry], "created_at": 1.0}
    path = scene.attempt(name) / "manifests" / f"{checkpoint}.json"
    path.with_suffix(".new").write_text(json.dumps(value))
    path.with_suffix(".new").rename(path)


def outside(scene: Scene) -> None:
    """A manifest that names a file outside of its folder is refused; the job's other files come home."""
    name = scene.start(lines=20, parts=1, gate="gate", pull=True)
    scene.running(name)
    target = scene.laptop.home / "runs" / "escaped"
    for number, path in enumerate(("../../escaped", "/tmp/lt-escaped", "a/../../../escaped", "")):
        announced(scene, name, f"evil-{number}", _entry(path, b"evil\n"))
        scene.hit()
    until(lambda: "bad_manifest" in json.dumps(_told(scene, name)), LONG, "the manifest is refused")
    scene.open_gate()
    scene.finish(name, pulled=True)
    assert not target.exists() and not Path("/tmp/lt-escaped").exists()
    assert not [row for row in scene.laptop.checkpoints(name) if row.startswith("evil")]


def link(scene: Scene) -> None:
    """A symbolic link in a checkpoint, to a file with the very hash: neither it nor its target comes home."""
    secret = scene.disk / "secret"
    secret.write_bytes(b"of the host\n")
    name = scene.start(lines=20, gate="gate", pull=True)
    scene.running(name)
    folder = scene.attempt(name) / "out" / "linked"
    folder.mkdir(parents=True)
    (folder / "model.bin").symlink_to(secret)
    announced(scene, name, "linked", _entry("model.bin", secret.read_bytes()))
    scene.hit()
    _not_pulled(scene, name, "linked")
    scene.open_gate()
    scene.finish(name)


def altered(scene: Scene) -> None:
    """A file that changed after it was hashed is not called pulled; as it was, it is."""
    name = scene.start(lines=20, gate="gate", pull=True)
    scene.running(name)
    folder = scene.attempt(name) / "out" / "altered"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"b" * 100_000)
    announced(scene, name, "altered", _entry("model.bin", b"a" * 100_000))
    scene.hit()
    _not_pulled(scene, name, "altered")
    (folder / "model.bin").write_bytes(b"a" * 100_000)
    scene.open_gate()
    scene.finish(name)
    scene.laptop.kill_controller()  # the next one tries again at once
    scene.laptop.lt("pull", name, code=None)
    until(lambda: scene.laptop.checkpoints(name)["altered"]["pull_state"] == "pulled", LONG, "pulled in the end")


def _not_pulled(scene: Scene, name: str, checkpoint: str) -> None:
    def told() -> bool:
        row = scene.laptop.checkpoints(name).get(checkpoint, {})
        assert row.get("pull_state") != "pulled", "called pulled"
        return bool(row.get("error"))

    until(told, LONG, "the pull is refused")


def _told(scene: Scene, name: str) -> list[dict[str, Any]]:
    job = scene.laptop.job(name)
    events = scene.laptop.query("SELECT code, params FROM events WHERE job_id=?", job["id"])
    return [dict(row) for row in events] + [{"message": job["message"]}]


def _entry(path: str, data: bytes) -> dict[str, Any]:
    return {"path": path, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


FAMILY = Family(
    "hostile hosts",
    "Hosts are not trusted: what does not hold is refused and noted at its job, the laptop stays whole, other hosts "
    "are served. The bridge's place is taken by a script of the host's own.",
    (
        *(
            Row(f"a bridge that sends {fake}", partial(lying_bridge, fake=fake), quick=fake == "garbage")
            for fake in FAKES
        ),
        Row("a manifest that names files outside", outside, host="sshd", quick=True),
        Row("a symbolic link in a pull", link, host="sshd", quick=True),
        Row("a checkpoint altered after its manifest", altered, host="sshd"),
    ),
)
