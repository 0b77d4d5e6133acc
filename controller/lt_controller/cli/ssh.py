"""`lt ssh`: OpenSSH with the configuration that lt itself uses, strict about the host's key."""

from __future__ import annotations

import os
import sys

import click

from ..client import Client
from ..wording import phrase
from .output import note


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("place", metavar="HOST|JOB")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND ...]")
def ssh(place: str, command: tuple[str, ...]) -> int:
    """A shell on HOST, or in JOB's folder with its interpreter and variables; or one COMMAND there.

    Nothing of ~/.ssh/config is used but what was imported. A name that is a host's and a job's means the host.

    \b
    lt ssh a100
    lt ssh a100 -- nvidia-smi
    lt ssh my-job -- python -c "import torch; print(torch.__version__)"
    """
    words = list(command[1:] if command[:1] == ("--",) else command)
    with Client() as client:
        host, job = client.place(place)
        if job is not None:
            argv, words = client.job_shell_argv(job.id, words), []
            note(phrase("shell_job", job=job.name, attempt=job.attempt, host=host))
        else:
            argv = client.shell_argv(host)
    if argv[0] == "ssh" and words:
        argv = [word for word in argv if word != "-t"]
    elif words:
        argv, words = words, []
    sys.stdout.flush()
    os.execvp(argv[0], [*argv, *words])  # noqa: S606
