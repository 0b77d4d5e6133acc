"""`lt priority`, and the options by which a submit says how early it wants to be and what it asks of its host."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from ..client import Client, quantities
from .common import json_option, seconds, settle
from .output import emit_json

F = TypeVar("F", bound=Callable[..., Any])


@click.command()
@click.argument("ref", metavar="JOB")
@click.argument("number", type=int, metavar="N")
@json_option
def priority(ref: str, number: int, as_json: bool) -> int:
    """Move a waiting JOB up (N above 0) or down (below 0) its host's queue; 0 is usual.

    A point counts as a day's earlier arrival, so that no job waits for ever. Of a running job it counts for its
    retries.

    \b
    lt priority sft-lora 10
    lt priority nightly -- -5
    """
    with Client() as client:
        job = client.job(ref)
        request = settle(client, client.set_priority(job.id, number), "priority", job)
        if as_json:
            emit_json(request)
    return 0


def wishes_options(command: F) -> F:
    """`--priority`, `--retries`, `--gpu-memory`, `--cpus` and `--disk`; the command gets them as `wishes`."""

    @functools.wraps(command)
    def inner(*args: Any, **options: Any) -> Any:
        from ..client.wishing import Wishes

        wishes = Wishes(
            priority=options.pop("wanted_priority") or 0,
            retries=options.pop("retries"),
            retry_wait=seconds(options.pop("retry_wait")),
            gpu_memory=size_of(options.pop("gpu_memory")),
            cpus=options.pop("cpus"),
            disk=size_of(options.pop("disk")),
        )
        return command(*args, wishes=wishes, **options)

    for option in reversed(_OPTIONS):
        inner = option(inner)
    return inner  # type: ignore[return-value]


_OPTIONS = (
    click.option("--priority", "wanted_priority", type=int, metavar="N", help="a higher one goes first on the host"),
    click.option("--retries", type=click.IntRange(0), metavar="N", help="new attempts after a failure one may cure"),
    click.option("--retry-wait", metavar="TIME", help="before the first of them (else 1m); then doubled"),
    click.option("--gpu-memory", metavar="SIZE", help="what each of its GPUs must have in all: 24GiB"),
    click.option("--cpus", type=click.IntRange(0), metavar="N", help="cores to wait for, among jobs that ask for some"),
    click.option("--disk", metavar="SIZE", help="free space on the host to wait for: 200GiB"),
)


def size_of(text: str | None) -> int | None:
    """`24GiB`, `500MB`, `1024` in bytes; None of nothing. Raises LtError `bad_size`."""
    return None if text is None else quantities.size_of(text)
