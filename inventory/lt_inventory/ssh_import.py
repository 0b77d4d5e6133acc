"""Reading a person's own `~/.ssh/config` once, to propose hosts from it (ssh_config(5)).

Understood: Host, HostName, User, Port, IdentityFile, ProxyJump, Include. As in OpenSSH the first value found for a
key wins, and pattern blocks (`Host *`) give values to the names that match. What is not understood is said, never
guessed: the person sees why a host was skipped.
"""

from __future__ import annotations

import fnmatch
import glob
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from .model import NAME_PATTERN, RESERVED_NAMES, Host, parse_jump, valid_address, valid_user

_KEYS = {"hostname", "user", "port", "identityfile", "proxyjump", "proxycommand"}
_MOST_INCLUDES = 16  # OpenSSH's own limit on depth


@dataclass(frozen=True)
class ImportCandidate:
    """One name of the configuration: the host it would become, or why it cannot."""

    name: str
    host: Host | None
    skipped: str = ""  # why there is no host
    notes: tuple[str, ...] = ()  # what of it was not taken over
    file: str = ""
    line: int = 0


@dataclass
class _Block:
    patterns: list[str]
    file: Path
    line: int
    settings: dict[str, list[str]] = field(default_factory=dict)
    conditional: bool = False  # a Match block: its condition is not evaluated

    def applies(self, name: str) -> bool:
        hit = False
        for pattern in self.patterns:
            wanted = pattern.removeprefix("!")
            if _matches(name, wanted):
                if pattern.startswith("!"):
                    return False
                hit = True
        return hit and not self.conditional


def read_ssh_config(path: Path) -> list[ImportCandidate]:
    """Every name that `path` (and what it includes) gives to a host, in the file's order. A missing file has none."""
    blocks = [_Block(["*"], path, 0)]
    _parse(path, blocks, path.parent, 0)
    matched = sorted({block.line for block in blocks if block.conditional and block.settings})
    seen: set[str] = set()
    found = []
    for block in blocks:
        if block.line == 0 or block.conditional:
            continue
        for name in block.patterns:
            if name not in seen:
                seen.add(name)
                found.append(_candidate(name, block, blocks, matched))
    return found


def _candidate(name: str, where: _Block, blocks: list[_Block], matched: list[int]) -> ImportCandidate:
    def skip(why: str) -> ImportCandidate:
        return ImportCandidate(name, None, why, file=str(where.file), line=where.line)

    if name.startswith("!") or any(letter in name for letter in "*?"):
        return skip("a pattern, not a host; its settings were given to the hosts it matches")
    settings: dict[str, list[str]] = {}
    for block in blocks:
        if block.applies(name):
            for key, values in block.settings.items():
                settings.setdefault(key, values)
    if settings.get("proxycommand", ["none"])[0].lower() != "none" and "proxyjump" not in settings:
        return skip("it is reached through a ProxyCommand; write it as a ProxyJump")
    if not NAME_PATTERN.fullmatch(name) or name in RESERVED_NAMES:
        return skip("its name cannot be used here: letters, digits, dot, dash, underscore; not local, not any")
    address = _tokens(settings.get("hostname", [name])[0], name)
    user = settings["user"][0] if "user" in settings else None
    port = settings.get("port", ["22"])[0]
    if not valid_address(address):
        return skip(f"HostName {address!r} is no host name or address")
    if user is not None and not valid_user(user):
        return skip(f"User {user!r} is no login name")
    if not port.isdigit() or not 0 < int(port) < 65536:
        return skip(f"Port {port!r} is no port")
    jumps, bad = _jumps(settings.get("proxyjump", ["none"])[0])
    if bad:
        return skip(f"ProxyJump {bad!r} is not understood")
    identity, notes = _key(settings.get("identityfile", []), address, user, name)
    if matched:
        lines = ", ".join(str(line) for line in matched)
        notes.append(f"Match blocks are not read (line {lines}): see whether they mean this host")
    host = Host(name=name, address=address, user=user, port=int(port), key=identity, jump=jumps)
    return ImportCandidate(name, host, notes=tuple(notes), file=str(where.file), line=where.line)


def _jumps(text: str) -> tuple[tuple[str, ...], str]:
    """The hops of a ProxyJump, and the first that makes no sense."""
    if text.lower() == "none":
        return (), ""
    hops = []
    for hop in text.split(","):
        hop = hop.strip().removeprefix("ssh://")
        try:
            parse_jump(hop)
        except ValueError:
            return (), hop
        hops.append(hop)
    return tuple(hops), ""


def _key(files: list[str], address: str, user: str | None, name: str) -> tuple[str | None, list[str]]:
    usable = [_tokens(file, address, user, name) for file in files if file.lower() != "none"]
    if not usable:
        return None, []
    existing = [file for file in usable if Path(file).expanduser().exists()]
    chosen = (existing or usable)[0]
    notes = [f"of its keys the first that exists is used: {chosen}"] if len(usable) > 1 else []
    if not existing:
        notes.append(f"its key {chosen} is not there")
    if "%" in chosen:
        return None, [f"IdentityFile {chosen}: this % token is not understood; set the key by hand"]
    return chosen, notes


def _tokens(text: str, host: str, user: str | None = None, name: str = "") -> str:
    """ssh_config's % tokens, those that can be known here."""
    known = {"%h": host, "%n": name or host, "%%": "%", "%d": str(Path.home()), **({"%r": user} if user else {})}
    return re.sub(r"%[a-zA-Z%]", lambda found: known.get(found[0], found[0]), text)


def _parse(path: Path, blocks: list[_Block], base: Path, depth: int) -> None:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for number, line in enumerate(lines, start=1):
        key, values = _words(line)
        if key == "host":
            blocks.append(_Block(values, path, number))
        elif key == "match":
            everywhere = [value.lower() for value in values] == ["all"]
            blocks.append(_Block(["*"], path, number if not everywhere else 0, conditional=not everywhere))
        elif key == "include" and depth < _MOST_INCLUDES:
            _include(values, blocks, base, depth)
        elif key in _KEYS and values:
            # A key repeated within a block: the first counts, but IdentityFile adds up.
            known = blocks[-1].settings.setdefault(key, [])
            if key == "identityfile" or not known:
                known.append(" ".join(values) if key == "proxycommand" else values[0])


def _include(patterns: list[str], blocks: list[_Block], base: Path, depth: int) -> None:
    current = blocks[-1]
    for pattern in patterns:
        full = Path(pattern).expanduser()
        for found in sorted(glob.glob(str(full if full.is_absolute() else base / full))):
            # What stands before any Host line of the included file belongs to the block that includes it.
            blocks.append(_Block(current.patterns, Path(found), 0, conditional=current.conditional))
            _parse(Path(found), blocks, base, depth + 1)
    blocks.append(_Block(current.patterns, current.file, 0, conditional=current.conditional))


def _words(line: str) -> tuple[str, list[str]]:
    line = line.strip()
    if not line or line.startswith("#"):
        return "", []
    found = re.match(r"([A-Za-z]+)\s*(?:=|\s)\s*(.*)", line)
    if not found:
        return "", []
    try:
        values = shlex.split(found[2], comments=False)
    except ValueError:
        values = found[2].split()
    return found[1].lower(), values


def _matches(name: str, pattern: str) -> bool:
    # ssh knows * and ? only; fnmatch would take [ as a set.
    return fnmatch.fnmatchcase(name.lower(), pattern.lower().replace("[", "[[]"))
