"""Every trial of a sweep is checked as if it were submitted, before any of them is."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from ..overrides import lay
from ..problems import COMMAND_LINE, Problem, RecipeError
from ..schema.sweep import MAX_TRIALS, SweepSection
from ..validation import place
from ..yaml_source import KeyPath, Source, dotted
from .expansion import probes
from .section import Written

Validate = Callable[[Source, Collection[KeyPath]], "tuple[Any | None, list[Problem]]"]
"""(source, the keys that came from the command line) → the recipe, if nothing is wrong with it, and what is."""


def check_trials(
    source: Source, said: Collection[KeyPath], written: Written, validate: Validate
) -> tuple[list[Any], list[Problem]]:
    """The recipes of the trials (`probes`) if nothing is wrong with any, and all problems, each told once."""
    section = written.section
    if section is None:
        return [], [*written.problems, *validate(source, said)[1]]
    count = combinations(section)
    if count > MAX_TRIALS:
        file, line = place(("sweep",), source, said)
        hint = "take fewer values, or a search"
        return [], [Problem(file, line, "sweep", f"makes {count} trials, and {MAX_TRIALS} are the most", hint)]
    recipes: list[Any] = []
    found: dict[tuple[str, str], Problem] = {}
    for values in probes(section):
        recipe, problems = validate(*laid(source, said, values))
        recipes.append(recipe)
        for problem in problems:
            found.setdefault((problem.key, problem.message), _placed(problem, values, source, said, written))
    problems = sorted(found.values(), key=lambda problem: (problem.file == COMMAND_LINE, problem.line or 0))
    return ([] if problems else recipes), problems


def combinations(section: SweepSection) -> int:
    """How many trials there will be, at the most."""
    if section.search:
        return section.trials or 0
    count = 1
    for values in section.grid.values():
        count *= len(values)
    return count


def laid(source: Source, said: Collection[KeyPath], values: Mapping[str, Any]) -> tuple[Source, set[KeyPath]]:
    """A copy of the source with a trial's values in it, and the keys that did not come from the file."""
    trial = Source(source.file, copy.deepcopy(source.data), dict(source.lines), list(source.problems))
    mine = set(said)
    for key, value in values.items():
        try:
            lay(trial, key, copy.deepcopy(value), mine)
        except RecipeError as error:
            trial.problems.extend(error.problems)
    return trial, mine


def _placed(
    problem: Problem, values: Mapping[str, Any], source: Source, said: Collection[KeyPath], written: Written
) -> Problem:
    """A problem of a value that the sweep put in is told by the line where the sweep says so."""
    if problem.file != COMMAND_LINE:
        return problem
    said_at = problem.key + "."
    axis = next((key for key in values if said_at.startswith(key + ".") or key.startswith(said_at)), None)
    if axis is None:
        return problem
    file, line = place(written.places[axis], source, said)
    return replace(problem, file=file, line=line, key=dotted(written.places[axis]))
