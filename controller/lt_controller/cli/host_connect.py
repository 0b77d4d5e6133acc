"""`lt host connect`: logging in where the host asks for more than a key."""

from __future__ import annotations

import click

from ..client import Client
from ..wording import phrase
from .asking import somebody, tell
from .output import note


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="HOST...")
@click.option("--remember", is_flag=True, help="keep the password in this system's keyring, too")
@click.option("--forget", is_flag=True, help="forget what was answered, in memory and in the keyring")
@click.option("--install-key", is_flag=True, help="then put our public key there, so that nothing is asked again")
def connect(names: tuple[str, ...], remember: bool, forget: bool, install_key: bool) -> int:
    """Connect to hosts, answering what they ask: password, passphrase, one-time code.

    Passwords are kept in the background process's memory, never on disk; with --remember in the system's keyring.

    \b
    lt host connect lab
    lt host connect lab --install-key
    """
    if forget and (remember or install_key):
        raise click.UsageError("--forget goes with neither --remember nor --install-key.")
    with Client() as client:
        for name in names:
            if forget:
                client.forget_login(name)
                note(phrase("login_forgotten", host=name))
                continue
            result = client.login(name, somebody(name), remember=remember)
            note(phrase("host_connected", host=name))
            if install_key:
                put_key(client, name)
            else:
                tell(name, result, remember=remember)
    return 0


def put_key(client: Client, name: str) -> None:
    """Installs our key on a host that is connected, and says so."""
    done = client.install_key(name, somebody(name))
    note(phrase("key_was_there" if done.there else "key_installed", path=done.key, host=name))
