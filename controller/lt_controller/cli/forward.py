"""`lt forward`: a port of a host's own loopback on this machine's, for as long as the command runs."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from lt_agent.protocol.errors import LtError

from ..client import Client
from ..wording import phrase, state
from .output import note

LOOK_EVERY = 0.1  # seconds between two looks whether ssh listens
LOOPBACK = "127.0.0.1"


@click.command()
@click.argument("place", metavar="JOB|HOST")
@click.argument("port", metavar="PORT[:LOCALPORT]")
def forward(place: str, port: str) -> int:
    """Bring a port of a job's host to this machine: TensorBoard, a served model, a notebook.

    Only this machine's loopback listens, and only programs on the host's loopback are reached. Ctrl-C ends it.

    \b
    lt forward my-job 6006
    lt forward a100 8000:18000
    """
    remote, wanted = ports(port)
    with Client() as client:
        host, job = client.place(place)
        if job is not None and job.resting:
            note(phrase("forward_job_rests", job=job.name, state=state(job.state)))
        local = choose(remote, wanted)
        argv = client.forward_argv(host, remote, local)
    if argv is None:
        click.echo(phrase("forward_local", remote=remote, url=f"http://{LOOPBACK}:{remote}"))
        return 0
    if wanted is None and local != remote:
        note(phrase("forward_other_port", wanted=remote, port=local))
    with _running(argv) as process:
        _until_it_listens(process, local, host)
        try:  # from the moment that it is told on
            click.echo(phrase("forwarding", url=f"http://{LOOPBACK}:{local}", remote=remote, host=host))
            sys.stdout.flush()
            process.wait()
        except KeyboardInterrupt:
            note(phrase("forward_done"))
            return 0
    raise LtError("forward_ended", host=host)


def ports(text: str) -> tuple[int, int | None]:
    """`6006` or `6006:16006` as (port there, port here if named). Raises LtError `bad_port`."""
    remote, colon, local = text.partition(":")
    values = [remote, local] if colon else [remote]
    if not all(value.isascii() and value.isdigit() and 0 < int(value) < 65536 for value in values):
        raise LtError("bad_port", value=text)
    return int(remote), int(local) if colon else None


def choose(remote: int, wanted: int | None) -> int:
    """The port here: the one that was named, else the same as there, else any. Raises LtError `port_taken`."""
    for port in (wanted or remote, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what lately ended is no hindrance
            probe.bind((LOOPBACK, port))
            return int(probe.getsockname()[1])
        if wanted is not None:
            break
    raise LtError("port_taken", port=wanted or remote, remote=remote)


@contextmanager
def _running(argv: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """ssh, which may ask on this terminal, and ends with this command however that ends."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    process = subprocess.Popen(argv)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        if process.poll() is None:
            process.kill()


def _until_it_listens(process: subprocess.Popen[bytes], port: int, host: str) -> None:
    """Returns when ssh takes connections, which is after the login. Raises LtError `forward_failed`."""
    while True:
        code = process.poll()
        if code is not None:
            raise LtError("forward_failed", host=host, exit=code)
        with socket.socket() as probe:
            probe.settimeout(5)
            if probe.connect_ex((LOOPBACK, port)) == 0:
                return
        time.sleep(LOOK_EVERY)
