"""A recipe with a sweep, as it is when a person submits it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..paths import anchored, find
from ..problems import Problem, RecipeError
from ..schema.command import CommandRecipe
from ..schema.sweep import SweepSection
from .expansion import expand


@dataclass(frozen=True)
class Sweep:
    """What is tried, and with which values."""

    title: str
    section: SweepSection  # paths among its values in full: they are used from another folder
    command: CommandRecipe | None = None  # of the first trial; None where it is a recipe
    folder: Path | None = None  # of a command: what is sent

    @property
    def trials(self) -> list[dict[str, Any]]:
        """The values of every trial of a grid, by key; a search finds them as it goes."""
        return expand(self.section.grid) if self.section.grid else []


def load_sweep(name_or_path: str | Path, overrides: Sequence[str] = (), cwd: Path | None = None) -> Sweep | None:
    """The sweep of a recipe or a command's recipe, every trial of it checked; None for a recipe without one.

    Raises RecipeError with every problem at once.
    """
    from ..loading import read_source, validated

    file, source, said = read_source(name_or_path, overrides, cwd)
    if not isinstance(source.data, dict) or source.data.get("sweep") is None:
        return None
    loaded = validated(file, source, said, cwd)
    section = loaded.sweep
    assert section is not None
    if loaded.command is not None:
        folder = find(loaded.command.folder, [file.folder])
        if folder is None or not folder.is_dir():
            name, line = loaded.locate("folder")
            raise RecipeError([Problem(name, line, "folder", f"{loaded.command.folder} is no folder")])
        return Sweep(file.path.stem, section, loaded.command, folder)
    return Sweep(file.path.stem, _anchored(section, [cwd or Path.cwd(), file.folder]))


def trial_command(command: CommandRecipe, values: dict[str, Any]) -> CommandRecipe:
    """The command's recipe with a trial's values in it, as `lt submit` lays overrides over a file."""
    from ..overrides import lay
    from ..yaml_source import Source

    source = Source("", command.model_dump(mode="json"))
    for key, value in values.items():
        lay(source, key, value, set())
    return CommandRecipe.model_validate(source.data)


def _anchored(section: SweepSection, folders: list[Path]) -> SweepSection:
    def whole(axis: str, values: list[Any]) -> list[Any]:
        key = axis.rpartition(".")[2]
        for folder in folders:
            values = [anchored({key: value}, folder)[key] for value in values]
        return values

    grid = {axis: whole(axis, values) for axis, values in section.grid.items()}
    search = {
        axis: space.model_copy(update={"choice": whole(axis, space.choice)}) if space.choice is not None else space
        for axis, space in section.search.items()
    }
    return section.model_copy(update={"grid": grid, "search": search})
