"""What the inventory knows about one host, with its rules; no files, no network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

DEFAULT_ROOT = "~/.lt-agent"
LOCAL = "local"
SAVE_BEFORE_END = 600.0  # seconds before the end of a lease at which a training is asked for a checkpoint

# Names appear in the generated ssh configuration and as folder names: letters, digits, dot, dash and underscore only.
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_ADDRESS_PATTERN = re.compile(r"[A-Za-z0-9:][A-Za-z0-9._:%-]{0,254}")
_USER_PATTERN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@$-]{0,63}")
_VARIABLE_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
RESERVED_NAMES = frozenset({LOCAL, "any"})


@dataclass(frozen=True)
class Jump:
    """One hop on the way to a host: another host of the inventory (`name`), or an address of its own."""

    name: str = ""
    user: str | None = None
    address: str = ""
    port: int = 22

    @property
    def text(self) -> str:
        """The form in `hosts.toml`."""
        if self.name:
            return self.name
        address = f"[{self.address}]" if ":" in self.address else self.address
        return (f"{self.user}@" if self.user else "") + f"{address}:{self.port}"


@dataclass(frozen=True)
class Host:
    """A machine to train on. Everything but `name` and `address` has a default that suits a plain SSH box."""

    name: str
    address: str = ""
    user: str | None = None
    port: int = 22
    key: str | None = None  # path of the private key on the laptop; None: agent and the usual ~/.ssh/id_*
    jump: tuple[str, ...] = ()  # hops, outermost first: a host's name or [user@]address[:port]
    root: str = DEFAULT_ROOT  # on the host; rented boxes put it on the data disk
    lease_dir: str | None = None  # on the host, on a local disk; None: /var/tmp/lt-<uid>
    slots: int | None = None  # jobs at once; None: the number of GPUs, or 1
    labels: Mapping[str, str] = field(default_factory=dict)
    price: float | None = None  # per hour, in whatever currency the person thinks in
    until: datetime | None = None  # the end of the lease, with its time zone
    save_before_end: float | None = None  # seconds; None: `SAVE_BEFORE_END`, 0: no checkpoint for the lease's sake
    provider: str = ""  # whom it is rented from
    python: str | None = None  # the interpreter jobs prefer
    index_url: str | None = None  # for packages, as the host sees it
    find_links: tuple[str, ...] = ()
    hf_endpoint: str | None = None
    proxies: Mapping[str, str] = field(default_factory=dict)  # http, https, all, no
    variables: Mapping[str, str] = field(default_factory=dict)  # `[hosts.NAME.env]`: the jobs' environment
    offline: bool = False  # it reaches nothing but who logs in: jobs build from what was sent (`lt host prepare`)
    note: str = ""
    closed: str = ""  # `drained` or `retired`: it takes nothing new
    kind: str = "ssh"  # or `local`

    @property
    def lead(self) -> float:
        """Seconds before the end of its lease at which trainings are asked for a checkpoint; 0: they are not."""
        return SAVE_BEFORE_END if self.save_before_end is None else self.save_before_end

    @property
    def target(self) -> str:
        """`user@address:port` for messages; `local` for the built-in host."""
        if self.kind == LOCAL:
            return LOCAL
        address = f"[{self.address}]" if ":" in self.address else self.address
        return (f"{self.user}@" if self.user else "") + address + (f":{self.port}" if self.port != 22 else "")

    def environment(self) -> dict[str, str]:
        """The variables that jobs on this host get: proxies and the hub mirror, then its own `env` over them."""
        found: dict[str, str] = {}
        for kind, value in self.proxies.items():
            found[f"{kind}_proxy"] = found[f"{kind.upper()}_PROXY"] = value
        if self.hf_endpoint:
            found["HF_ENDPOINT"] = self.hf_endpoint
        if self.offline:
            found |= dict.fromkeys(("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"), "1")
        return {**found, **self.variables}


def local_host(**settings: object) -> Host:
    """The built-in host `local`: this machine, through a subprocess in place of SSH."""
    return Host(name=LOCAL, kind=LOCAL, **settings)  # type: ignore[arg-type]


def parse_target(text: str) -> tuple[str | None, str, int]:
    """`[user@]address[:port]` in parts; an IPv6 address with a port stands in brackets. Raises ValueError."""
    user, at, rest = text.rpartition("@")
    port = 22
    if rest.startswith("["):
        address, bracket, tail = rest[1:].partition("]")
        if not bracket or (tail and not tail.startswith(":")):
            raise ValueError(f"{text!r} is not [user@]address[:port]")
        port = _port(tail[1:], text) if tail else 22
    elif rest.count(":") == 1:
        address, _, tail = rest.partition(":")
        port = _port(tail, text)
    else:
        address = rest
    if (at and not valid_user(user)) or not valid_address(address):
        raise ValueError(f"{text!r} is not [user@]address[:port]")
    return user if at else None, address, port


def parse_jump(text: str) -> Jump:
    """A hop as it stands in `jump`: the bare name of a host of ours, or `[user@]address[:port]`. Raises ValueError.

    Whether a bare word names a host or is an address is for the caller, who has the inventory, to see.
    """
    if NAME_PATTERN.fullmatch(text) and ":" not in text:
        return Jump(name=text, address=text)
    user, address, port = parse_target(text)
    return Jump(user=user, address=address, port=port)


def parse_price(value: object) -> float:
    """`1.9`, `"1.9"` or `"1.9/h"` as a price per hour. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("a price is a number, or text like 1.9/h")
    text = value.strip().removesuffix("/h").strip() if isinstance(value, str) else value
    try:
        price = float(text)
    except ValueError:
        raise ValueError(f"{value!r} is no price; write it like 1.9/h") from None
    if not 0 <= price < 1e6:
        raise ValueError(f"{value!r} is no price per hour")
    return price


def parse_lead(value: object) -> float:
    """`600`, `"10m"` or `"1h"` as seconds, up to a week. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("a length of time is a number of seconds, or text like 10m")
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", str(value).strip().lower())
    if found is None:
        raise ValueError(f"{value!r} is no length of time; write it like 10m")
    seconds = float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]
    if seconds > 7 * 86400:
        raise ValueError(f"{value!r} is longer than a week")
    return seconds


def valid_name(text: str) -> bool:
    """Whether `text` may name a host; `local` and `any` have meanings of their own."""
    return NAME_PATTERN.fullmatch(text) is not None and text not in RESERVED_NAMES


def valid_address(text: str) -> bool:
    """Whether `text` is a host name or an IP address (IPv6 bare, a zone after `%`)."""
    return _ADDRESS_PATTERN.fullmatch(text) is not None and ("%" not in text or ":" in text)


def valid_user(text: str) -> bool:
    """Whether `text` may be a login name."""
    return _USER_PATTERN.fullmatch(text) is not None


def valid_variable(text: str) -> bool:
    """Whether `text` may name an environment variable."""
    return _VARIABLE_PATTERN.fullmatch(text) is not None


def _port(text: str, whole: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise ValueError(f"{whole!r}: {text!r} is no port (1 to 65535)")
    return int(text)
