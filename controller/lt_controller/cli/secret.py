"""`lt secret`: tokens and passwords that jobs need, kept in the system's keyring."""

from __future__ import annotations

import sys

import click

from lt_agent.protocol.errors import LtError

from ..client import Client
from ..wording import phrase
from .common import json_option
from .lazy import LazyGroup
from .output import emit_json, emit_table, note

COMMANDS = {
    "set": ("secret", "set_", "put one into the system's keyring"),
    "ls": ("secret", "ls", "the names of those in the keyring; never a value"),
    "rm": ("secret", "rm", "take one out of the keyring"),
    "give": ("secret", "give", "give a waiting job its secrets again"),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def secret() -> None:
    """Tokens that jobs need. A recipe names them (secrets: [HF_TOKEN]), as does lt run --secret HF_TOKEN.

    The value comes from the environment of the lt command, else from the keyring. It reaches the environment of the
    training and is written down nowhere else.
    """


@click.command("set")
@click.argument("name")
def set_(name: str) -> int:
    """Keep NAME in the system's keyring. The value is asked for, or read from a pipe; it is never an argument.

    \b
    lt secret set HF_TOKEN
    """
    value = _asked(name)
    with Client() as client:
        client.set_secret(name, value)
    note(phrase("secret_kept", name=name))
    return 0


@click.command()
@json_option
def ls(as_json: bool) -> int:
    """The names in the keyring."""
    with Client() as client:
        found = client.secrets()
    if as_json:
        emit_json(found)
    elif not found:
        note(phrase("secret_none"))
    else:
        told = {True: phrase("secret_from_environment"), False: phrase("secret_from_keyring")}
        emit_table(("NAME", "TAKEN FROM"), [(item.name, told[item.in_environment]) for item in found])
    return 0


@click.command()
@click.argument("name")
def rm(name: str) -> int:
    """Take NAME out of the keyring."""
    with Client() as client:
        client.remove_secret(name)
    note(phrase("secret_removed", name=name))
    return 0


@click.command()
@click.argument("ref", metavar="JOB")
@click.argument("names", nargs=-1, metavar="[NAME...]")
def give(ref: str, names: tuple[str, ...]) -> int:
    """Give JOB its secrets again: from the environment, the keyring, or asked for here. With NAMEs, no others.

    For a job that waits for them because its host, or this machine, was restarted. A job that was recovered from a
    host, or adopted, gets only those that are named: what it asks for is that host's word.
    """
    with Client() as client:
        try:
            given = client.give_secrets(ref, only=names)
        except LtError as error:
            if error.code != "secret_missing":
                raise
            wanted = [name for name in client.secrets_of(ref) if not names or name in names]
            given = client.give_secrets(ref, {name: _asked(name) for name in wanted}, only=names)
        note(phrase("secret_given", names=given, job=client.job(ref).name))
    return 0


def _asked(name: str) -> str:
    if sys.stdin.isatty():
        return str(click.prompt(name, hide_input=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")
