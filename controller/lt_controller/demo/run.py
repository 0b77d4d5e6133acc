"""`run_demo`: the main job, end to end, shown as it happens."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.text import Text

from ..client import Client, Job
from ..client.details import Checkpoint
from ..display import Cleaner, safe
from ..plot import plot
from ..wording import state, why
from .answers import ask_both, require_training
from .stage import Stage, stage
from .texts import Speech

RECIPE = "tiny-sft"
OVERRIDES = ("train.logging_steps=10",)
QUESTION = {"en": "How do I see which GPUs are free?", "zh": "怎么看哪块显卡空闲？"}


def run_demo(out: TextIO, *, folder: Path | None = None, language: str = "en") -> int:
    """Trains a tiny model over SSH on this machine and shows each step on `out`; about a minute. The exit code.

    Everything lies in `folder` (default: a new one among the temporary files), which stays, with the trained model.
    Raises LtError `demo_needs_training` where this Python has no torch and friends, and what submitting raises.
    """
    require_training()
    where = folder or Path(tempfile.mkdtemp(prefix="lt-demo-"))
    show = _Show(Console(file=out, highlight=False, soft_wrap=True), language)
    with stage(where.absolute()) as made:
        code = _play(made, show)
    show.line("left", folder=where)
    if code == 0:
        show.line("next")
    return code


class _Show:
    """Headings, lines and log text: coloured on a terminal, plain elsewhere."""

    def __init__(self, console: Console, language: str) -> None:
        self.console = console
        self.language = language
        self.speech = Speech(language)
        self._began = time.monotonic()

    def heading(self, key: str, **values: object) -> None:
        """Begins a part, with the time that has passed."""
        passed = self.speech("seconds", seconds=time.monotonic() - self._began)
        self.console.print(Text.assemble("\n", (self.speech(key, **values), "bold"), ("  " + passed, "dim")))

    def line(self, key: str, **values: object) -> None:
        """A sentence of ours."""
        self.console.print(Text("  " + self.speech(key, **values), "cyan"))

    def plain(self, text: str, style: str = "") -> None:
        """Text as it is, already safe to show."""
        self.console.print(Text(text, style))


def _play(made: Stage, show: _Show) -> int:
    show.heading("over_ssh" if made.address else "over_local", address=made.address)
    facts = made.client.probe(made.host)
    gpus = len(facts.get("gpus") or ())
    show.line(
        "found",
        cpus=facts["cpu"]["count"],
        memory=size(facts["memory"]["total"]),
        gpus=show.speech("gpus", count=gpus) if gpus else show.speech("no_gpu"),
    )
    show.heading("submit")
    job = made.client.submit(made.host, RECIPE, OVERRIDES)
    show.line("submitted", recipe=RECIPE, job=job.name)
    job = _follow(made.client, job, show)
    if job.state != "succeeded":
        show.line("failed", state=state(job.state, show.language), reason=why(job.reason, job.message))
        return 1
    _curve(made.client, job, show)
    model = _results(made.client, job, show)
    _answers(made, job, model, show)
    return 0


def _follow(client: Client, job: Job, show: _Show) -> Job:
    """Shows what is sent, the states, the log and each checkpoint that comes home, until all of it is home."""
    cleaner = Cleaner()
    offset = 0
    seen: set[object] = set()
    for _ in client.changes(1.0):
        # The state is read before the log: at the end nothing is left to read after it.
        job = client.job(job.id)
        for transfer in client.transfers(job.id):
            if transfer.direction == "push" and transfer.state == "done" and _new(seen, transfer.what):
                show.line("pushed", what=safe(transfer.what), size=size(transfer.total))
        if job.state not in ("queued", "running", "stopping") and _new(seen, job.state):
            show.line("state", job=job.name, state=state(job.state, show.language))
        for chunk in client.read_log(job.id, offset=offset):
            if _new(seen, "log"):
                show.heading("train")
            offset = chunk.end
            _log_lines(cleaner.feed(chunk.data), show)
        for checkpoint in client.checkpoints(job.id):
            if checkpoint.pull_state == "pulled" and _new(seen, checkpoint.name):
                show.line("checkpoint_home", name=safe(checkpoint.name), size=size(checkpoint.size))
        if job.resting and job.pull_state not in ("pending", "pulling"):
            break
    return job


def _log_lines(text: str, show: _Show) -> None:
    for line in text.splitlines():
        show.plain("  │ " + line, "dim")


def _curve(client: Client, job: Job, show: _Show) -> None:
    points = [(point.step, point.value) for point in client.metrics(job.id, ["loss"]) if point.value is not None]
    if len(points) < 2:
        show.heading("no_loss")
        return
    show.heading("loss", first=points[0][1], last=points[-1][1])
    for line in plot(points, width=min(72, max(20, show.console.width - 12)), height=12):
        show.plain("  " + line)


def _results(client: Client, job: Job, show: _Show) -> Path:
    """Shows where the verified model lies; its folder."""
    final = _final(client.checkpoints(job.id))
    assert final.path is not None
    files = [path for path in sorted(final.path.rglob("*")) if path.is_file()]
    show.heading("home")
    show.plain(f"  {final.path}")
    show.line("files_checked", files=len(files), size=size(final.size))
    return final.path


def _final(checkpoints: list[Checkpoint]) -> Checkpoint:
    """The finished model, or the newest checkpoint where the recipe has none."""
    home = [checkpoint for checkpoint in checkpoints if checkpoint.path is not None]
    return next((checkpoint for checkpoint in home if checkpoint.kind == "final"), home[-1])


def _answers(made: Stage, job: Job, model: Path, show: _Show) -> None:
    question = QUESTION[show.language]
    worker = made.root / "jobs" / job.id / str(job.attempt) / "worker.json"
    show.heading("answer")
    before, after = ask_both(worker, model, question)
    answers = {"question": question, "before": before, "after": after}
    width = max(len(show.speech(key)) for key in answers)
    for key, text in answers.items():
        label = show.speech(key).ljust(width)
        show.console.print(Text.assemble("  ", (label, "bold"), "  ", safe(text) or "…"))
    show.plain("  " + show.speech("tiny"), "dim")


def size(count: float) -> str:
    """`1.4 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _new(seen: set[object], what: object) -> bool:
    if what in seen:
        return False
    seen.add(what)
    return True
