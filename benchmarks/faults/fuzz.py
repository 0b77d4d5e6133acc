"""`python -m benchmarks.faults.fuzz [--seconds N] [--seed N]`: what reads strangers' bytes, fed with damaged ones.

The bridge's reader (both ends use it), what the controller makes of a host's messages, and the recipe loader. Each may
refuse by its own typed error; anything else that is raised is a finding. Prints a line of figures for each.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from lt_agent.protocol import frames
from lt_agent.protocol.records import ExitRecord, JobSpec, Manifest, to_dict
from lt_agent.protocol.ulid import new_ulid
from lt_controller.engine.intake import Intake
from lt_controller.store import jobs
from lt_controller.store.writer import Writer
from lt_recipes.loading import load
from lt_recipes.problems import RecipeError

Target = Callable[[random.Random], str]
_JUNK = (
    b"\0",
    b"\xff",
    b"\n",
    b'"',
    b"{",
    b"[" * 2000,
    b"\xed\xa0\x80",
    b"1e999",
    b"-1",
    b"9" * 40,
    b"null",
    b"!!python/",
)


def read_all(wire: bytes) -> str:
    """Feeds a reader; `read` or `refused`. Raises whatever is not ProtocolError."""
    reader = frames.FrameReader()
    try:
        for at in range(0, len(wire), 1000):
            for _ in reader.feed(wire[at : at + 1000]):
                pass
    except frames.ProtocolError:
        return "refused"
    return "read"


def damaged(chance: random.Random, data: bytes) -> bytes:
    """`data` with a few bytes changed, taken out, doubled, or junk put in."""
    text = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(text) + 1)
        kind = chance.randrange(4)
        if kind == 0 and at < len(text):
            text[at] = chance.randrange(256)
        elif kind == 1:
            del text[at : at + chance.randint(1, 20)]
        elif kind == 2:
            text[at:at] = text[at : at + chance.randint(1, 40)]
        else:
            text[at:at] = chance.choice(_JUNK)
    return bytes(text)


def bridge_reader(chance: random.Random) -> str:
    """A conversation with damage in it."""
    wire = frames.MAGIC + b"".join(
        frames.encode({"type": chance.choice(("stream", "reply", "packed")), "id": n}, chance.randbytes(n * 7))
        for n in range(chance.randint(1, 6))
    )
    return read_all(damaged(chance, wire))


class HostMessages:
    """Frames that are whole, about a job that is followed, with values that are not what they should be."""

    def __init__(self, folder: Path) -> None:
        self.writer = Writer(folder / "lt.db")
        self.faults: list[str] = []
        self.intake = Intake("h", folder, self.writer, lambda: None, self.faults.append)
        spec = JobSpec(job=new_ulid(), attempt=1, name="j", owner="me", kind="command", argv=("true",))
        self.job = self.writer.run("", jobs.take_submit, "i", {"spec": to_dict(spec), "host": "h"})

    def __call__(self, chance: random.Random) -> str:
        """One message; whether it was taken or called malformed."""
        self.intake.follow(self.job, 1, None)
        manifest = to_dict(Manifest("c", "checkpoint", "out/c", ()))
        headers = (
            {"stream": "log", "offset": 0},
            {"stream": "events", "offset": 0},
            {"stream": "metrics", "offset": 0},
            {"manifest": manifest},
            {"exit": to_dict(ExitRecord("failed", "oom")), "cursors": {}},
            {"error": {"code": "x", "params": {}}},
            {"name": "c"},
        )
        header = {**chance.choice(headers), "job": self.job, "attempt": 1}
        header["type"] = chance.choice(("stream", "manifest", "gone", "problem", "exit", "beat", "?"))
        try:
            value = json.loads(damaged(chance, json.dumps(header).encode()))
        except (ValueError, RecursionError):
            return "refused"
        if not isinstance(value, dict):
            return "refused"
        before = len(self.faults)
        body = damaged(chance, b'{"time": 1, "code": "state", "params": {"state": "running"}, "step": 1, "loss": 2}\n')
        self.intake.push(frames.Frame({"type": "?", **value}, body))
        self.writer.run("", lambda db: db.execute("SELECT 1").fetchone())
        return "refused" if len(self.faults) > before else "read"


class RecipeFiles:
    """The gallery's recipes, damaged."""

    def __init__(self, folder: Path) -> None:
        import lt_recipes

        gallery = Path(lt_recipes.__file__).parent / "gallery"
        texts = [path.read_bytes() for path in sorted(gallery.glob("*.yaml"))]
        self.texts = [text.replace(b"path: data/", b"path: host:/data/") for text in texts]  # not looked for here
        self.path = folder / "recipe.yaml"

    def __call__(self, chance: random.Random) -> str:
        """One file; whether it was loaded or refused with its problems."""
        self.path.write_bytes(damaged(chance, chance.choice(self.texts)))
        try:
            load(str(self.path), [])
        except RecipeError:
            return "refused"
        return "read"


def fuzz(target: Target, seconds: float, seed: int) -> tuple[Counter[str], list[str]]:
    """Runs one target; how often it read and refused, and what it raised that it should not."""
    counts: Counter[str] = Counter()
    findings = []
    over = time.monotonic() + seconds
    while time.monotonic() < over:
        number = seed + counts.total()
        try:
            counts[target(random.Random(number))] += 1
        except Exception as error:
            counts["raised"] += 1
            findings.append(f"seed {number}: {type(error).__name__}: {error}")
    return counts, findings


def main() -> int:
    """Runs all targets; 1 if any raised what it should not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target (default 60)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        messages = HostMessages(folder)
        targets: dict[str, Target] = {
            "bridge's reader": bridge_reader,
            "host's messages": messages,
            "recipe loader": RecipeFiles(folder),
        }
        for told, target in targets.items():
            counts, findings = fuzz(target, options.seconds, options.seed)
            each = ", ".join(f"{count:,} {word}" for word, count in sorted(counts.items()))
            sys.stdout.write(f"{told}: {counts.total():,} inputs in {options.seconds:.0f} s ({each})\n")
            sys.stdout.writelines(f"  {text}\n" for text in findings[:5])
            bad += len(findings)
        messages.writer.close()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
