"""From a pipeline's file to its stages, or to every problem with file and line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..overrides import parse_override
from ..problems import COMMAND_LINE, Problem, RecipeError
from ..suggest import nearest
from ..validation import place, section_problems
from ..yaml_source import KeyPath, Source, dotted, parse
from . import graph
from .schema import PipelineSection, StageSection

PARAM = "param:"  # a value that is this and a name stands for the pipeline's parameter, of whatever type
JOB = "job:"
INPUT = "input:"  # a word of a command that is this and a name is the path of its input


@dataclass(frozen=True)
class Reference:
    """`job:NAME/REST` in a stage: `key` is the override's or the input's."""

    key: str
    name: str
    rest: str
    line: int | None


@dataclass(frozen=True)
class Pipeline:
    """A file that has been read. Its recipes have not: what they name is for whoever freezes them to check."""

    path: Path
    name: str
    host: str | None
    params: Mapping[str, Any]
    stages: Mapping[str, StageSection]
    references: Mapping[str, tuple[Reference, ...]]
    source: Source = field(repr=False)

    @property
    def folder(self) -> Path:
        """Where recipes, inputs and commands are looked for."""
        return self.path.parent

    def overrides(self, stage: str) -> list[str]:
        """The stage's overrides as `lt submit` takes them, each value written so that it is read as what it is."""
        return [f"{key}={json.dumps(value)}" for key, value in _flat(self.stages[stage].overrides)]

    def line(self, *path: str | int) -> int | None:
        """The line of a key, or of the block that lacks it."""
        return place(path, self.source, ())[1]

    def problem(self, path: KeyPath, message: str, hint: str = "") -> Problem:
        """Something wrong at this key."""
        return Problem(self.source.file, self.line(*path), dotted(path), message, hint)

    def needs(self, uses: Mapping[str, Sequence[str]] | None = None) -> dict[str, frozenset[str]]:
        """What each stage needs: by `needs:`, by `job:STAGE` in it, and by what its recipe `uses`."""
        return {
            name: frozenset(
                {
                    *stage.needs,
                    *(ref.name for ref in self.references[name] if ref.name in self.stages),
                    *(uses or {}).get(name, ()),
                }
            )
            for name, stage in self.stages.items()
        }


def load_pipeline(
    path: Path, params: Sequence[str] = (), shown: str | None = None, before: Sequence[str] = ()
) -> Pipeline:
    """Reads the file; `params` are `NAME=VALUE` as on the command line, `shown` what the file is called in problems.
    `before` are those of an earlier run, of which what the file knows no more is left out.

    Raises RecipeError with every problem: of YAML, unknown keys, parameters, stages that are not there, and cycles.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise RecipeError([Problem(str(path), None, "", f"can't be read: {error.strerror}")]) from None
    source = parse(raw, shown or str(path))
    if not isinstance(source.data, dict):
        raise RecipeError([*source.problems, Problem(source.file, 1, "", "is no pipeline", "see docs/pipelines.md")])
    data = {key: value for key, value in source.data.items() if value is not None}
    kept = [text for text in before if text.partition("=")[0].strip() in (data.get("params") or ())]
    data["params"] = _params(data.get("params"), [*kept, *params], source)
    if isinstance(data.get("stages"), dict) and isinstance(data["params"], dict):
        data["stages"] = _filled(data["stages"], ("stages",), data["params"], source)
    try:
        section = PipelineSection.model_validate(data)
    except ValidationError as error:
        source.problems.extend(section_problems(error, PipelineSection, source))
        raise RecipeError(_sorted(source.problems)) from None
    pipeline = Pipeline(
        path=path,
        name=section.name or path.stem,
        host=section.host,
        params=section.params,
        stages=section.stages,
        references={name: tuple(_references(name, stage, source)) for name, stage in section.stages.items()},
        source=source,
    )
    problems = [*source.problems, *_names(pipeline)]
    if not problems:
        problems = cycle_problems(pipeline, pipeline.needs()) + list(_makes(pipeline))
    if problems:
        raise RecipeError(_sorted(problems))
    return pipeline


def cycle_problems(pipeline: Pipeline, needs: Mapping[str, frozenset[str]]) -> list[Problem]:
    """The way around, if stages need each other."""
    around = graph.cycle(needs)
    if not around:
        return []
    where: KeyPath = ("stages", around[0])
    return [pipeline.problem(where, f"needs itself: {' → '.join(reversed(around))}", "take one of them out")]


def could_make(patterns: Sequence[str], inside: str) -> bool:
    """Whether a command that collects these patterns may make the file or folder `inside`; empty means all of it."""
    wanted = [part for part in inside.split("/") if part]
    return any(_fits([part for part in pattern.split("/") if part not in ("", ".")], wanted) for pattern in patterns)


def _fits(pattern: Sequence[str], wanted: Sequence[str]) -> bool:
    from fnmatch import fnmatchcase

    for number, part in enumerate(pattern):
        if part == "**" or number >= len(wanted):
            return True
        if not fnmatchcase(wanted[number], part):
            return False
    return True  # a pattern also means what lies under it


def _params(written: Any, said: Sequence[str], source: Source) -> Any:
    if written is not None and not isinstance(written, dict):
        return written  # the schema says what is wrong with it
    found = dict(written or {})
    for text in said:
        try:
            parts, value = parse_override(text)
        except RecipeError as error:
            source.problems.extend(error.problems)
            continue
        name = ".".join(parts)
        if name not in found:
            near = nearest(name, list(found))
            hint = f"did you mean {near}?" if near else f"it has: {', '.join(found) or 'none'}"
            source.problems.append(Problem(COMMAND_LINE, None, name, "is no parameter of this pipeline", hint))
        found[name] = value
    return found


def _filled(value: Any, path: KeyPath, params: Mapping[str, Any], source: Source) -> Any:
    """`value` with each `param:NAME` in it as the parameter itself, a number as a number, a list as a list."""
    if isinstance(value, dict):
        return {key: _filled(item, (*path, key), params, source) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, (*path, index), params, source) for index, item in enumerate(value)]
    if not (isinstance(value, str) and value.startswith(PARAM)):
        return value
    name = value.removeprefix(PARAM)
    if name not in params:
        near = nearest(name, list(params))
        hint = f"did you mean {near}?" if near else "give it a value under params:"
        line = place(path, source, ())[1]
        source.problems.append(Problem(source.file, line, dotted(path), f"there is no parameter {name!r}", hint))
        return value
    return params[name]


def _references(name: str, stage: StageSection, source: Source) -> Iterator[Reference]:
    for key, value in _flat(stage.overrides):
        line = place(("stages", name, "overrides", *key.split(".")), source, ())[1]
        for text in _texts(value):
            yield from _reference(key, text, line)
    for key, text in stage.inputs.items():
        yield from _reference(key, text, place(("stages", name, "inputs", key), source, ())[1])


def _reference(key: str, text: str, line: int | None) -> Iterator[Reference]:
    if text.startswith(JOB):
        name, _, rest = text.removeprefix(JOB).partition("/")
        yield Reference(key, name, rest, line)


def _names(pipeline: Pipeline) -> Iterator[Problem]:
    """What names a stage or an input that is not there."""
    names = list(pipeline.stages)
    for name, stage in pipeline.stages.items():
        for number, need in enumerate(stage.needs):
            if need not in pipeline.stages:
                near = nearest(need, names)
                hint = f"did you mean {near}?" if near else f"there are: {', '.join(names)}"
                yield pipeline.problem(("stages", name, "needs", number), f"there is no stage {need!r}", hint)
        for number, word in enumerate(stage.command or ()):
            if word.startswith(INPUT) and word.removeprefix(INPUT) not in stage.inputs:
                where: KeyPath = ("stages", name, "command", number)
                hint = f"it has: {', '.join(stage.inputs) or 'none'}"
                yield pipeline.problem(where, f"the stage has no input {word.removeprefix(INPUT)!r}", hint)


def _makes(pipeline: Pipeline) -> Iterator[Problem]:
    """What refers to something that the stage it names never makes."""
    for name in pipeline.stages:
        for ref in pipeline.references[name]:
            if ref.name in pipeline.stages:
                wrong = output_problem(pipeline.stages[ref.name], ref.name, ref.rest)
                if wrong:
                    block = "overrides" if pipeline.stages[name].command is None else "inputs"
                    key = f"stages.{name}.{block}.{ref.key}"
                    yield Problem(pipeline.source.file, ref.line, key, *wrong)


def output_problem(stage: StageSection, name: str, rest: str) -> tuple[str, str] | None:
    """What is wrong with `job:NAME/REST` of this stage, and what to do; None if it may well be made."""
    if ".." in rest.split("/"):
        return f"job:{name}/{rest} leads outside of what {name} makes", "name a file or folder in it"
    if stage.command is not None:
        if not stage.outputs:
            return f"stage {name} has no outputs", "say which files it makes, as outputs: [out/**]"
        if not could_make(stage.outputs, rest):
            return f"stage {name} makes no {rest}", f"its outputs are {', '.join(stage.outputs)}"
        return None
    first = rest.partition("/")[0]
    if first and first != "final" and not first.startswith("checkpoint-"):
        return f"stage {name} makes no {first}", f"write job:{name}, or a checkpoint: job:{name}/checkpoint-400"
    return None


def _flat(value: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Nested blocks as dotted keys; an empty block, a list or a single value is a value."""
    for key, item in value.items():
        if isinstance(item, dict) and item:
            yield from _flat(item, f"{before}{key}.")
        else:
            yield f"{before}{key}", item


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _sorted(problems: Sequence[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: (problem.file == COMMAND_LINE, problem.line or 0))
