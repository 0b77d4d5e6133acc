"""Which files of a working folder stay at home: git's rules, `.ltignore` over them, and what never travels."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

#: Names that never travel, whatever the ignore files say.
NEVER = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        "__pycache__",
        ".venv",
        ".tox",
        ".nox",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".ipynb_checkpoints",
        ".DS_Store",
    }
)
GIT_FILE = ".gitignore"
OWN_FILE = ".ltignore"


@dataclass(frozen=True)
class Rules:
    """The patterns of one ignore file. `base` is its folder as seen from the root of the walk (`""`, `src/`, …).

    A folder above the root (the rest of the repository) has no such path: then `prefix` is what leads from it down
    to the root.
    """

    spec: GitIgnoreSpec
    base: str = ""
    prefix: str = ""
    origin: str = ""  # the file's name, to tell the person what left a file out

    def verdict(self, path: str) -> bool | None:
        """True: ignored; False: kept by a `!` pattern; None: no pattern speaks of `path` (folders end in `/`)."""
        return self.spec.check_file(self.prefix + path[len(self.base) :]).include


@dataclass(frozen=True)
class RuleSet:
    """All rules that hold in one folder, weakest first: a later one wins, as in git."""

    git: tuple[Rules, ...] = ()
    own: tuple[Rules, ...] = ()

    def ignored_by(self, path: str) -> str | None:
        """The ignore file that leaves `path` out, or None. `.ltignore` wins over `.gitignore`, so `!` there sends."""
        for rules in (*reversed(self.own), *reversed(self.git)):
            verdict = rules.verdict(path)
            if verdict is not None:
                return rules.origin if verdict else None
        return None

    def entering(self, folder: Path, base: str, names: Iterable[str]) -> RuleSet:
        """The rules inside `folder`, whose entries are `names`."""
        present = set(names) & {GIT_FILE, OWN_FILE}
        if not present:
            return self
        git, own = self.git, self.own
        if GIT_FILE in present:
            git += _read(folder / GIT_FILE, base, "", base + GIT_FILE)
        if OWN_FILE in present:
            own += _read(folder / OWN_FILE, base, "", base + OWN_FILE)
        return RuleSet(git, own)


def rules_above(root: Path) -> RuleSet:
    """What holds at `root` before its own files are read: git's excludes, and ignore files further up."""
    top = next((p for p in (root, *root.parents) if (p / ".git").exists()), None)
    if top is None:
        return RuleSet()
    way_down = root.relative_to(top).as_posix()
    prefix = "" if way_down == "." else way_down + "/"
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    git = _read(Path(config) / "git" / "ignore", "", prefix, "~/.config/git/ignore")
    git += _read(top / ".git" / "info" / "exclude", "", prefix, ".git/info/exclude")
    own: tuple[Rules, ...] = ()
    folder = top
    for part in prefix.split("/")[:-1]:
        git += _read(folder / GIT_FILE, "", prefix, str(folder / GIT_FILE))
        own += _read(folder / OWN_FILE, "", prefix, str(folder / OWN_FILE))
        folder, prefix = folder / part, prefix[len(part) + 1 :]
    return RuleSet(git, own)


def never_travels(name: str, folder: Path | None) -> bool:
    """Whether an entry stays at home always: caches, repositories, and virtual environments under any name."""
    if name in NEVER:
        return True
    return folder is not None and ((folder / "pyvenv.cfg").exists() or (folder / "conda-meta").is_dir())


def _read(path: Path, base: str, prefix: str, origin: str) -> tuple[Rules, ...]:
    try:
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ()
    if all(not line.strip() or line.startswith("#") for line in lines):
        return ()  # git's own exclude file, as it is made: no need to load the matcher
    from pathspec import GitIgnoreSpec

    return (Rules(GitIgnoreSpec.from_lines(lines), base, prefix, origin),)
