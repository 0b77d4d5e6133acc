"""A host's settings, changed one after the other: each with what it is for, checked while it is typed."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lt_controller.client.words import LtError

from .glyphs import glyphs
from .i18n import N_, _
from .text import Span, said, wrapped

if TYPE_CHECKING:
    from lt_controller.client.details import HostInfo

    from .app import LtApp

#: By its key in hosts.toml what a setting is for, in the order of `lt host edit --help`.
SETTINGS = {
    "address": N_("Where it is: a name or an IP address."),
    "user": N_("The login name."),
    "port": N_("Of its sshd; else 22."),
    "key": N_("The private key on this machine; else the agent and ~/.ssh/id_*."),
    "root": N_("Where jobs live on the host, on its data disk; else ~/.lt-agent."),
    "slots": N_("Jobs at once; else as many as it has GPUs."),
    "price": N_("What an hour costs: 1.9/h"),
    "until": N_("The end of the lease: 2026-12-01T00:00"),
    "save_before_end": N_("How long before that end trainings save: 10m; 0 is never."),
    "provider": N_("Whom it is rented from."),
    "labels": N_("What it can be chosen by, with any:KEY=VALUE in the place of a host: gpu=a100 room=3"),
    "jump": N_("Hosts of yours or addresses to go through, the first one first: gate me@192.0.2.1:22"),
    "python": N_("The interpreter that jobs prefer."),
    "lease_dir": N_("Where people who share the machine share its GPUs."),
    "index_url": N_("Where it gets Python packages."),
    "find_links": N_("Folders or pages with packages."),
    "hf_endpoint": N_("A mirror of the Hugging Face hub."),
    "proxies": N_("By kind (http, https, all, no): https=http://192.0.2.1:3128"),
    "env": N_("Environment variables of its jobs: OMP_NUM_THREADS=8"),
    "offline": N_("true for a host that reaches nothing but who logs in: O on its screen sends what a recipe needs."),
    "note": N_("A line for yourself."),
}
_WORDS = ("jump", "find_links")
_PAIRS = ("labels", "proxies", "env")
_WHOLE = ("port", "slots")


def edit_host(app: LtApp, info: HostInfo, done: Callable[[], None]) -> None:
    """Offers all settings until escape; an empty value is the default. `done` is called after each change."""

    async def run() -> None:
        from .widgets.asking import Ask
        from .widgets.dialogs import Choose

        name, now, key = info.name, info, SETTINGS_FIRST
        while True:
            texts = {setting: written(setting, now) for setting in SETTINGS}
            width = max(map(len, SETTINGS))
            options = [(setting, f"{setting:{width}}  {text}") for setting, text in texts.items()]
            notes = {setting: _(what) for setting, what in SETTINGS.items()}
            chosen = await app.push_screen_wait(Choose(_("Which setting of {host}?", host=name), options, key, notes))
            if chosen is None:
                return
            key = chosen
            check = _checker(app, name, key)
            note = f"{_(SETTINGS[key])}\n{_('Empty: the default.')}"
            text = await app.push_screen_wait(Ask(f"{name} › {key}", texts[key], note, check=check))
            if text is None or text.strip() == texts[key]:
                continue
            try:
                changes = {key: read_setting(key, text)}
                now = await app.ask(lambda client, changes=changes: client.edit_host(name, changes))  # type: ignore[misc]
            except LtError as error:
                app.refuse(error)
            except ValueError as error:
                app.tell(str(error), severity="warning")
            else:
                app.tell(_("{host} is changed.", host=name))
            done()

    app.run_worker(run(), group="hosts", exit_on_error=False)


SETTINGS_FIRST = next(iter(SETTINGS))


def written(key: str, info: HostInfo) -> str:
    """A setting as one types it; nothing where it is the default."""
    value: Any = info.host.variables if key == "env" else getattr(info.host, key)
    if value in (None, "", False) or (key == "port" and value == 22):
        return ""
    if isinstance(value, Mapping):
        return shlex.join(f"{name}={text}" for name, text in value.items())
    if isinstance(value, tuple):
        return shlex.join(value)
    if key == "save_before_end":
        return _length(float(value))
    if isinstance(value, float):
        return f"{value:g}"
    return "true" if value is True else value.isoformat() if hasattr(value, "isoformat") else str(value)


def read_setting(key: str, text: str) -> Any:
    """What was typed as `hosts.toml` has it; None, the default, for nothing. Raises ValueError in words."""
    text = text.strip()
    if not text:
        return None
    if key in _WHOLE and text.isascii() and text.isdigit():
        return int(text)
    if key == "offline" and text in ("true", "false"):
        return text == "true"
    if key not in (*_WORDS, *_PAIRS):
        return text
    try:
        words = shlex.split(text)
    except ValueError:
        raise ValueError(_("a quotation mark is left open")) from None
    if key in _WORDS:
        return words
    if wrong := next((word for word in words if "=" not in word), None):
        raise ValueError(_("{word} is not KEY=VALUE", word=wrong))
    return dict(word.split("=", 1) for word in words)


def _checker(app: LtApp, name: str, key: str) -> Any:
    async def check(text: str) -> list[tuple[Span, ...]]:
        try:
            changes = {key: read_setting(key, text)}
            await app.feed.read(lambda client: client.changed_host(name, changes))
        except LtError as error:
            told = said(error)
            parts = [part for line in (told.details or (told.message,)) for part in wrapped(line, 68)]
            return [((part, "bad"),) for part in parts]
        except ValueError as error:
            return [((str(error), "bad"),)]
        return [((glyphs().states["ok"], "ok"),)]

    return check


def _length(seconds: float) -> str:
    for unit, letter in ((3600, "h"), (60, "m")):
        if seconds and seconds % unit == 0:
            return f"{seconds / unit:g}{letter}"
    return f"{seconds:g}s"
