"""`lt logs`."""

from __future__ import annotations

import re
import sys

import click

from lt_agent.protocol.errors import LtError

from ..client import Client


@click.command()
@click.argument("ref", metavar="JOB")
@click.option("--follow", "-f", is_flag=True, help="go on until the job ends; Ctrl-C leaves it running")
@click.option("--grep", metavar="RE", help="only lines that match this regular expression")
@click.option("--tail", type=click.IntRange(0), metavar="N", help="begin with the last N lines")
@click.option("--offset", type=click.IntRange(0), metavar="BYTES", help="begin at this byte")
@click.option("--attempt", type=click.IntRange(1), help="of this attempt; else the newest")
@click.option("--raw", is_flag=True, help="the bytes exactly as printed, into a file or pipe")
def logs(
    ref: str,
    follow: bool,
    grep: str | None,
    tail: int | None,
    offset: int | None,
    attempt: int | None,
    raw: bool,
) -> int:
    """What JOB printed, made safe for a terminal. With -f the exit code is 1 if the job failed.

    \b
    lt logs sft-lora-k3x9qp -f
    lt logs sft-lora-k3x9qp --grep 'loss|error' --tail 2000
    lt logs sft-lora-k3x9qp --raw > train.log
    """
    pattern = _compile(grep)
    if raw and sys.stdout.isatty():
        raise LtError("raw_to_terminal")
    with Client() as client:
        job = client.job(ref)
        start = offset or 0
        if tail is not None:
            start = max(start, client.log_tail(job.id, tail, attempt=attempt))
        if raw:
            chunks = client.follow_log if follow else client.read_log
            for chunk in chunks(job.id, attempt=attempt, offset=start):
                sys.stdout.buffer.write(chunk.data)
                sys.stdout.buffer.flush()
            return 0
        from .follow import Printer, follow_job

        if follow:
            return follow_job(client, job.id, attempt=attempt, offset=start, grep=pattern, states=not job.resting)
        printer = Printer(pattern)
        for chunk in client.read_log(job.id, attempt=attempt, offset=start):
            printer.write(chunk)
        printer.finish()
    return 0


def _compile(pattern: str | None) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern) if pattern is not None else None
    except re.error as error:
        raise LtError("bad_pattern_re", pattern=pattern, why=str(error)) from None
