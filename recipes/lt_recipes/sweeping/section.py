"""Reading the block `sweep:` in each form that people write, with the line of every axis."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from ..problems import Problem
from ..schema.sweep import GRID_FORM, SEARCH_FORM, SpaceSection, SweepSection
from ..suggest import nearest
from ..validation import place, problems_of
from ..yaml_source import KeyPath, Source, dotted

_SETTINGS = frozenset(SweepSection.model_fields)
_KINDS = frozenset(SpaceSection.model_fields)
_OF_A_COMMAND = frozenset({"retries", "retry_wait", "timeout"})  # else a bare name is a parameter's
_FIXED = frozenset({"version", "extends", "sweep", "method", "command"})


@dataclass
class Written:
    """The block as it stood in the file: its meaning, and the place of each axis."""

    section: SweepSection | None = None
    places: dict[str, KeyPath] = field(default_factory=dict)  # dotted axis → where it was written
    problems: list[Problem] = field(default_factory=list)


def take_section(source: Source, said: Collection[KeyPath], *, command: bool) -> Written | None:
    """Takes `sweep:` out of the source; None where there is none. In a `command` a bare name is a parameter's."""
    if not isinstance(source.data, dict) or source.data.get("sweep") is None:
        if isinstance(source.data, dict):
            source.data.pop("sweep", None)
        return None
    raw = source.data.pop("sweep")
    reader = _Reader(source, said, command)
    if isinstance(raw, dict):
        reader.read(raw)
    else:
        reader.problem(("sweep",), "must be a block of keys", GRID_FORM)
    return reader.written


class _Reader:
    def __init__(self, source: Source, said: Collection[KeyPath], command: bool) -> None:
        self._source = source
        self._said = said
        self._command = command
        self.written = Written()

    def read(self, raw: Mapping[str, Any]) -> None:
        values: dict[str, Any] = {key: value for key, value in raw.items() if key in _SETTINGS and value is not None}
        grid, search = values.pop("grid", {}), values.pop("search", {})
        axes: dict[str, Any] = {}
        for key, block in (("grid", grid), ("search", search)):
            if not isinstance(block, dict):
                self.problem(("sweep", key), "must be a block of keys", SEARCH_FORM if key == "search" else GRID_FORM)
        axes |= self._axes(("sweep", "grid"), grid, self._is_list) if isinstance(grid, dict) else {}
        others = {key: value for key, value in raw.items() if key not in _SETTINGS}
        axes |= self._axes(("sweep",), others, self._is_list)
        spaces = self._axes(("sweep", "search"), search, self._is_space) if isinstance(search, dict) else {}
        self._check_overlap([*axes, *spaces])
        if self.written.problems:
            return
        found = {axis: {"choice": value} if isinstance(value, list) else value for axis, value in spaces.items()}
        try:
            section = SweepSection.model_validate({**values, "grid": axes, "search": found})
        except ValidationError as error:
            self._refuse(error)
        else:
            self.written.section = section

    def problem(self, path: KeyPath, message: str, hint: str = "") -> None:
        file, line = place(path, self._source, self._said)
        self.written.problems.append(Problem(file, line, dotted(path), message, hint))

    def _axes(self, at: KeyPath, block: Mapping[str, Any], is_leaf: Any) -> dict[str, Any]:
        from .expansion import flattened

        found: dict[str, Any] = {}
        for path, value in flattened(block, is_leaf).items():
            axis, whole = ".".join(path), (*at, *path)
            if not is_leaf(value):
                self._no_axis(whole, axis, is_leaf)
                continue
            if axis.split(".")[0] in _FIXED:
                self.problem(whole, "is the same for all trials", "sweep a value, not the kind of recipe")
                continue
            if self._command and "." not in axis and not self._is_own(axis):
                axis = f"parameters.{axis}"
            if axis in found or axis in self.written.places:
                self.problem(whole, "is there twice", "keep one of them")
            found[axis] = value
            self.written.places[axis] = whole
        return found

    def _is_own(self, name: str) -> bool:
        """Whether a bare name of a command's sweep means the recipe's own key: no word has it in braces."""
        data = self._source.data
        if name not in _OF_A_COMMAND or not isinstance(data, dict) or name in (data.get("parameters") or ()):
            return False
        return f"{{{name}}}" not in str([data.get("command"), data.get("env")])

    def _no_axis(self, path: KeyPath, axis: str, is_leaf: Any) -> None:
        if is_leaf == self._is_space:
            self.problem(path, "must say where its values come from", SEARCH_FORM)
            return
        near = nearest(axis, _SETTINGS) if "." not in axis and len(path) == 2 else None
        if near:
            self.problem(path, "is not known", f"did you mean {near}?")
        else:
            self.problem(path, "must be a list of the values to try", GRID_FORM)

    def _check_overlap(self, axes: list[str]) -> None:
        for axis in axes:
            inside = next((other for other in axes if axis.startswith(other + ".")), None)
            if inside is not None:
                self.problem(self.written.places[axis], f"lies inside {inside}, which is swept as a whole")

    def _refuse(self, error: ValidationError) -> None:
        # pydantic speaks of the block as it was put in order; people know the one they wrote.
        for problem in problems_of(error, SweepSection, self._source, self._said):
            parts = problem.key.split(".") if problem.key else []
            axis = next((a for a in self.written.places if problem.key.split(".", 1)[-1].startswith(a)), None)
            message = problem.message.removeprefix("a block of keys ")
            if axis is not None and parts[0] in ("grid", "search"):
                path = self.written.places[axis]
            else:
                head, colon, rest = message.partition(": ")
                named = head if colon and (head in _SETTINGS) else ""
                message = rest if named else message
                path = ("sweep", *parts, *([named] if named else []))
                about = next((a for a in self.written.places if message.startswith(a + " ")), None)
                if about is not None:
                    path, message = self.written.places[about], message.removeprefix(about + " ")
            file, line = place(path, self._source, self._said)
            self.written.problems.append(replace(problem, file=file, line=line, key=dotted(path), message=message))

    @staticmethod
    def _is_list(value: Any) -> bool:
        return isinstance(value, list)

    @staticmethod
    def _is_space(value: Any) -> bool:
        return isinstance(value, list) or (isinstance(value, dict) and bool(value) and set(value) <= _KINDS)
