"""`lt ssh`: OpenSSH with the configuration that lt itself uses, strict about the host's key."""

from __future__ import annotations

import os
import sys

import click

from ..client import Client


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("host")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND ...]")
def ssh(host: str, command: tuple[str, ...]) -> int:
    """A shell on HOST, or one COMMAND there. Nothing of ~/.ssh/config is used but what was imported.

    \b
    lt ssh a100
    lt ssh a100 -- nvidia-smi
    """
    with Client() as client:
        argv = client.shell_argv(host)
    words = list(command[1:] if command[:1] == ("--",) else command)
    if argv[0] == "ssh" and words:
        argv = [word for word in argv if word != "-t"]
    elif words:
        argv = words
        words = []
    sys.stdout.flush()
    os.execvp(argv[0], [*argv, *words])  # noqa: S606
