"""Output without measure: no newline, a million metrics at once, bytes that are no text."""

from __future__ import annotations

from functools import partial

from benchmarks.faults.model import Family, Row
from benchmarks.faults.scene import LONG, Scene

ENDLESS = """
import sys
block, left = b"no newline " * 95325, int(sys.argv[1])
while left > 0:
    sys.stdout.buffer.write(block[: min(left, len(block))])
    left -= len(block)
"""
BURST = """
import os, sys
with open(os.environ["LT_METRICS"], "w") as file:
    for step in range(int(sys.argv[1])):
        file.write(f'{{"step": {step}, "loss": {step / 7}}}\\n')
"""
NOT_TEXT = """
import os, sys
for _ in range(200):
    sys.stdout.buffer.write(bytes(range(256)) * 8 + os.urandom(512) + b"\\xc3\\x28\\xed\\xa0\\x80\\n")
with open(os.environ["LT_METRICS"], "wb") as file:
    file.write(b'{"step": 1, "loss": 0.5}\\n\\xff\\xfe\\x00\\n{"step": 2, "\\xff": 1}\\n{"step": 3, "loss": 0.25}\\n')
"""


def printed(scene: Scene, script: str, amount: int, options: tuple[str, ...] = ()) -> str:
    """Runs a script with one number, to its end."""
    (scene.laptop.work / "flood.py").write_text(script)
    _ = scene.box
    name = scene.took(scene.laptop.run("box", "python3", "flood.py", str(amount), options=options))
    scene.hit()
    scene.finish(name, timeout=4 * LONG)
    return name


def endless(scene: Scene, size: int) -> None:
    """One line of `size` bytes; the controller does not hold it in memory."""
    name = printed(scene, ENDLESS, size)
    assert (scene.attempt(name) / "log").stat().st_size == size
    process = scene.laptop.controller()
    if process is not None:
        peak = process.memory_info().rss / 2**20
        assert peak < 400, f"the controller holds {peak:.0f} MB"
        scene.result.note += f"; controller {peak:.0f} MB" if scene.result.note else f"controller {peak:.0f} MB"


def burst(scene: Scene, count: int) -> None:
    """Metrics as fast as a script can write them."""
    name = printed(scene, BURST, count)
    (row,) = scene.laptop.query(
        "SELECT count(*) AS n FROM metrics WHERE job_id=? AND name='loss'", scene.laptop.job(name)["id"]
    )
    assert row["n"] == count, row["n"]


def not_text(scene: Scene) -> None:
    """Bytes that are no UTF-8, in the log and among the metrics."""
    name = printed(scene, NOT_TEXT, 0)
    assert scene.laptop.metrics(name, "loss") == {1: 0.5, 3: 0.25}
    scene.laptop.lt("logs", name)


FAMILY = Family(
    "floods",
    "Streams are bytes with an offset; whoever writes much is slowed by nobody and slows nobody down.",
    (
        Row("a log of 32 MB without a newline", partial(endless, size=32_000_000), host="sshd", quick=True),
        Row("a log of 10 GB without a newline", partial(endless, size=1_000_000_000), shortened="as 1 GB"),
        Row("20,000 metrics in a burst", partial(burst, count=20_000), host="sshd", quick=True),
        Row("1,000,000 metrics in a burst", partial(burst, count=1_000_000)),
        Row("invalid UTF-8", not_text, host="sshd", quick=True),
    ),
)
