"""A pipeline's file made into stages that can be run at any time: each frozen as it is now, and tried on its host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_agent.protocol import states
from lt_agent.protocol.errors import LtError
from lt_agent.protocol.ulid import new_ulid
from lt_recipes.pipeline import Pipeline as Written
from lt_recipes.pipeline import StageSection, graph, load_pipeline
from lt_recipes.pipeline.loading import cycle_problems, output_problem
from lt_recipes.problems import COMMAND_LINE, Problem, RecipeError

from ..wording import exit_code, say
from ..wording.exits import UNREACHABLE
from . import orders
from .details import Plan
from .orders import Order
from .planning import job_name
from .stages import Pipeline, Stage, StagePlan
from .submitting import is_choice
from .wishing import Wishes

if TYPE_CHECKING:
    from .client import Client


@dataclass(frozen=True)
class MadeStage:
    """A stage that can be run."""

    name: str
    host: str
    needs: tuple[str, ...]
    order: Order
    plan: Plan | None = None

    @property
    def uses(self) -> frozenset[str]:
        """The stages of which it takes what they have made."""
        return frozenset(_stage_of(value) for value in self.order.uses.values())


@dataclass(frozen=True)
class Made:
    """A pipeline that can be run."""

    pipeline: str  # the id that it gets, or has
    name: str
    file: str
    params: Mapping[str, Any]
    said: tuple[str, ...]  # of the parameters those that were given with the command
    on: str | None  # the host that was given with it
    stages: tuple[MadeStage, ...]  # in an order in which they can run
    hosts: frozenset[str] = frozenset()  # those that take jobs

    def actions(self, known: Pipeline | None) -> dict[str, str]:
        """What is to be done with each stage; `known` is the pipeline as it was run before."""
        asked = {stage.name: stage.host for stage in self.stages}
        digests = {stage.name: stage.order.digest for stage in self.stages}
        needs = {stage.name: stage.needs for stage in self.stages}
        old = known.stages if known else ()
        lost = {stage.name for stage in old if self._leaves(stage, asked.get(stage.name, ""))}
        while True:
            before = {
                stage.name: graph.Before(
                    "" if stage.name in lost else stage.digest,
                    frozenset(stage.needs),
                    stage.state != "refused",
                    "" if stage.state in ("ready", "pending", "blocked") else stage.state,
                )
                for stage in old
            }
            found = graph.actions(before, digests, needs, states.SUCCEEDED)
            # What a removed job has made can be had no more: it is made again for a stage that is still to begin.
            wanted = {name for stage in self.stages if found[stage.name] != graph.KEEP for name in stage.uses}
            missed = {stage.name for stage in old if stage.gone and stage.name in wanted} - lost
            if not missed:
                return found
            lost |= missed

    def plans(self, known: Pipeline | None) -> list[StagePlan]:
        """The actions, for people; stages that are in the file no more come last."""
        acts = self.actions(known)
        found = [
            StagePlan(
                stage.name,
                acts[stage.name] if known else "anew",
                stage.host,
                stage.needs,
                stage.order.title if stage.order.kind == "recipe" else " ".join(stage.order.argv),
                stage.plan,
            )
            for stage in self.stages
        ]
        gone = [stage for stage in (known.stages if known else ()) if stage.name not in acts]
        return found + [StagePlan(stage.name, "gone", stage.asked, stage.needs, stage.title) for stage in gone]

    def params_of_run(self, by: str) -> dict[str, Any]:
        """The intent's parameters."""
        return {
            "file": self.file,
            "params": self._given(),
            "by": by,
            "stages": [self._row(stage, new_ulid()) for stage in self.stages],
        }

    def params_of_resume(self, known: Pipeline, by: str) -> dict[str, Any]:
        """As `params_of_run`, with the action of each stage; those that are not made anew keep the job's id."""
        acts = self.actions(known)
        old = {stage.name: stage.job for stage in known.stages}
        rows = [
            {
                **self._row(stage, new_ulid() if acts[stage.name] == graph.ANEW else old[stage.name]),
                "action": acts[stage.name],
            }
            for stage in self.stages
        ]
        return {"params": self._given(), "by": by, "stages": rows}

    def _given(self) -> dict[str, Any]:
        return {"values": dict(self.params), "said": list(self.said), "on": self.on}

    def _leaves(self, stage: Stage, asked: str) -> bool:
        """Whether what is left to do of the stage can't be done by its job: it is gone, or was to go on elsewhere."""
        if stage.host is None or stage.state not in states.RESTING or stage.state == states.SUCCEEDED:
            return False
        return stage.gone or stage.host not in self.hosts or (not is_choice(asked) and asked != stage.host)

    def _row(self, stage: MadeStage, job: str) -> dict[str, Any]:
        return {
            "name": stage.name,
            "host": stage.host,
            "needs": list(stage.needs),
            "work": stage.order.to_json(),
            "digest": stage.order.digest,
            "job": job,
            "job_name": job_name(None, f"{self.name}-{stage.name}", job),
        }


def fixed(client: Client, known: Pipeline, on: str | None = None) -> Made:
    """The pipeline as it was fixed before; `on` is another host for the stages that have not succeeded."""
    stages = tuple(
        MadeStage(
            stage.name,
            on if on and stage.state != states.SUCCEEDED else stage.asked,
            stage.needs,
            Order.from_json(stage.work),
        )
        for stage in known.stages
    )
    return Made(known.id, known.name, known.file, known.params, known.said, on or known.on, stages, _open_hosts(client))


def read(client: Client, path: Path, params: Sequence[str], on: str | None, known: Pipeline | None = None) -> Made:
    """Reads the file, freezes every stage, and thinks each one's job through for its host. `known`: the pipeline that
    it was run as: what was said then holds on, and what has succeeded and is as it was needs no trying on a host.

    Raises LtError `bad_pipeline{file, problems}` with all that is wrong; `host_unreachable` and the like.
    """
    path = path.expanduser().absolute()
    try:
        written = load_pipeline(path, params, _shown(path), known.said if known else ())
    except RecipeError as error:
        raise _bad(path, error.problems) from None
    problems = _unknown_jobs(client, written)
    frozen: dict[str, Order] = {}
    for name, stage in written.stages.items():
        try:
            frozen[name] = _freeze(client, written, name, stage)
        except LtError as error:
            problems += _told(written, name, error)
    if problems:
        raise _bad(path, problems)
    uses = {name: [_stage_of(value) for value in order.uses.values()] for name, order in frozen.items()}
    needs = written.needs(uses)
    problems = cycle_problems(written, needs) + _never_made(written, frozen)
    if problems:
        raise _bad(path, problems)
    made = []
    for name in graph.in_order(needs):
        host = written.stages[name].host or on or (known.on if known else None) or written.host
        if host is None:
            hint = "write host: at the top of the file or in the stage, or give --on HOST"
            problems.append(written.problem(("stages", name), "no host is named", hint))
            continue
        try:
            plan = _tried(client, frozen[name], host, known, name)
        except LtError as error:
            if exit_code(error.code) == UNREACHABLE:
                raise
            problems += _told(written, name, error)
            continue
        made.append(MadeStage(name, host, tuple(sorted(needs[name])), frozen[name], plan))
    if problems:
        raise _bad(path, problems)
    pipeline, title = (known.id, known.name) if known else (new_ulid(), written.name)
    said = (*(known.said if known else ()), *params)
    meant = on or (known.on if known else None)
    return Made(pipeline, title, str(path), written.params, said, meant, tuple(made), _open_hosts(client))


def _freeze(client: Client, written: Written, name: str, stage: StageSection) -> Order:
    names = list(written.stages)
    wishes = Wishes(
        priority=stage.priority,
        retries=stage.retries,
        retry_wait=stage.retry_wait,
        gpu_memory=stage.gpu_memory,
        cpus=stage.cpus,
        disk=stage.disk,
    )
    if stage.recipe is not None:
        said = written.overrides(name) + ([f"timeout={stage.timeout}"] if stage.timeout is not None else [])
        return orders.freeze_recipe(client, stage.recipe, said, written.folder, later=names, wishes=wishes)
    return orders.freeze_command(
        client,
        list(stage.command or ()),
        _place(written, stage.folder or "."),
        gpus=stage.gpus,
        outputs=stage.outputs,
        inputs={key: _input(written, value) for key, value in stage.inputs.items()},
        python=stage.python,
        timeout=stage.timeout,
        secrets=stage.secrets,
        later=names,
        wishes=wishes,
        apart=written.path,
    )


def _tried(client: Client, order: Order, host: str, known: Pipeline | None, name: str) -> Plan | None:
    """The job as it would be submitted now; not for what has succeeded and is not asked for again."""
    for stage in known.stages if known else ():
        if stage.name == name and stage.digest == order.digest and stage.state == states.SUCCEEDED:
            return None
    return orders.draft(client, order, host).plan(client)


def _place(written: Written, path: str) -> Path:
    return (written.folder / Path(path).expanduser()).absolute()


def _input(written: Written, value: str) -> str:
    return value if value.startswith(("job:", "host:")) else str(_place(written, value))


def _unknown_jobs(client: Client, written: Written) -> list[Problem]:
    """What names neither a stage nor a job that there is."""
    problems = []
    for name, references in written.references.items():
        for ref in references:
            if ref.name in written.stages:
                continue
            try:
                client.job(ref.name)
            except LtError:
                block = "overrides" if written.stages[name].command is None else "inputs"
                key = f"stages.{name}.{block}.{ref.key}"
                message = f"job:{ref.name} names no stage of this pipeline, and no job"
                hint = f"its stages: {', '.join(written.stages)}"
                problems.append(Problem(written.source.file, ref.line, key, message, hint))
    return problems


def _never_made(written: Written, frozen: Mapping[str, Order]) -> list[Problem]:
    """What a recipe's own file names of a stage that never makes it."""
    problems = []
    for name, order in frozen.items():
        for key, value in order.uses.items():
            used, _, rest = value.partition("/")
            wrong = output_problem(written.stages[used], used, rest)
            if wrong:
                problems.append(written.problem(("stages", name), f"{key}: {wrong[0]}", wrong[1]))
    return problems


def _told(written: Written, name: str, error: LtError) -> list[Problem]:
    """What is wrong with a stage, by the lines of the file: what came from `overrides:` has one there."""
    found = error.params.get("problems")
    if error.code != "bad_recipe" or not found:
        said = say(error)
        message = " ".join([said.message.rstrip(".。"), *said.details])
        return [written.problem(("stages", name), message, said.next)]
    problems = []
    for item in found:
        file, line, key = item["file"], item["line"], item["key"]
        if file == COMMAND_LINE:
            stage = written.stages[name]
            whole = next((one for one in stage.overrides if one == key), None)
            path = ("stages", name, "overrides", *((whole,) if whole else key.split(".")))
            problems.append(written.problem(path, item["message"], item["hint"]))
        elif line is None:
            problems.append(written.problem(("stages", name, "recipe"), item["message"], item["hint"]))
        else:
            problems.append(Problem(file, line, f"stages.{name}: {key}", item["message"], item["hint"]))
    return problems


def _open_hosts(client: Client) -> frozenset[str]:
    return frozenset(info.name for info in client.hosts() if not info.host.closed)


def _stage_of(value: str) -> str:
    return value.partition("/")[0]


def _bad(path: Path, problems: Sequence[Problem]) -> LtError:
    told = [
        {"file": p.file, "line": p.line, "key": p.key, "message": p.message, "hint": p.hint, "text": str(p)}
        for p in sorted(problems, key=lambda problem: (problem.file == COMMAND_LINE, problem.file, problem.line or 0))
    ]
    return LtError("bad_pipeline", file=str(path), problems=told, count=len(told))


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
