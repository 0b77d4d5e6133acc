"""From a gallery name or a file, and overrides, to a `Recipe`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from .extending import extend
from .locks import read_lock, shipped_locks
from .overrides import apply_overrides
from .paths import PATH_KEYS, find, look_up
from .problems import Problem, RecipeError
from .schema import Recipe
from .schema.command import CommandRecipe
from .schema.sweep import SweepSection
from .suggest import nearest
from .validation import place, validate, validate_command
from .yaml_source import KeyPath, Source, parse

PACKAGE = Path(__file__).resolve().parent
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class GalleryEntry:
    """A shipped recipe: `title` is the first sentence of its header."""

    name: str
    title: str
    path: Path


@dataclass(frozen=True)
class RecipeFile:
    """A recipe's file, and the folder where its relative paths are looked for after the working folder."""

    path: Path
    folder: Path


def load(
    name_or_path: str | Path, overrides: Sequence[str] = (), cwd: Path | None = None, *, check_paths: bool = True
) -> Recipe:
    """The validated recipe of a gallery name or a file, with `overrides` (`train.learning_rate=1e-4`) laid over it.

    Local files that it names must be there, unless `check_paths` is off (for showing a gallery recipe, say).
    Raises RecipeError with every problem of the file and the overrides at once.
    """
    return load_placed(name_or_path, overrides, cwd, check_paths=check_paths)[0]


Locate = Callable[[str], "tuple[str, int | None]"]
"""(a dotted key) → the file and line where it stands, or those of the block that lacks it."""


def load_placed(
    name_or_path: str | Path, overrides: Sequence[str] = (), cwd: Path | None = None, *, check_paths: bool = True
) -> tuple[Recipe, Locate]:
    """As `load`, with the places of the recipe's keys."""
    file, source, said = read_source(name_or_path, overrides, cwd)
    loaded = validated(file, source, said, cwd, check_paths=check_paths)
    if loaded.recipe is None:
        name, line = loaded.locate("command")
        hint = "lt recipe check and lt submit take it"
        raise RecipeError([Problem(name, line, "command", "is a recipe for a command: it has no training", hint)])
    return loaded.recipe, loaded.locate


@dataclass(frozen=True)
class Loaded:
    """A file that was read: a recipe or a command's recipe, and its `sweep:`. The trial of a sweep is its first one."""

    recipe: Recipe | None
    command: CommandRecipe | None
    sweep: SweepSection | None
    locate: Locate


def read_source(
    name_or_path: str | Path, overrides: Sequence[str] = (), cwd: Path | None = None
) -> tuple[RecipeFile, Source, set[KeyPath]]:
    """What a recipe says once all that it extends and the overrides are laid together, unchecked: its file, the
    values, and the keys that came from the command line. Raises RecipeError for what can't be read at all."""
    file = find_recipe(name_or_path, cwd)
    source = extend(parse(_read(file.path), _name_for(file.path, cwd)), file.folder, _read_base)
    return file, source, apply_overrides(source, overrides)


def is_command(data: object) -> bool:
    """Whether these are the values of a command's recipe."""
    return isinstance(data, dict) and data.get("command") is not None and data.get("method") is None


def validated(
    file: RecipeFile, source: Source, said: set[KeyPath], cwd: Path | None = None, *, check_paths: bool = True
) -> Loaded:
    """Checks what `read_source` read, every trial of its sweep as well; takes `sweep` out of the source.

    Raises RecipeError with all problems.
    """
    from .sweeping.checking import check_trials
    from .sweeping.section import take_section

    command = is_command(source.data)
    check = validate_command if command else validate
    written = take_section(source, said, command=command)
    if written is None:
        first, problems = check(source, said)
        trials = [first] if first is not None else []
    else:
        trials, problems = check_trials(source, said, written, check)
    if problems:
        raise RecipeError(problems)

    def locate(key: str) -> tuple[str, int | None]:
        if written is not None and key in written.places:
            return place(written.places[key], source, said)
        return place(_path(key), source, said)

    sweep = written.section if written else None
    first = trials[0]
    if isinstance(first, CommandRecipe):
        return Loaded(None, first, sweep, locate)
    lock, missing = _own_lock(first, [cwd or Path.cwd(), file.folder])
    located = [trial.located(file.folder, lock) for trial in trials if isinstance(trial, Recipe)]
    if check_paths:
        names_files = any(key.rpartition(".")[2] in PATH_KEYS for key in written.places) if written else False
        for trial in located if names_files else located[:1]:
            missing += [problem for problem in look_up(trial, cwd)[1] if problem not in missing]
    if missing:
        raise RecipeError([_placed(problem, *locate(problem.key)) for problem in missing])
    return Loaded(located[0], None, sweep, locate)


def find_recipe(name_or_path: str | Path, cwd: Path | None = None) -> RecipeFile:
    """The file that a gallery name or a path means. Raises RecipeError, with the nearest name, if there is none."""
    text = str(name_or_path)
    here = cwd or Path.cwd()
    entries = {entry.name: entry for entry in gallery()}
    if text in entries:
        # The gallery's data files lie beside the gallery, in the package.
        return RecipeFile(entries[text].path, PACKAGE)
    try:
        path = (here / Path(text).expanduser()).absolute()
        if path.is_file():
            return RecipeFile(path, path.parent)
        folder = path.is_dir()
    except (OSError, ValueError, RuntimeError):
        path, folder = here / "recipe.yaml", False
    if folder:
        raise RecipeError([Problem(text, None, "", "is a folder, not a recipe", "name the .yaml file in it")])
    if isinstance(name_or_path, Path) or "/" in text or text.endswith(_SUFFIXES):
        beside = sorted(p.name for p in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        near = nearest(path.name, beside)
        hint = f"did you mean {near}?" if near else "lt recipe ls shows the gallery"
        raise RecipeError([Problem(text, None, "", "there is no such file", hint)])
    raise RecipeError(
        [Problem(text, None, "", "is no recipe of the gallery, and no file", _did_you_mean(text, entries))]
    )


def _read_base(name: str, beside: Path) -> tuple[Source, Path]:
    """What `extends` names: a preset, a recipe of the gallery, or a file beside the one that names it."""
    preset = PACKAGE / "presets" / f"{name}.yaml"
    if name in presets():
        return parse(_read(preset), preset.name), PACKAGE
    file = find_recipe(name, beside)
    return parse(_read(file.path), file.path.name), file.folder


def presets() -> list[str]:
    """The shipped presets by memory, for `extends: [sft-lora, 24gb]`: smallest first."""
    return sorted((path.stem for path in (PACKAGE / "presets").glob("*.yaml")), key=lambda name: int(name[:-2]))


def gallery() -> list[GalleryEntry]:
    """The shipped recipes by name."""
    found = []
    for path in sorted((PACKAGE / "gallery").glob("*.yaml"), key=lambda path: path.stem):
        with path.open(encoding="utf-8") as lines:
            title = next(lines, "").lstrip("# ").strip()
        found.append(GalleryEntry(path.stem, title, path))
    return found


def recipe_text(name: str) -> str:
    """The text of a gallery recipe, comments and all. Raises RecipeError for an unknown name."""
    return find_recipe(name).path.read_text(encoding="utf-8")


def new_recipe(name: str = "sft-lora") -> str:
    """The text for a recipe of one's own, begun from the gallery's `name`; shipped data is named by its full path."""
    entries = {entry.name for entry in gallery()}
    if name not in entries:
        raise RecipeError([Problem(name, None, "", "is no recipe of the gallery", _did_you_mean(name, entries))])
    text = recipe_text(name)
    for shipped in sorted((PACKAGE / "data").glob("*.jsonl")):
        text = text.replace(f" data/{shipped.name}", f" {shipped}")
    return f"# Begun from the gallery's {name}. Check it with: lt recipe check THIS_FILE\n" + text


def _did_you_mean(name: str, entries: Collection[str]) -> str:
    """The names that may have been meant: a few near ones, never the whole gallery."""
    found = get_close_matches(name.lower(), list(entries), n=3, cutoff=0.5)
    found += [entry for entry in entries if name and name.lower() in entry and entry not in found][: 3 - len(found)]
    near = ", ".join(found)
    return f"did you mean {near}? lt recipe ls shows all" if near else "lt recipe ls shows the gallery"


def _own_lock(recipe: Recipe, folders: list[Path]) -> tuple[tuple[str, ...] | None, list[Problem]]:
    name = recipe.env.lock
    if name is None or name in shipped_locks():
        return None, []
    path = find(name, folders)
    if path is None or not path.is_file():
        hint = f"shipped: {', '.join(shipped_locks())}; or give the path of a lock file"
        return None, [Problem("", None, "env.lock", f"{name!r} is no lock and no file", hint)]
    try:
        return read_lock(path.read_text(encoding="utf-8")), []
    except (OSError, ValueError) as error:
        return None, [Problem("", None, "env.lock", f"{path}: {error}", "uv pip compile writes such files")]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RecipeError([Problem(str(path), None, "", f"can't be read: {error.strerror}")]) from None


def _name_for(path: Path, cwd: Path | None) -> str:
    try:
        return str(path.relative_to(cwd or Path.cwd()))
    except ValueError:
        return str(path)


def _path(key: str) -> tuple[str | int, ...]:
    return tuple(int(part) if part.isdecimal() else part for part in key.split("."))


def _placed(problem: Problem, file: str, line: int | None) -> Problem:
    return replace(problem, file=file, line=line)
