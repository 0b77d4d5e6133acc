"""Hosts: adding one with its key shown and asked for, importing, changing, trusting, removing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lt_controller.client import Client
from lt_controller.client.words import LtError

from .i18n import _
from .logins import answerer
from .places import Place

if TYPE_CHECKING:
    from lt_controller.client.details import HostInfo
    from lt_controller.client.prompts import Answer

    from .app import LtApp

_FIELDS = "NAME [user@]address[:port] [key=~/.ssh/id] [root=/data/lt] [price=1.9/h] [slots=2]"


def add_host(app: LtApp) -> None:
    """A line to type in, the host's key to say yes to, a first look."""
    app.run_worker(_add(app), group="hosts", exit_on_error=False)


async def _add(app: LtApp) -> None:
    from .widgets.asking import Ask
    from .widgets.dialogs import Confirm

    note = _("For example:  a100 root@203.0.113.7:2222 key=~/.ssh/lab root=/data/lt") + "\n" + _FIELDS
    line = await app.push_screen_wait(Ask(_("Add a host"), "", note))
    if not line or not line.strip():
        return
    try:
        name, settings = parse_host(line)
    except ValueError as error:
        app.tell(str(error), _FIELDS, severity="warning")
        return
    app.tell(_("Looking at {host} …", host=name))
    try:
        answer = answerer(app)
        host, key, known = await app.ask(lambda client: _first_look(client, name, settings, answer))
        if key.fingerprint not in known:
            lines = [f"{key.key_type}  {key.fingerprint}"]
            if known:
                lines += [_("It showed another key before:"), *known]
            question = _("{host} ({address}) shows this key. Is it the host's?", host=name, address=host.target)
            if not await app.push_screen_wait(Confirm(question, lines)):
                return
        await app.ask(lambda client: _take_in(client, host, key, answer))
    except LtError as error:
        app.refuse(error)
        return
    app.tell(_("{host} is added.", host=name))
    app.go(Place("host", name), fresh=True)


def parse_host(line: str) -> tuple[str, dict[str, Any]]:
    """`NAME target key=value …` as a name and settings by the keys of hosts.toml. Raises ValueError in words."""
    import shlex

    try:
        words = shlex.split(line)
    except ValueError:
        raise ValueError(_("a quotation mark is left open")) from None
    plain = [word for word in words if "=" not in word]
    if len(plain) != 2:
        raise ValueError(_("A name and an address are needed, in this order."))
    settings: dict[str, Any] = dict(word.split("=", 1) for word in words if "=" in word)
    user, at, rest = plain[1].rpartition("@")
    if at:
        settings["user"] = user
    address, colon, port = rest.rpartition(":")
    if colon and port.isdigit() and not address.endswith(":"):
        settings["address"], settings["port"] = address.strip("[]"), int(port)
    else:
        settings["address"] = rest.strip("[]")
    if str(settings.get("slots", "")).isdigit():
        settings["slots"] = int(settings["slots"])
    return plain[0], settings


def _first_look(client: Client, name: str, settings: dict[str, Any], answer: Answer) -> tuple[Any, Any, list[str]]:
    if any(info.name == name for info in client.hosts()):
        raise LtError("host_exists", host=name)
    host = client.make_host(name, settings)
    return host, client.scan_key(host, answer), client.trusted_keys(host)


def _take_in(client: Client, host: Any, key: Any, answer: Answer) -> None:
    client.add_host(host, key)
    try:
        client.login(host.name, answer)
        client.probe(host.name)
    except BaseException:  # a host that can't be used is not kept, as with `lt host add`
        client.remove_host(host.name, force=True)
        raise


def import_hosts(app: LtApp) -> None:
    """Takes over what ~/.ssh/config names; contacts nobody."""
    app.run_worker(_import(app), group="hosts", exit_on_error=False)


async def _import(app: LtApp) -> None:
    try:
        taken, skipped = await app.ask(_take_over)
    except LtError as error:
        app.refuse(error)
        return
    told = _("Imported: {names}", names=", ".join(taken)) if taken else _("There was nothing to import.")
    app.tell(told, "; ".join(skipped[:6]))
    app.go(Place("fleet"), fresh=True)


def _take_over(client: Client) -> tuple[list[str], list[str]]:
    known = {info.name for info in client.hosts()}
    taken, skipped = [], []
    for candidate in client.import_candidates():
        host = candidate.host
        if host is None:
            skipped.append(f"{candidate.name}: {candidate.skipped}")
        elif host.name in known:
            skipped.append(f"{host.name}: " + _("there is a host of this name already"))
        else:
            client.add_host(host)
            taken.append(host.name)
    return taken, skipped


def remove_host(app: LtApp, name: str) -> None:
    """Forgets a host, after a question."""
    app.run_worker(_remove(app, name), group="hosts", exit_on_error=False)


async def _remove(app: LtApp, name: str) -> None:
    from .widgets.dialogs import Confirm

    if not await app.push_screen_wait(Confirm(_("Forget the host {host}? Nothing on it is touched.", host=name))):
        return
    try:
        await app.ask(lambda client: client.remove_host(name))
    except LtError as error:
        app.refuse(error)
        return
    app.tell(_("{host} is forgotten.", host=name))
    app.go(Place("fleet"), fresh=True)


def prepare_host(app: LtApp, name: str) -> None:
    """Sends a host that reaches nothing all that a recipe needs: asked which, then told in this terminal."""

    async def run() -> None:
        from .planned import recipe_choices
        from .terminal import run_lt
        from .widgets.dialogs import Choose

        options = recipe_choices(await app.ask(lambda client: client.recipes()))
        recipe = await app.push_screen_wait(Choose(_("For which recipe is {host} made ready?", host=name), options))
        if recipe is not None:
            run_lt(app, ["host", "prepare", name, recipe])

    app.run_worker(run(), group="hosts", exit_on_error=False)


def trust_host(app: LtApp, info: HostInfo) -> None:
    """Asks the host for its key, and a person whether it is the right one."""

    async def run() -> None:
        from .widgets.dialogs import Confirm

        question = _("{host} ({address}) shows this key. Is it the host's?", host=info.name, address=info.host.target)
        try:
            answer = answerer(app)
            key = await app.ask(lambda client: client.scan_key(info.host, answer))
            known = await app.ask(lambda client: client.trusted_keys(info.host))
            lines = [f"{key.key_type}  {key.fingerprint}"]
            if known and key.fingerprint not in known:
                lines += [_("It showed another key before:"), *known]
            if await app.push_screen_wait(Confirm(question, lines)):
                await app.ask(lambda client: client.trust(info.name, key))
                app.tell(_("{host} may show this key from now on.", host=info.name))
        except LtError as error:
            app.refuse(error)

    app.run_worker(run(), group="hosts", exit_on_error=False)
