"""Every setting with its value, where that comes from, and what it does; keys can be given anew."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from textual.app import ComposeResult
from textual.binding import Binding

from lt_controller.client import Client

from ... import glyphs, i18n
from ...i18n import N_, _
from ...page import Page
from ...text import path_text
from ...widgets.bars import Heading, KeyBar, Lines, TopBar
from ...widgets.table import Column, Table


@dataclass(frozen=True)
class Setting:
    """A line of the table."""

    key: str
    value: str
    source: str
    what: str
    choices: tuple[str, ...] = ()


#: Where things lie: name, file or folder in LT_HOME, what it is.
PLACES = (
    ("home", "", N_("where everything of lt lies on this machine")),
    ("hosts", "hosts.toml", N_("the inventory; e on a host changes it, and so does an editor")),
    ("runs", "runs", N_("what came home")),
    ("controller.log", "controller.log", N_("what the background process says")),
)


#: Keys that have a name in place of their sign.
_SIGNS = {
    "colon": ":",
    "question_mark": "?",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "minus": "-",
    "plus": "+",
    "underscore": "_",
    "exclamation_mark": "!",
    "comma": ",",
    "slash": "/",
    "full_stop": ".",
    "semicolon": ";",
    "number_sign": "#",
    "dollar_sign": "$",
    "at": "@",
}
_LOCALE = ("LT_LANG", "LC_ALL", "LC_MESSAGES", "LANG")


class SettingsScreen(Page):
    """`[tui]` of `config.toml`. Enter changes a value at once."""

    EVERY = 0

    def compose(self) -> ComposeResult:
        """A table, and where the file is."""
        yield TopBar()
        yield Heading("Settings")
        columns = [
            Column[Setting]("key", "SETTING", 22, lambda s, _w: ((s.key, "bold"),), grow=1),
            Column[Setting]("value", "VALUE", 16, lambda s, _w: ((s.value, "run"),), grow=1),
            Column[Setting]("source", "FROM", 12, lambda s, _w: ((s.source, "dim"),), grow=1, weight=2),
            Column[Setting]("what", "WHAT", 20, lambda s, _w: _(s.what), grow=3, weight=1),
        ]
        yield Table[Setting](columns, lambda setting: setting.key, id="settings")
        yield Lines(id="where")
        yield KeyBar()

    def read(self, client: Client) -> dict[str, Any]:
        """The file as it is now."""
        return client.settings()

    def show(self, data: dict[str, Any]) -> None:
        """Every setting there is, and those in the file that nobody knows."""
        mine = data.get("tui")
        mine = mine if isinstance(mine, dict) else {}
        self.query_one(Table).set_items(list(self._settings(mine)))
        self.query_one("#where", Lines).say(((path_text(self.lt.config_path), "dim"),))

    def _settings(self, mine: dict[str, Any]) -> Iterator[Setting]:
        def source(key: str) -> str:
            return "config.toml" if key in mine else _("default")

        language = source("language")
        if "language" not in mine:
            # As `lt` itself finds it: the first of these that is set.
            language = next((name for name in _LOCALE if os.environ.get(name)), language)
        themes = tuple(sorted(self.app.available_themes))
        yield Setting("language", i18n.current(), language, "of the screen: en or zh", ("en", "zh"))
        yield Setting("theme", self.app.theme, source("theme"), "colours; colour-blind is one of them", themes)
        sign = "unicode" if glyphs.glyphs() is glyphs.UNICODE else "ascii"
        yield Setting("glyphs", sign, source("glyphs"), "ascii where signs are two cells wide", ("unicode", "ascii"))
        home = self.lt.config_path.parent
        whence = "LT_HOME" if os.environ.get("LT_HOME") else _("default")
        for key, name, what in PLACES:
            yield Setting(key, path_text(home / name), whence, what)
        keys = mine.get("keys")
        keys = keys if isinstance(keys, dict) else {}
        known = {binding.id: binding for binding in all_bindings() if binding.id}
        for name, binding in sorted(known.items()):
            given = name in keys
            key = str(keys[name]) if given else binding.key
            yield Setting(
                f"keys.{name}", shown_keys(key), "config.toml" if given else _("default"), binding.description
            )
        for name in sorted(set(mine) - {"language", "theme", "glyphs", "keys"}):
            yield Setting(name, str(mine[name]), "config.toml", "unknown: it has no effect")
        for name in sorted(set(keys) - set(known)):
            yield Setting(f"keys.{name}", str(keys[name]), "config.toml", "unknown: it has no effect")

    def on_table_opened(self, event: Table.Opened) -> None:
        """Enter: another value."""
        from ...widgets.asking import Ask
        from ...widgets.dialogs import Choose

        setting: Setting | None = event.table.current
        if setting is None:
            return
        if setting.choices:
            options = [(choice, choice) for choice in setting.choices]
            if setting.source == "config.toml":
                options.append(("", _("the default")))

            def chosen(value: str | None) -> None:
                if value is not None:
                    self.lt.save_setting(setting.key, value or None, self.reread)

            self.app.push_screen(Choose(_("Which {what}?", what=setting.key), options, setting.value), chosen)
        elif setting.key.startswith("keys."):

            def typed(value: str | None) -> None:
                if value is not None and value.strip() != setting.value:
                    self._give_key(setting.key.removeprefix("keys."), value.strip())

            note = _("A key such as x, ctrl+x or f5; several with commas; nothing is the default.")
            self.app.push_screen(Ask(_("Key for: {what}", what=_(setting.what)), setting.value, note), typed)

    def _give_key(self, name: str, text: str) -> None:
        mine = self.lt.settings.get("tui")
        keys = dict(mine.get("keys") or {}) if isinstance(mine, dict) else {}
        if text:
            keys[name] = named_keys(text)
        else:
            keys.pop(name, None)
        self.app.set_keymap({str(key): str(value) for key, value in keys.items()})
        self.lt.save_setting("keys", keys or None, self.reread)


def shown_keys(keys: str) -> str:
    """Keys as a person knows them: `?` and not its name."""
    return ",".join(_SIGNS.get(key.strip(), key.strip()) for key in keys.split(","))


def named_keys(text: str) -> str:
    """What was typed, by the names that the framework has for keys."""
    names = {sign: name for name, sign in _SIGNS.items()}
    if text == ",":
        return names[text]
    return ",".join(names.get(key.strip(), key.strip()) for key in text.split(","))


def all_bindings() -> Sequence[Binding]:
    """Every binding of the app, its screens and its widgets."""
    from importlib import import_module

    from ...acts import JobActs
    from ...app import LtApp
    from ...forms import JobForm
    from ...places import SCREENS
    from ...widgets.log_view import LogView

    classes: list[Any] = [LtApp, Page, JobActs, JobForm, Table, LogView]
    for module, name, _named in SCREENS.values():
        classes.append(getattr(import_module(f"lt_tui.screens.{module}"), name))
    return [item for cls in classes for item in vars(cls).get("BINDINGS", ()) if isinstance(item, Binding)]
