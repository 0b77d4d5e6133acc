"""`hosts.toml`: read with every problem reported at its line, changed without touching a person's comments."""

from __future__ import annotations

import difflib
import fcntl
import os
import re
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.files import write_bytes

from .fields import FIELDS, FieldProblem, host_from, settings_of
from .lines import line_of
from .model import LOCAL, NAME_PATTERN, RESERVED_NAMES, Host, local_host

if TYPE_CHECKING:  # tomlkit is for edits and for naming lines; most commands only read, and it is slow to import
    from tomlkit.items import Table

_HEADER = "# Hosts to train on. `lt host add` writes here; you may, too: comments stay.\n"


@dataclass(frozen=True)
class Problem:
    """One thing wrong in the file: where, and what would be right."""

    line: int
    key: str  # `hosts.box.prot`
    message: str
    hint: str = ""  # the nearest known word, if one is near

    def as_dict(self) -> dict[str, Any]:
        """The form in which it travels in an error's params."""
        return {"line": self.line, "key": self.key, "message": self.message, "hint": self.hint}


# The last one read of each file, in this process: a sweep of hundreds of submits asks for every one of them, and
# hundreds of hosts take tens of milliseconds to parse. Hosts can't be changed, so who asks shares them.
_loaded: dict[Path, tuple[tuple[int, int, int], dict[str, Host]]] = {}
_FRESH = 100_000_000  # nanoseconds


class HostsFile:
    """One `hosts.toml`. Reading takes no lock: the file is only ever replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> dict[str, Host]:
        """All hosts by name, the built-in `local` among them. The file is parsed again only when it has changed.

        Raises LtError `hosts_file_invalid{path, problems}` with every problem of the file.
        """
        stamp = self._stamp()  # taken first: an edit in between is found by the next call
        known = _loaded.get(self.path)
        if stamp is not None and known is not None and known[0] == stamp:
            return dict(known[1])
        hosts = self._load_quickly()
        if hosts is None:
            hosts, problems = self.check()
            if problems:
                raise LtError("hosts_file_invalid", path=str(self.path), problems=[p.as_dict() for p in problems])
        # A file that was written within the last instants may change once more under the same time stamp.
        if stamp is not None and time.time_ns() - stamp[0] > _FRESH:
            _loaded[self.path] = (stamp, hosts)
        return dict(hosts)

    def _stamp(self) -> tuple[int, int, int] | None:
        """Changes with the file; None where there is none."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _load_quickly(self) -> dict[str, Host] | None:
        """The hosts by the standard library's reader, which starts in a tenth of the time; None if anything is wrong.

        What is wrong, and on which line, is tomlkit's to say.
        """
        if sys.version_info < (3, 11):
            return None
        import tomllib

        text = self._text()
        try:
            hosts, problems = _Reader(text).read(tomllib.loads(text))
        except tomllib.TOMLDecodeError:
            return None
        return None if problems else hosts

    def check(self) -> tuple[dict[str, Host], list[Problem]]:
        """The hosts that are right, and what is wrong with the file. A file that is missing is an empty one."""
        import tomlkit
        from tomlkit.exceptions import ParseError, TOMLKitError

        text = self._text()
        try:
            tables = tomlkit.parse(text).unwrap()
        except ParseError as error:
            return {LOCAL: local_host()}, [Problem(error.line, "", _sentence(error))]
        except TOMLKitError as error:
            return {LOCAL: local_host()}, [Problem(1, "", _sentence(error))]
        return _Reader(text).read(tables)

    def get(self, name: str) -> Host:
        """The host `name`. Raises LtError `no_such_host{host, near}`, `hosts_file_invalid`."""
        hosts = self.load()
        if name not in hosts:
            raise LtError("no_such_host", host=name, near=_nearest(name, hosts))
        return hosts[name]

    def add(self, host: Host) -> None:
        """Appends `host`. Raises LtError `host_exists`, `bad_host_name`."""
        import tomlkit

        self._check_name(host.name)

        def append(hosts: Table) -> None:
            if host.name in hosts:
                raise LtError("host_exists", host=host.name)
            hosts.add(host.name, _fill(tomlkit.table(), host))
            hosts.add(tomlkit.nl())

        self._change(append)

    def update(self, host: Host, keys: Collection[str] | None = None) -> None:
        """Writes what differs from the file's entry, and leaves the rest of it as it stands. `keys`: of these settings
        alone, so that what somebody else has changed since `host` was read stays.

        Raises LtError `no_such_host`. For `local`, an entry is made when there is none.
        """
        import tomlkit

        def replace(hosts: Table) -> None:
            if host.name not in hosts:
                if host.name != LOCAL:
                    raise LtError("no_such_host", host=host.name, near="")
                hosts.add(host.name, tomlkit.table())
            _fill(hosts[host.name], host, keys)

        self._change(replace)

    def remove(self, name: str) -> None:
        """Takes the entry out, with the comments inside it. Raises LtError `no_such_host`."""

        def drop(hosts: Table) -> None:
            if name not in hosts:
                raise LtError("no_such_host", host=name, near="")
            hosts.remove(name)

        self._change(drop)

    def _change(self, change: Callable[[Table], None]) -> None:
        import tomlkit

        with self._locked():
            _, problems = self.check()
            if problems:  # a file that cannot be read must not be rewritten from what could be
                raise LtError("hosts_file_invalid", path=str(self.path), problems=[p.as_dict() for p in problems])
            document = tomlkit.parse(self._text() or _HEADER)
            if "hosts" not in document:
                document.add("hosts", tomlkit.table(is_super_table=True))
            change(document["hosts"])
            write_bytes(self.path, tomlkit.dumps(document).encode())

    def _text(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            problem = Problem(1, "", f"cannot be read: {error}")
            raise LtError("hosts_file_invalid", path=str(self.path), problems=[problem.as_dict()]) from None

    def _check_name(self, name: str) -> None:
        if name in RESERVED_NAMES or not NAME_PATTERN.fullmatch(name):
            raise LtError("bad_host_name", name=name, reserved=name in RESERVED_NAMES)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)


class _Reader:
    """Turns the parsed file into hosts, collecting problems with the lines their keys stand on."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        self._problems: list[Problem] = []

    def read(self, tables: Mapping[str, Any]) -> tuple[dict[str, Host], list[Problem]]:
        for key in tables:
            if key != "hosts":
                self._problem([key], "unknown table; hosts are written [hosts.NAME]", "hosts")
        entries = tables.get("hosts", {})
        hosts: dict[str, Host] = {}
        if not isinstance(entries, Mapping):
            self._problem(["hosts"], "must be a table: [hosts.NAME]")
            entries = {}
        for name, entry in entries.items():
            host = self._host(name, entry)
            if host is not None:
                hosts[name] = host
        hosts.setdefault(LOCAL, local_host())
        return hosts, sorted(self._problems, key=lambda problem: problem.line)

    def _host(self, name: str, entry: Any) -> Host | None:
        before = len(self._problems)
        if name == "any" or not NAME_PATTERN.fullmatch(name):
            self._problem(["hosts", name], "a name has letters, digits, dot, dash and underscore; `any` is taken")
        if not isinstance(entry, Mapping):
            self._problem(["hosts", name], "must be a table: [hosts.NAME]")
            return None
        host, found = host_from(name, entry)
        for problem in found:
            self._field_problem(name, problem)
        return host if len(self._problems) == before else None

    def _field_problem(self, name: str, problem: FieldProblem) -> None:
        hint = _nearest(problem.key, [*FIELDS, "env"]) if problem.unknown else ""
        self._problem(["hosts", name, *problem.key.split(".")], problem.message, hint)

    def _problem(self, path: list[str], message: str, hint: str = "") -> None:
        self._problems.append(Problem(line_of(self._lines, path), ".".join(path), message, hint))


def _nearest(word: str, known: Iterable[str]) -> str:
    """The known word that `word` was probably meant to be, or an empty text."""
    near = difflib.get_close_matches(word, known, n=3)
    # Letters in another order are the commonest slip, and difflib's measure does not favour them.
    return next((other for other in near if sorted(other) == sorted(word)), near[0] if near else "")


def _fill(table: Table, host: Host, keys: Collection[str] | None = None) -> Table:
    wanted = settings_of(host)
    for key in [key for key in table if key not in wanted and (keys is None or key in keys)]:
        table.remove(key)
    for key, value in wanted.items():
        if keys is not None and key not in keys:
            continue
        if key not in table or table[key].unwrap() != value:
            table[key] = value
    return table


def _sentence(error: Exception) -> str:
    # The position is reported apart.
    return re.sub(r" at line \d+ col \d+$", "", str(error))
