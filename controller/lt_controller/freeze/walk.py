"""Walks a folder that is to travel: which files, how large, and what stays at home and why."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lt_agent.protocol.errors import LtError

#: Past so many files the walk gives up counting: somebody submitted their whole home.
COUNT_LIMIT = 500_000


@dataclass(frozen=True)
class Limits:
    """How much a working folder may hold. Data has no limit: it is sent on purpose."""

    size: int = 1 << 30  # bytes
    files: int = 50_000


@dataclass(frozen=True)
class Skipped:
    """An entry that stays at home.

    `why`: `ignored`, `link_outside`, `broken_link`, `special`, `unreadable` or `bad_name`.
    """

    path: str
    why: str
    by: str = ""  # the ignore file, where one decided


@dataclass(frozen=True)
class Found:
    """A file that travels: where it is, what it is called from the root, and its stat."""

    path: str
    source: str
    stat: os.stat_result


@dataclass
class Survey:
    """What a walk found. `files` in a stable order; sizes in bytes."""

    root: Path
    files: list[Found] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    size: int = 0

    def biggest(self, count: int = 5) -> list[tuple[str, int, int]]:
        """(entry directly under the root, bytes, files), the largest first: what to leave out."""
        totals: dict[str, list[int]] = {}
        for found in self.files:
            head, slash, _ = found.path.partition("/")
            total = totals.setdefault(head + slash, [0, 0])
            total[0] += found.stat.st_size
            total[1] += 1
        ranked = sorted(totals.items(), key=lambda item: (item[1][0], item[1][1]), reverse=True)
        return [(name, size, files) for name, (size, files) in ranked[:count]]

    def check(self, limits: Limits) -> None:
        """Raises LtError `folder_too_big`, naming the largest entries."""
        if self.size <= limits.size and len(self.files) <= limits.files:
            return
        biggest = self.biggest()
        raise LtError(
            "folder_too_big",
            folder=str(self.root),
            size=self.size,
            files=len(self.files),
            size_limit=limits.size,
            files_limit=limits.files,
            biggest=[{"entry": name, "size": size, "files": files} for name, size, files in biggest],
            first=biggest[0][0],
        )


#: Says why an entry is left out, or None. Called with (path from the root, name, folder or None).
Sieve = Callable[[str, str, "Path | None"], "Skipped | None"]


class Walker:
    """One walk. Links whose target lies inside `inside` are followed as if they were the thing itself."""

    def __init__(self, root: Path, inside: Path | None = None) -> None:
        self.survey = Survey(root)
        self._inside = os.path.realpath(inside or root)

    def walk(self, enter: Callable[[Path, str, list[str]], Sieve]) -> Survey:
        """Walks it all. `enter(folder, base, names)` gives the sieve for the entries of a folder.

        Raises LtError `folder_unreadable` for the root itself; what cannot be read below it is named as skipped.
        """
        root = self.survey.root
        self._folder(root, "", (os.path.realpath(root),), enter)
        self.survey.files.sort(key=lambda found: found.path)
        return self.survey

    def _folder(
        self, folder: Path, base: str, above: tuple[str, ...], enter: Callable[[Path, str, list[str]], Sieve]
    ) -> None:
        try:
            with os.scandir(folder) as entries:
                listing = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if not base:
                raise LtError("folder_unreadable", folder=str(folder), why=error.strerror or str(error)) from None
            self._skip(base, "unreadable")
            return
        sieve = enter(folder, base, [entry.name for entry in listing])
        for entry in listing:
            if len(self.survey.files) >= COUNT_LIMIT:
                return
            self._entry(entry, base + entry.name, above, sieve, enter)

    def _entry(
        self,
        entry: os.DirEntry[str],
        path: str,
        above: tuple[str, ...],
        sieve: Sieve,
        enter: Callable[[Path, str, list[str]], Sieve],
    ) -> None:
        real = entry.path
        if entry.is_symlink():
            try:
                real = os.path.realpath(entry.path)
            except OSError:  # such links as those in /proc may not even be read
                self._skip(path, "unreadable")
                return
            if real != self._inside and not real.startswith(self._inside + os.sep):
                self._skip(path, "link_outside")
                return
        try:
            found = os.stat(real)
        except OSError:
            self._skip(path, "broken_link" if entry.is_symlink() else "unreadable")
            return
        is_folder = stat.S_ISDIR(found.st_mode)
        left_out = sieve(path + ("/" if is_folder else ""), entry.name, Path(real) if is_folder else None)
        if left_out is not None:
            if left_out.why != "never":
                self.survey.skipped.append(left_out)
        elif is_folder:
            resolved = os.path.realpath(real)
            if resolved in above:  # a link to a folder around itself would never end
                self._skip(path, "broken_link")
            else:
                self._folder(Path(entry.path), path + "/", (*above, resolved), enter)
        elif not stat.S_ISREG(found.st_mode):
            self._skip(path, "special")
        elif not _nameable(path):
            self._skip(path, "bad_name")
        elif not os.access(real, os.R_OK):
            self._skip(path, "unreadable")
        else:
            self.survey.files.append(Found(path, real, found))
            self.survey.size += found.st_size

    def _skip(self, path: str, why: str) -> None:
        self.survey.skipped.append(Skipped(path, why))


def walk_code(root: Path) -> Survey:
    """The working folder by git's rules and ours (`ignore.py`). Raises LtError `folder_unreadable`."""
    from .ignore import RuleSet, never_travels, rules_above

    rules: dict[str, RuleSet] = {"": rules_above(root)}

    def enter(folder: Path, base: str, names: list[str]) -> Sieve:
        parent = base[:-1].rpartition("/")[0]
        above = rules[parent + "/" if parent else ""] if base else rules[""]
        here = rules[base] = above.entering(folder, base, names)

        def sieve(path: str, name: str, inner: Path | None) -> Skipped | None:
            if never_travels(name, inner):
                return Skipped(path, "never")
            by = here.ignored_by(path)
            return Skipped(path, "ignored", by) if by is not None else None

        return sieve

    return Walker(root).walk(enter)


def walk_data(root: Path) -> Survey:
    """A data or model folder: everything, hidden files too. Raises LtError `folder_unreadable`."""

    def sieve(path: str, name: str, inner: Path | None) -> Skipped | None:
        return None

    return Walker(root, _hub_cache(root)).walk(lambda folder, base, names: sieve)


def _hub_cache(root: Path) -> Path | None:
    """A snapshot in the Hugging Face cache consists of links into its neighbour `blobs/`: those may be followed."""
    for folder in root.resolve().parents:
        if folder.name.startswith(("models--", "datasets--")):
            return folder
    return None


def _nameable(path: str) -> bool:
    """Names that are not UTF-8 can't stand in a manifest."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
