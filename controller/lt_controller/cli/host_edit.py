"""`lt host add`, `edit`, `import`, `trust`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lt_agent.protocol.errors import LtError

from ..client import Client
from ..client.details import OfferedKey
from ..wording import phrase, say
from .asking import person, tell
from .common import json_option, seconds
from .host import summary
from .host_connect import put_key
from .output import emit_json, note

if TYPE_CHECKING:
    from lt_inventory.model import Host

F = TypeVar("F", bound=Callable[..., Any])


def _settings(command: F) -> F:
    """The options that `add` and `edit` share; their names are the keys of hosts.toml."""
    options = [
        click.option("--key", metavar="FILE", help="the private key on this machine; else the agent and ~/.ssh/id_*"),
        click.option(
            "--jump", multiple=True, metavar="HOP", help="a host of yours or [user@]address[:port] to go through"
        ),
        click.option("--root", metavar="DIR", help="where jobs live on the host, on its data disk; else ~/.lt-agent"),
        click.option("--slots", type=click.IntRange(1), help="jobs at once; else as many as it has GPUs"),
        click.option("--label", "labels", multiple=True, metavar="K=V", help="a label; may be repeated"),
        click.option("--price", metavar="1.9/h", help="what an hour costs"),
        click.option("--until", metavar="TIME", help="the end of the lease: 2026-12-01T00:00, or 48h from now"),
        click.option("--save-before-end", metavar="TIME", help="how long before it trainings save (10m); 0 is never"),
        click.option("--provider", metavar="WHO", help="whom it is rented from"),
        click.option("--python", metavar="PATH", help="the interpreter that jobs prefer"),
        click.option("--index-url", metavar="URL", help="where the host gets Python packages"),
        click.option("--find-links", multiple=True, metavar="PLACE", help="a folder or page with packages"),
        click.option("--hf-endpoint", metavar="URL", help="a mirror of the Hugging Face hub"),
        click.option("--proxy", "proxies", multiple=True, metavar="KIND=URL", help="http, https, all or no"),
        click.option("--env", "env", multiple=True, metavar="K=V", help="an environment variable of its jobs"),
        click.option("--lease-dir", metavar="DIR", help="where people who share the machine share its GPUs"),
        click.option("--offline/--online", default=None, help="whether it reaches nothing but who logs in"),
        click.option("--note", metavar="TEXT", help="a line for yourself"),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _confirming(command: F) -> F:
    command = click.option("--accept-new", is_flag=True, help="take whatever key the host shows")(command)
    return click.option("--fingerprint", metavar="SHA256:…", help="take this key and no other")(command)


@click.command()
@click.argument("name")
@click.argument("target", metavar="[USER@]ADDRESS[:PORT]")
@_settings
@_confirming
@click.option("--install-key", is_flag=True, help="after a password login, put our public key there")
@click.option("--install-rsync/--no-install-rsync", "rsync", default=None, help="if it lacks rsync; else it asks")
@json_option
def add(
    name: str,
    target: str,
    accept_new: bool,
    fingerprint: str | None,
    install_key: bool,
    rsync: bool | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Add a host: show its key's fingerprint and ask, log in once, look around. If any of it fails, nothing is added.

    \b
    lt host add a100 root@203.0.113.7:2222 --key ~/.ssh/lab --root /data/lt
    """
    with Client() as client:
        if any(info.name == name for info in client.hosts()):
            raise LtError("host_exists", host=name)
        host = client.make_host(name, {**_target(target), **_given(options)})
        try:
            key = client.scan_key(host, person())
        except LtError as error:
            error.params |= {"adding": True, "host": name}
            raise
        known = client.trusted_keys(host)
        if key.fingerprint not in known:
            if known:
                raise LtError("host_key_changed", host=name, known=known, offered=key.fingerprint)
            confirm(host, key, accept_new, fingerprint)
        elif fingerprint and fingerprint != key.fingerprint:
            raise LtError("fingerprint_differs", host=name, offered=key.fingerprint, expected=fingerprint)
        client.add_host(host, key)
        try:
            note(phrase("looking", host=name))
            login = client.login(name, person())
            client.probe(name)
        except BaseException as error:  # an interrupted add leaves nothing behind, either
            client.remove_host(name, force=True)
            if isinstance(error, LtError):
                error.params |= {"adding": True, "host": name}
            raise
        if install_key:
            put_key(client, name)
        elif login.asked:
            tell(name, login)
        _offer_rsync(client, name, rsync)
        info = client.host(name)
        if as_json:
            emit_json(info)
            return 0
        note(phrase("host_added", host=name, summary=summary(info)))
        _tell_of_end(host)
        from .host_check import show_checks

        troubles = [item for item in client.check_host(name, probe=False) if item.level != "ok"]
        if troubles:
            show_checks(troubles)
        note(phrase("host_next", host=name))
    return 0


@click.command()
@click.argument("name", metavar="HOST")
@click.option("--address", metavar="[USER@]ADDRESS[:PORT]", help="where it is now")
@click.option("--user", help="the login name")
@click.option("--port", type=click.IntRange(1, 65535))
@click.option("--unset", multiple=True, metavar="SETTING", help="back to the default, by its key in hosts.toml")
@_settings
def edit(
    name: str, address: str | None, user: str | None, port: int | None, unset: tuple[str, ...], **options: Any
) -> int:
    """Change a host's settings; what is not named stays. --label and --env add to what is there."""
    _known_settings(name, unset)
    changes: dict[str, Any] = dict.fromkeys(unset)
    if address:
        changes |= _target(address)
    changes |= {key: value for key, value in (("user", user), ("port", port)) if value is not None}
    with Client() as client:
        before = client.host(name).host
        given = _given(options)
        for key, present in (("labels", before.labels), ("env", before.variables), ("proxies", before.proxies)):
            if key in given:
                given[key] = {**present, **given[key]}
        if not changes and not given:
            raise LtError("nothing_to_change", host=name)
        info = client.edit_host(name, {**changes, **given})
    note(phrase("host_edited", host=name))
    if "until" in given:
        _tell_of_end(info.host)
    return 0


@click.command()
@click.argument("name", metavar="HOST")
@_confirming
def trust(name: str, accept_new: bool, fingerprint: str | None) -> int:
    """Show the key of a host and, after asking, accept it in place of the one known before."""
    with Client() as client:
        host = client.host(name).host
        key = client.scan_key(host, person())
        known = client.trusted_keys(host)
        if known and key.fingerprint not in known:
            note(phrase("host_key_known", known=", ".join(known)))
        if key.fingerprint not in known or fingerprint:
            confirm(host, key, accept_new, fingerprint)
        client.trust(name, key)
        note(phrase("host_trusted", host=name, fingerprint=key.fingerprint))
    return 0


@click.command("import")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--file", "path", default="~/.ssh/config", show_default=True, help="an OpenSSH configuration")
@click.option("--dry-run", is_flag=True, help="show what would be imported")
@json_option
def import_(names: tuple[str, ...], path: str, dry_run: bool, as_json: bool) -> int:
    """Take over hosts (all, or the NAMEs) from ~/.ssh/config: address, user, port, key, jumps.

    Nothing is contacted: `lt host trust NAME` asks for the key of each, `lt host check NAME` looks around.
    """
    done = []
    if not os.path.isfile(os.path.expanduser(path)):
        raise LtError("no_such_path", path=path, why="there is no such file")
    with Client() as client:
        there = {info.name for info in client.hosts()}
        everything = client.import_candidates(path)
        candidates = [item for item in everything if not names or item.name in names]
        for name in set(names) - {item.name for item in candidates}:
            raise LtError("no_such_host", host=name, near=[item.name for item in everything if item.host][:3])
        told: set[str] = set()
        for item in candidates:
            why = item.skipped or (phrase("is_there") if item.name in there else "")
            if item.host is None or why:
                note(phrase("not_imported", host=item.name, why=why))
                continue
            if not dry_run:
                client.add_host(item.host)
            done.append(item.name)
            note(phrase("would_import" if dry_run else "imported", host=item.name, address=item.host.target))
            for line in item.notes:
                if line not in told:  # a remark on the file as a whole comes with each of its hosts
                    told.add(line)
                    note(f"  {line}")
    if as_json:
        emit_json(done)
    elif not done:
        note(phrase("nothing_imported"))
    return 0


def confirm(host: Host, key: OfferedKey, accept_new: bool, fingerprint: str | None) -> None:
    """The person's word that `key` is the host's, by an option or by answering.

    Raises LtError `fingerprint_differs`, and `key_not_confirmed` where nobody can be asked or the answer is no.
    """
    shown = {"host": host.name, "address": host.target, "key_type": key.key_type, "fingerprint": key.fingerprint}
    note(phrase("host_key", **shown))
    if fingerprint:
        if fingerprint.removeprefix("SHA256:") != key.fingerprint.removeprefix("SHA256:"):
            raise LtError("fingerprint_differs", host=host.name, offered=key.fingerprint, expected=fingerprint)
        return
    if accept_new:
        return
    if not sys.stdin.isatty() or not click.confirm(phrase("host_key_ask"), default=False, err=True):
        raise LtError("key_not_confirmed", host=host.name, fingerprint=key.fingerprint)


def _offer_rsync(client: Client, name: str, wanted: bool | None) -> None:
    """Has rsync installed on a host without it, if the person says so by option or by answering.

    A host without rsync works too, so a failure is told and no more.
    """
    from lt_inventory.check import install_argvs
    from lt_inventory.facts import Facts

    info = client.host(name)
    facts = Facts.of(info.facts or {})
    argvs = install_argvs(facts, "rsync")
    if info.host.kind == "local" or facts.rsync or argvs is None or wanted is False:
        return
    if wanted is None:
        command = " ".join(argvs[-1])
        if not sys.stdin.isatty() or not click.confirm(
            phrase("rsync_ask", host=name, command=command), default=True, err=True
        ):
            return
    note(phrase("rsync_installing", host=name))
    try:
        client.install_rsync(name)
    except LtError as error:
        note(say(error).message)


def _tell_of_end(host: Host) -> None:
    """A lease that has ended already is a slip of the year more often than meant: `any` passes such a host over."""
    left = (host.until - datetime.now(timezone.utc)).total_seconds() if host.until else 1.0
    if left <= 0:
        told = phrase("lease_is_over", host=host.name, ago=-left)
        note(f"{told} → {phrase('lease_hint', host=host.name)}")


def _known_settings(host: str, keys: Iterable[str]) -> None:
    """Raises LtError `no_such_setting` for a key that hosts.toml does not have."""
    from difflib import get_close_matches

    from lt_inventory.fields import FIELDS

    known = (*FIELDS, "env")

    for key in keys:
        if key not in known:
            raise LtError("no_such_setting", host=host, key=key, near=get_close_matches(key, known, 3))


def _target(text: str) -> dict[str, Any]:
    from lt_inventory.model import parse_target

    try:
        user, address, port = parse_target(text)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return {"address": address, **({"user": user} if user else {}), **({"port": port} if port != 22 else {})}


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, as hosts.toml has them."""
    given = {key: value for key, value in options.items() if value not in (None, ())}
    if "until" in given:
        given["until"] = _until(given["until"])
    for key in ("labels", "env", "proxies"):
        if key in given:
            given[key] = _table(given[key])
    return {key: list(value) if isinstance(value, tuple) else value for key, value in given.items()}


def _until(text: str) -> str:
    """The end of a lease as hosts.toml has it; `48h` and `2d` are from now on."""
    try:
        length = seconds(text)
    except LtError:
        return text
    return (datetime.now().astimezone() + timedelta(seconds=length or 0)).isoformat(timespec="minutes")


def _table(pairs: Iterable[str]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise click.UsageError(f"{pair!r} is not KEY=VALUE")
        found[key] = value
    return found
