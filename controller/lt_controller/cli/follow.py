"""Showing a job as it goes: its log on stdout, what else happens on stderr, its end as the exit code."""

from __future__ import annotations

import json
import re
import sys

import click

from ..client import Client
from ..client.details import Transfer
from ..client.models import Job, LogChunk
from ..display import Cleaner
from ..wording import phrase, say, state, why
from ..wording.say import size
from .output import note
from .root import INTERRUPTED


class Printer:
    """Writes log chunks to stdout, safe and at once; with `grep` the lines that match."""

    def __init__(self, grep: re.Pattern[str] | None = None, *, live: bool = False) -> None:
        self._grep = grep
        self._live = live and grep is None
        self._cleaner = self._fresh()
        self._attempt = 0

    def write(self, chunk: LogChunk) -> None:
        """Shows a chunk. A new attempt's log begins on a line of its own."""
        if chunk.attempt != self._attempt:
            if self._attempt:
                self.finish()
            self._attempt = chunk.attempt
        self._show(self._cleaner.feed(chunk.data))

    def finish(self) -> None:
        """Shows what was held back: a last line without its end."""
        self._show(self._cleaner.finish(), end=True)
        self._cleaner = self._fresh()

    def _fresh(self) -> Cleaner:
        return Cleaner("live" if self._live else "last")

    def _show(self, text: str, end: bool = False) -> None:
        if not text:
            return
        if self._grep is not None:
            lines = [line for line in text.splitlines() if self._grep.search(line)]
            text = "".join(line + "\n" for line in lines)
        elif end and not text.endswith("\n"):
            text += "\n"
        sys.stdout.write(text)
        sys.stdout.flush()


def follow_job(
    client: Client,
    ref: str,
    *,
    attempt: int | None = None,
    offset: int = 0,
    grep: re.Pattern[str] | None = None,
    states: bool = True,
) -> int:
    """Follows to the job's end. 0 if it succeeded or is paused, 1 otherwise; Ctrl-C leaves the job running."""
    printer = Printer(grep, live=sys.stdout.isatty())
    progress = _Progress()
    job: Job | None = None
    try:
        for news in client.follow(ref, attempt=attempt, offset=offset):
            if isinstance(news, LogChunk):
                progress.clear()
                printer.write(news)
            elif isinstance(news, Transfer):
                progress.show(news)
            else:
                job = news
                progress.clear()
                if states and not job.resting:
                    note(f"{job.name}: {state(job.state)}")
        printer.finish()
    except KeyboardInterrupt:
        progress.clear()
        if job is not None:
            note("\n" + phrase("still_running", job=job.name))
        return INTERRUPTED
    return tell_end(client, client.job(job.id if job else ref))


def tell_end(client: Client, job: Job) -> int:
    """Says how the job ended and where its checkpoints are; the exit code."""
    if not job.resting:  # only an older attempt was followed
        return 0
    note(phrase("follow_end", job=job.name, state=state(job.state), why=why(job.reason, job.message, job.exit_code)))
    if job.state in ("failed", "lost"):
        note(f"    → {_remedy(job.message) or phrase('follow_look', job=job.name)}")
    if job.pull_state in ("pending", "pulling"):
        note(phrase("coming_home", job=job.name))
    elif job.pull_state == "pulled":
        note(phrase("come_home", path=str(client.home.run(job.name))))
    return 0 if job.state in ("succeeded", "paused") else 1


def _remedy(message: str | None) -> str:
    """What to type about the error that ended a job; nothing where a worker's own word did."""
    try:
        stored = json.loads(message or "")
    except (ValueError, RecursionError):
        return ""
    return say(stored).next if isinstance(stored, dict) and isinstance(stored.get("code"), str) else ""


class _Progress:
    """Transfers on stderr: one line that is redrawn on a terminal, a line per transfer in a pipe."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._drawn = False
        self._told: set[tuple[str, str]] = set()

    def show(self, transfer: Transfer) -> None:
        share = f"{size(transfer.done)} / {size(transfer.total)}"
        what = phrase("sending", what=transfer.what, host=transfer.host)
        if self._terminal:
            if transfer.state not in ("done", "failed"):
                click.echo(f"\r\x1b[K{what}  {share}", err=True, nl=False)
                self._drawn = True
        elif (transfer.what, transfer.state) not in self._told:
            self._told.add((transfer.what, transfer.state))
            note(f"{what}  {share}")

    def clear(self) -> None:
        if self._drawn:
            click.echo("\r\x1b[K", err=True, nl=False)
            self._drawn = False
