"""The terminal UI on a real pty of 140 × 40, beside an empty Textual app on the same.

First paint: from the start of the process until hosts and jobs are in the pty (200 hosts, 1,000 jobs); of the empty
app, until its one line is. Steady: CPU seconds of the process over 20 s in which every host and every running job
changes each second. Key to cursor: from the write of `j` to the pty until the first bytes of the answer, under that
load with 200 log lines a second. Log: 1,000,000 lines; from `G` until the last line is there. Chart: one drawing of
4 series × 100,000 points at 120 × 30 cells, in process. Idle: CPU over 20 s without any change.
"""

from __future__ import annotations

import math
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import threading
import time
from array import array
from fcntl import ioctl

import psutil

from benchmarks.harness import Bench, Row, median, percentile, spread
from benchmarks.sample_fleet import SampleFleet

HOSTS, JOBS, SECONDS, LINES = 200, 1000, 20, 1_000_000
EMPTY = """
from textual.app import App
from textual.widgets import Static
class Empty(App):
    def compose(self):
        yield Static("EMPTY-APP")
Empty().run()
"""


class Screen:
    """A process on a pty; everything it writes is read at once."""

    def __init__(self, code: str) -> None:
        self.began = time.perf_counter()
        self._master, slave = pty.openpty()
        ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
        env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LT_LANG": "en"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True
        )
        os.close(slave)
        self.process = psutil.Process(self._process.pid)
        self.seen = b""

    def read(self, seconds: float) -> bytes:
        """What comes within `seconds`, the first piece of it."""
        if not select.select([self._master], [], [], seconds)[0]:
            return b""
        data = os.read(self._master, 1 << 16)
        self.seen += data
        return data

    def until(self, wanted: bytes, seconds: float = 60.0) -> float:
        """Seconds from the start until `wanted` has come."""
        deadline = time.perf_counter() + seconds
        while wanted not in self.seen:
            if time.perf_counter() > deadline:
                raise TimeoutError(f"{wanted!r}: {self.seen[-500:]!r}")
            self.read(0.5)
        return time.perf_counter() - self.began

    def drain(self, seconds: float) -> None:
        """Reads for so long."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            self.read(left)

    def type(self, keys: str) -> None:
        """Presses keys."""
        self.seen = b""
        os.write(self._master, keys.encode())

    def cpu(self) -> float:
        """CPU seconds of the process so far."""
        used = self.process.cpu_times()
        return float(used.user + used.system)

    def close(self) -> None:
        """Ends it."""
        self._process.kill()
        self._process.wait()
        os.close(self._master)


def measure(bench: Bench) -> list[Row]:
    """A row per goal."""
    fleet = SampleFleet(bench.folder / "fleet", HOSTS, JOBS)
    code = f"from lt_tui.app import LtApp; LtApp({str(fleet.home.path)!r}, keep_controller=False).run()"
    try:
        return [_first_paint(bench, code), *_steady(fleet, code), *_log(fleet, code), _chart(bench), _idle(code)]
    finally:
        fleet.close()


def _first_paint(bench: Bench, code: str) -> Row:
    floors, results = [], []
    for _run in range(max(5, bench.runs)):
        empty = Screen(EMPTY)
        floors.append(empty.until(b"EMPTY-APP"))
        empty.close()
        screen = Screen(code)
        screen.until(b"a100")
        results.append(screen.until(b"%"))
        screen.close()
    ratio = median(results) / median(floors)
    shown = f"{spread(results)} s = {ratio:.2f} ×"
    return Row(f"first paint, {HOSTS} hosts and {JOBS:,} jobs", f"{spread(floors)} s", shown, "≤ 2 ×", ratio <= 2)


def _steady(fleet: SampleFleet, code: str) -> list[Row]:
    screen = Screen(code)
    screen.until(b"a100")
    screen.drain(3)
    ended = threading.Event()
    chatter = threading.Event()
    job = fleet.jobs[0]

    def change() -> None:
        beat = 0
        while not ended.wait(1.0):
            beat += 1
            fleet.change_everything(beat)
            if chatter.is_set():
                fleet.add_log(job, b"".join(b"step %d loss 0.123\n" % n for n in range(200)))

    writer = threading.Thread(target=change)
    writer.start()
    try:
        screen.drain(2)
        before = screen.cpu()
        screen.drain(SECONDS)
        share = (screen.cpu() - before) / SECONDS
        chatter.set()
        times = []
        for n in range(150):
            screen.drain(0.03 + 0.005 * (n % 7))
            began = time.perf_counter()
            screen.type("j" if n % 20 < 10 else "k")
            while not screen.read(1.0):
                pass
            times.append(time.perf_counter() - began)
    finally:
        ended.set()
        writer.join()
        screen.close()
    late = percentile(times, 95) * 1000
    return [
        Row(
            "steady, every host and running job changes each second",
            "0",
            f"{share:.1%} of a core",
            "≤ 12 %",
            share <= 0.12,
        ),
        Row(
            "key to cursor under that load, 200 log lines a second",
            "",
            f"p50 {median(times) * 1000:.0f} ms, p95 {late:.0f} ms",
            "p95 ≤ 30 ms",
            late <= 30,
        ),
    ]


def _log(fleet: SampleFleet, code: str) -> list[Row]:
    job = fleet.jobs[1]
    text = b"".join(b"%09d %s\n" % (n, b"loss 0.123 " * 8) for n in range(LINES))
    fleet.db.execute("BEGIN")
    for at in range(0, len(text), 64 << 10):
        fleet.insert("logs", job_id=job, attempt=1, offset=at, data=text[at : at + (64 << 10)])
    fleet.db.execute("COMMIT")
    name = fleet.db.execute("SELECT name FROM jobs WHERE id=?", (job,)).fetchone()[0]
    screen = Screen(code)
    screen.until(b"a100")
    screen.drain(1)
    screen.type(f":job {name}")
    screen.drain(1)
    screen.type("\r")
    began = time.perf_counter()
    screen.until(b"%09d" % (LINES - 1))
    opened = time.perf_counter() - began
    screen.type("2")
    screen.drain(1)
    screen.type("g")
    screen.until(b"%09d" % 20)
    times = []
    for _jump in range(10):
        screen.drain(0.3)
        screen.type("G")
        began = time.perf_counter()
        screen.until(b"%09d" % (LINES - 1))
        times.append(time.perf_counter() - began)
        screen.type("g")
        screen.until(b"%09d" % 20)
    memory = screen.process.memory_info().rss / 1e6
    screen.close()
    worst = max(times) * 1000
    return [
        Row(
            f"log of {LINES:,} lines: open at its end; jump to its end",
            "",
            f"{opened * 1000:.0f} ms; {spread(times, 1000, 0)} ms",
            "≤ 300 ms",
            opened <= 0.3 and worst <= 300,
            f"resident memory after it {memory:.0f} MB",
        )
    ]


def _chart(bench: Bench) -> Row:
    import asyncio

    from textual.app import App, ComposeResult

    from lt_controller.client.series import Series
    from lt_tui.widgets.chart import Chart, Curve

    steps = array("q", range(100_000))
    curves = []
    for n in range(4):
        values = array("d", [math.sin(k / 900 + n) + k / 1e5 for k in range(100_000)])
        curves.append(Curve(f"loss {n}", Series("loss", array("q", steps), values)))
    times: list[float] = []

    class Drawing(App[None]):
        def compose(self) -> ComposeResult:
            yield Chart()

    async def run() -> None:
        app = Drawing()
        async with app.run_test(size=(120, 30)) as pilot:
            chart = app.query_one(Chart)
            chart.set_curves(curves)
            await pilot.pause()
            for n in range(max(10, bench.runs)):
                chart.set_view(log=n % 2 == 0)
                began = time.perf_counter()
                for y in range(30):
                    chart.render_line(y)
                times.append(time.perf_counter() - began)

    asyncio.run(run())
    return Row(
        "chart of 4 series × 100,000 points, drawn again",
        "",
        f"{spread(times, 1000, 0)} ms",
        "≤ 100 ms",
        median(times) <= 0.1,
    )


def _idle(code: str) -> Row:
    screen = Screen(code)
    screen.until(b"a100")
    screen.drain(4)
    before = screen.cpu()
    screen.drain(SECONDS)
    share = (screen.cpu() - before) / SECONDS
    screen.close()
    return Row("idle", "0", f"{share:.2%} of a core", "≤ 0.5 %", share <= 0.005)
