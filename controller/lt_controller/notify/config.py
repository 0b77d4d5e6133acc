"""`[notify]` in `config.toml`: whom to tell, by which way, of what. Read and checked; nothing is sent from here."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lt_agent.protocol.errors import LtError

ENDS = ("succeeded", "failed", "stopped", "lost")
KINDS = (*ENDS, "retry", "stall", "sign", "lease", "unreachable")
USUAL = (*ENDS, "stall", "lease", "unreachable")  # what a channel tells that says nothing of it
SERVICES = ("slack", "feishu", "dingtalk")  # their addresses hold a token: whoever has it can write to the group
WAYS = ("desktop", *SERVICES, "webhook", "command")
GENERAL = ("language", "lease_warning", "unreachable_after")
_KEYS = {
    "desktop": (),
    "command": ("command",),
    "webhook": ("url", "url_secret", "sign_secret"),
    "slack": ("url_secret",),
    "feishu": ("url_secret", "sign_secret"),
    "dingtalk": ("url_secret", "sign_secret"),
}
_COMMON = ("to", "on", "host", "recipe", "job")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True)
class Channel:
    """One way to tell people: `[notify.NAME]`."""

    name: str
    to: str  # one of WAYS
    on: tuple[str, ...] = USUAL
    url: str = ""  # of a webhook without any secret in it
    url_secret: str = ""  # the name of the secret that is the address
    sign_secret: str = ""  # the name of the secret that signs
    command: tuple[str, ...] = ()
    host: tuple[str, ...] = ()  # patterns; none: every one
    recipe: tuple[str, ...] = ()
    job: tuple[str, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """The names of the secrets that it needs."""
        return tuple(name for name in (self.url_secret, self.sign_secret) if name)

    def wants(self, kind: str, host: str, recipe: str, job: str) -> bool:
        """Whether it is told of this. Filters of recipes and jobs keep out what concerns no job."""
        asked = ((self.host, host), (self.recipe, recipe), (self.job, job))
        return kind in self.on and all(
            not patterns or any(fnmatchcase(value, pattern) for pattern in patterns) for patterns, value in asked
        )


@dataclass(frozen=True)
class Settings:
    """All of `[notify]`."""

    channels: tuple[Channel, ...] = ()
    language: str | None = None  # of the messages; None: the controller's
    lease_warning: float = 6 * 3600.0  # seconds before a lease ends
    unreachable_after: float = 30 * 60.0  # seconds that a host with jobs of ours is away

    def channel(self, name: str) -> Channel | None:
        """The channel of this name."""
        return next((channel for channel in self.channels if channel.name == name), None)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The names of all secrets that the channels need."""
        return tuple(dict.fromkeys(name for channel in self.channels for name in channel.secrets))


def load(path: Path) -> Settings:
    """The settings; none where there is no file.

    Raises LtError `config_invalid` for what is no TOML, `notify_invalid{path, problems}` with each problem's line.
    """
    from ..client.settings import read

    table = read(path).get("notify")
    if table is None:
        return Settings()
    reader = _Reader(path.read_text(encoding="utf-8").splitlines())
    settings = reader.settings(table)
    if reader.problems:
        raise LtError("notify_invalid", path=str(path), problems=sorted(reader.problems, key=lambda one: one["line"]))
    return settings


def mentions(path: Path) -> bool:
    """Whether the file may have a `[notify]`: a look that costs nothing where nobody uses it."""
    try:
        return b"notify" in path.read_bytes()
    except OSError:
        return False


@dataclass
class _Reader:
    lines: Sequence[str]
    problems: list[dict[str, Any]] = field(default_factory=list)

    def settings(self, table: Any) -> Settings:
        if not isinstance(table, Mapping):
            self._wrong(["notify"], "must be a table: [notify.NAME]")
            return Settings()
        channels = [self._channel(name, value) for name, value in table.items() if isinstance(value, Mapping)]
        for key, value in table.items():
            if not isinstance(value, Mapping) and key not in GENERAL:
                self._unknown(["notify", key], key, GENERAL)
        language = table.get("language")
        if language not in (None, "en", "zh"):
            self._wrong(["notify", "language"], f"must be en or zh, not {_shown(language)}")
        usual = Settings()
        return Settings(
            tuple(channels),
            language,
            self._time(table, "lease_warning", usual.lease_warning),
            self._time(table, "unreachable_after", usual.unreachable_after),
        )

    def _channel(self, name: str, table: Mapping[str, Any]) -> Channel:
        where = ["notify", name]
        if not _NAME.fullmatch(name):
            self._wrong(where, "a name has letters, digits, dot, dash and underscore")
        to = table.get("to")
        if to not in WAYS:
            if "to" in table:
                self._unknown([*where, "to"], str(to), WAYS, what=str(to))
            else:
                self._wrong([*where, "to"], "is missing", f"known: {', '.join(WAYS)}")
            return Channel(name, "desktop")
        known = (*_COMMON, *_KEYS[to])
        for key in table:
            if key not in known:
                if key == "url" and to in SERVICES:
                    self._wrong(
                        [*where, key], "holds a token: keep it as a secret", "url_secret = NAME, lt secret set NAME"
                    )
                else:
                    self._unknown([*where, key], key, known)
        channel = Channel(
            name,
            to,
            self._kinds(table, where),
            self._url(table, where),
            self._secret(table, where, "url_secret"),
            self._secret(table, where, "sign_secret"),
            self._texts(table, where, "command"),
            *(self._texts(table, where, key) for key in ("host", "recipe", "job")),
        )
        if to == "command" and not table.get("command"):
            self._wrong([*where, "command"], "must be a list of words", '["notify-me", "--now"]')
        if to in (*SERVICES, "webhook") and bool(channel.url) == bool(channel.url_secret) and "url" not in table:
            self._wrong([*where, "url_secret"], "is missing", "url_secret = NAME, lt secret set NAME")
        return channel

    def _kinds(self, table: Mapping[str, Any], where: list[str]) -> tuple[str, ...]:
        found: list[str] = []
        for kind in self._texts(table, where, "on", "on" in table):
            if kind == "end":
                found += ENDS
            elif kind in KINDS:
                found.append(kind)
            else:
                self._unknown([*where, "on"], kind, ("end", *KINDS), what=kind)
        return tuple(dict.fromkeys(found)) if "on" in table else USUAL

    def _url(self, table: Mapping[str, Any], where: list[str]) -> str:
        if "url" not in table or table.get("to") != "webhook":
            return ""
        url = table["url"]
        try:
            parts = urlsplit(url) if isinstance(url, str) else None
            good = parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            parts, good = None, False
        if parts is None or not good:
            self._wrong([*where, "url"], "must be an address that begins with https:// or http://")
        elif parts.username or parts.password or parts.query:
            self._wrong([*where, "url"], "holds a token: keep it as a secret", "url_secret = NAME, lt secret set NAME")
        elif table.get("url_secret"):
            self._wrong([*where, "url"], "is given twice: as url and as url_secret")
        else:
            return str(url)
        return ""

    def _secret(self, table: Mapping[str, Any], where: list[str], key: str) -> str:
        from ..client.secret import check_names

        value = table.get(key)
        if value is None:
            return ""
        try:
            return check_names([value])[0] if isinstance(value, str) else self._no_name(where, key)
        except LtError:
            return self._no_name(where, key)

    def _no_name(self, where: list[str], key: str) -> str:
        # What stands there may be the secret itself: it is not repeated.
        self._wrong([*where, key], "must be the name of a secret, as in lt secret set NAME, and not the secret")
        return ""

    def _texts(self, table: Mapping[str, Any], where: list[str], key: str, some: bool = False) -> tuple[str, ...]:
        value = table.get(key)
        if value is None:
            return ()
        several = [value] if isinstance(value, str) and key != "command" else value
        if not isinstance(several, list) or not all(isinstance(item, str) and item for item in several):
            self._wrong([*where, key], "must be a list of words", '["a", "b"]')
            return ()
        if some and not several:
            self._wrong([*where, key], "must have at least one entry")
        return tuple(several)

    def _time(self, table: Mapping[str, Any], key: str, usual: float) -> float:
        from ..client import quantities

        value = table.get(key)
        if value is None:
            return usual
        try:
            return quantities.seconds(str(value))
        except LtError:
            self._wrong(["notify", key], "must be a length of time: 90s, 30m, 6h, 2d")
            return usual

    def _unknown(self, path: list[str], word: str, known: Sequence[str], what: str = "") -> None:
        near = difflib.get_close_matches(word, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
        self._wrong(path, f"{_shown(what)} is not known" if what else "is not known", hint)

    def _wrong(self, path: list[str], message: str, hint: str = "") -> None:
        from lt_inventory.lines import line_of

        key = ".".join(path)
        self.problems.append({"line": line_of(self.lines, path), "key": key, "message": message, "hint": hint})


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "…"
