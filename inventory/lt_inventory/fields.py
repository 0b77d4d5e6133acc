"""The keys of a host in `hosts.toml`: how each is read, checked and written back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .model import (
    LOCAL,
    Host,
    parse_jump,
    parse_lead,
    parse_price,
    valid_address,
    valid_user,
    valid_variable,
)


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one key of one host; `unknown` if there is no such key."""

    key: str
    message: str
    unknown: bool = False


def host_from(name: str, entry: Mapping[str, Any]) -> tuple[Host, list[FieldProblem]]:
    """The host that `entry` describes, and all that is wrong with it (then the host is not to be used)."""
    problems: list[FieldProblem] = []
    values: dict[str, Any] = {}
    for key, value in entry.items():
        if key == "env":
            values["variables"] = _read(key, value, _variables, problems)
        elif key not in FIELDS:
            problems.append(FieldProblem(key, "no such setting of a host", unknown=True))
        else:
            values[key] = _read(key, value, FIELDS[key], problems)
    if name == LOCAL:
        problems += [
            FieldProblem(key, "has no meaning for the built-in host `local`")
            for key in ("address", "user", "port", "key", "jump")
            if key in entry
        ]
        values["kind"] = LOCAL
    elif "address" not in entry:
        problems.append(FieldProblem("address", "is missing: the host's name or IP address"))
    if problems:
        values = {}
    return Host(name=name, **values), problems


def settings_of(host: Host) -> dict[str, Any]:
    """The entry of `host` for the file: what differs from the defaults, in a settled order."""
    plain = Host(name=host.name, kind=host.kind)
    found: dict[str, Any] = {}
    for key in FIELDS:
        value = getattr(host, key)
        if value != getattr(plain, key):
            found[key] = _plain(value)
    if host.variables:
        found["env"] = dict(host.variables)
    return found


def _read(key: str, value: Any, reader: Callable[[Any], Any], problems: list[FieldProblem]) -> Any:
    try:
        return reader(value)
    except _AtKey as error:
        problems.append(FieldProblem(f"{key}.{error.key}", str(error)))
    except ValueError as error:
        problems.append(FieldProblem(key, str(error)))
    return None


class _AtKey(ValueError):
    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {value!r}")
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in value):
        raise ValueError("must be one line without control characters")
    return value


def _filled(value: Any) -> str:
    text = _text(value)
    if not text:
        raise ValueError("must not be empty")
    return text


def _address(value: Any) -> str:
    if not valid_address(_text(value)):
        raise ValueError(f"{value!r} is no host name or IP address")
    return _text(value)


def _user(value: Any) -> str:
    if not valid_user(_text(value)):
        raise ValueError(f"{value!r} is no login name")
    return _text(value)


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"must be a whole number from {low} to {high}, not {value!r}")
        return value

    return read


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {value!r}")
    return value


def _root(value: Any) -> str:
    text = _filled(value)
    if not text.startswith(("/", "~/")) or ".." in text.split("/") or text.rstrip("/") in ("", "~"):
        raise ValueError("must be a folder of its own, starting with / or ~/")
    return text


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        raise ValueError(f"must be a list of texts, not {value!r}")
    return tuple(_filled(item) for item in value)


def _jump(value: Any) -> tuple[str, ...]:
    jumps = _texts(value)
    for text in jumps:
        parse_jump(text)
    return jumps


def _table(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError(f"must be a table of names and texts, not {value!r}")
    found = {}
    for key, item in value.items():
        if isinstance(item, bool) or not isinstance(item, (str, int, float)):
            raise _AtKey(key, f"must be text, not {item!r}")
        found[str(key)] = _text(str(item))
    return found


def _variables(value: Any) -> dict[str, str]:
    found = _table(value)
    for key in found:
        if not valid_variable(key):
            raise _AtKey(key, "is no name for an environment variable")
    return found


def _proxies(value: Any) -> dict[str, str]:
    found = _table({"all": value} if isinstance(value, str) else value)
    for key in found:
        if key not in ("http", "https", "all", "no"):
            raise _AtKey(key, "a proxy is for http, https, all or no")
    return found


def _until(value: Any) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value!r} is no time; write it like 2026-12-01T00:00:00+08:00") from None
    if not isinstance(value, datetime):
        raise ValueError(f"must be a time like 2026-12-01T00:00:00+08:00, not {value!r}")
    return value if value.tzinfo else value.astimezone()  # without a zone: the laptop's


def _closed(value: Any) -> str:
    if value not in ("", "drained", "retired"):
        raise ValueError(f"must be drained or retired, not {value!r}")
    return str(value)


FIELDS: dict[str, Callable[[Any], Any]] = {
    "address": _address,
    "user": _user,
    "port": _whole(1, 65535),
    "key": _filled,
    "jump": _jump,
    "root": _root,
    "lease_dir": _root,
    "slots": _whole(1, 1024),
    "labels": _table,
    "price": parse_price,
    "until": _until,
    "save_before_end": parse_lead,
    "provider": _text,
    "python": _filled,
    "index_url": _filled,
    "find_links": _texts,
    "hf_endpoint": _filled,
    "proxies": _proxies,
    "offline": _flag,
    "note": _text,
    "closed": _closed,
}
"""Each setting and how its value is read; every reader raises ValueError with what is wrong. `env` is a table apart."""
