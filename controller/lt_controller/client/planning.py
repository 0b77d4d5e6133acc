"""From what a person typed to the job's spec: everything is checked here, before anything is written or sent."""

from __future__ import annotations

import getpass
import re
import socket
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import DataLink, EnvPlan, JobSpec, from_dict, to_dict
from lt_agent.protocol.ulid import is_ulid, new_ulid

from ..freeze import Frozen, freeze_code
from .closing import check_open
from .data import input_place, named_job, output_of, read_recipe
from .details import HostInfo, Plan, Sending

if TYPE_CHECKING:
    from .client import Client

COMMAND_GRACE = 60.0  # seconds a script has between SIGTERM and SIGKILL
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")


@dataclass(frozen=True)
class Draft:
    """A job that has been thought through, and not yet submitted."""

    host: str
    spec: JobSpec
    data: tuple[Frozen, ...] = ()
    code: Frozen | None = None
    pull: str | None = None
    recipe_name: str | None = None
    shown: Mapping[str, Any] = field(default_factory=dict)  # the recipe with the laptop's paths, for people
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.spec.name

    def intent(self) -> dict[str, Any]:
        """The submit intent's parameters."""
        return {
            "host": self.host,
            "spec": to_dict(self.spec),
            "data": [item.intent() for item in self.data],
            "code": self.code.intent() if self.code else None,
            "pull": self.pull,
            "recipe_name": self.recipe_name,
        }

    def plan(self, client: Client) -> Plan:
        """The draft as it is shown by a dry run."""
        frozen = [*self.data, *([self.code] if self.code else [])]
        return Plan(
            host=self.host,
            kind=self.spec.kind,
            name=self.spec.name,
            gpus=self.spec.gpus,
            env=to_dict(self.spec.env),
            sends=tuple(_sending(client, self.host, item) for item in frozen),
            pull=self.pull,
            recipe=self.shown,
            argv=self.spec.argv,
            outputs=self.spec.outputs,
            notes=self.notes,
        )


def draft_recipe(
    client: Client,
    host: str,
    recipe: str,
    overrides: list[str],
    name: str | None,
    folder: Path,
    later: Collection[str] = (),
) -> Draft:
    """A recipe's job. `later`: what `job:NAME` may name though there is no such job yet (`orders`).

    Raises LtError as `Client.submit` says.
    """
    from lt_recipes.paths import path_values, with_paths

    info = client.host(host)
    check_open(info)
    loaded, found, frozen = read_recipe(client, recipe, overrides, folder)
    facts = known_facts(client, info)
    check_room(info, facts, loaded.resources.gpus)
    env = environment(loaded.environment, info, facts, loaded.resources.gpus, loaded.method, loaded.lock)
    places = {item.key: frozen[item.path].reference for item in found}
    data = list(frozen.values())
    for key, value in path_values(loaded):
        if value.startswith("host:"):
            places[key] = value.removeprefix("host:")
        elif value.startswith("job:") and named_job(value) not in later:
            places[key], extra = output_of(client, info, facts, value.removeprefix("job:"))
            data += extra
    if info.host.offline:
        from .offline import without_network

        env, more, of_hub = without_network(client, loaded, info, facts, env, folder)
        data += more
        places |= of_hub
    data = list({(item.name, item.digest): item for item in data}.values())
    resolved = with_paths(loaded, places)
    title = Path(recipe).stem if "/" in recipe or recipe.endswith((".yaml", ".yml")) else recipe
    job = new_ulid()
    spec = JobSpec(
        job=job,
        attempt=1,
        name=job_name(name, title, job),
        owner=client.home.owner(),
        kind="recipe",
        recipe=resolved,
        gpus=loaded.resources.gpus,
        env=env,
        variables=host_variables(info, loaded.env.variables),
        secrets=client.needed_secrets(loaded.secrets),
        data=tuple(DataLink(item.name, item.digest) for item in data),
        stop_grace=loaded.stop_grace,
        timeout=loaded.timeout,
        save_total_limit=loaded.save.save_total_limit,
        title=title,
        pull=loaded.save.pull or "",
        disk_floor=loaded.resources.disk_floor,
        gpu_memory=loaded.resources.gpu_memory,
        cpus=loaded.resources.cpus,
        disk=loaded.resources.disk,
        retries=loaded.retries,
        retry_wait=loaded.retry_wait,
        created_at=time.time(),
        submitted_from=_person(),
    )
    shown = with_paths(loaded, {item.key: str(item.path) for item in found})
    return Draft(host, spec, tuple(data), None, loaded.save.pull, title, shown, _notes(data))


def draft_command(
    client: Client,
    host: str,
    argv: list[str],
    folder: Path,
    gpus: int | None,
    outputs: list[str],
    name: str | None,
    python: str | None,
    timeout: float | None,
    secrets: Sequence[str] = (),
    *,
    code: Frozen | None = None,
    inputs: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    printed: Sequence[str] = (),
    later: Collection[str] = (),
) -> Draft:
    """A command's job. `code`: the folder as it was frozen before; `inputs`: files that it finds as `input:NAME` in its
    command and as `$LT_INPUT_NAME`; `variables` of its own; `printed`: lines that become metrics; `later` as for a
    recipe. Raises LtError as `Client.run` says.
    """
    from lt_recipes.environments import Asked

    if not argv:
        raise LtError("no_command", host=host)
    check_outputs(outputs)
    info = client.host(host)
    check_open(info)
    facts = known_facts(client, info)
    if gpus is None:
        gpus = 1 if facts.get("gpus") else 0
    check_room(info, facts, gpus)
    env = environment(Asked(python=python), info, facts, gpus, None)
    code = code or freeze_code(folder, client.home)
    places: dict[str, str] = {}
    data: list[Frozen] = []
    for key, value in (inputs or {}).items():
        places[key], extra = input_place(client, info, facts, value, later)
        data += extra
    data = list({(item.name, item.digest): item for item in data}.values())
    job = new_ulid()
    spec = JobSpec(
        job=job,
        attempt=1,
        name=job_name(name, program(argv), job),
        owner=client.home.owner(),
        kind="command",
        argv=tuple(argv),
        gpus=gpus,
        env=env,
        variables=host_variables(info, variables),
        printed=tuple(printed),
        secrets=client.needed_secrets(secrets),
        code=DataLink(code.name, code.digest),
        data=tuple(DataLink(item.name, item.digest) for item in data),
        inputs=places,
        outputs=tuple(outputs),
        pull="all" if outputs else "none",
        stop_grace=COMMAND_GRACE,
        timeout=timeout,
        created_at=time.time(),
        submitted_from=_person(),
    )
    return Draft(host, spec, tuple(data), code, "all" if outputs else "none", None, {}, _notes([*data, code]))


def known_facts(client: Client, info: HostInfo) -> Mapping[str, Any]:
    """What the host was last seen to have; a host never looked at is looked at now. Raises what the probe raises."""
    return info.facts if info.facts else client.probe(info.name)


def check_room(info: HostInfo, facts: Mapping[str, Any], gpus: int) -> None:
    """Raises LtError for what the host could never grant: it would wait for ever."""
    there = len(facts.get("gpus") or ())
    if gpus > there:
        raise LtError("not_enough_gpus", host=info.name, asked=gpus, there=there)
    slots = info.host.slots or max(1, there)
    if max(1, gpus) > slots:
        raise LtError("not_enough_slots", host=info.name, asked=gpus, slots=slots)


def check_outputs(patterns: Iterable[str]) -> None:
    """Pull patterns are relative to the working folder. Raises LtError `bad_pattern`."""
    for pattern in patterns:
        if not pattern or pattern.startswith(("/", "~")) or ".." in pattern.split("/") or "\0" in pattern:
            raise LtError("bad_pattern", pattern=pattern)


def job_name(wanted: str | None, title: str, job: str) -> str:
    """The name asked for, else one from the recipe or program and the id. Raises LtError `bad_job_name`."""
    if wanted is None:
        clean = re.sub(r"[^A-Za-z0-9._-]+", "-", title).strip("-._")[:40] or "job"
        return f"{clean}-{job[-6:].lower()}"
    if not _NAME.match(wanted) or is_ulid(wanted.upper()):
        raise LtError("bad_job_name", name=wanted)
    return wanted


def program(argv: list[str]) -> str:
    """What a command is called for short: the script it runs, else the program."""
    for word in argv[1:]:
        if word.endswith((".py", ".sh")):
            return Path(word).stem
    return Path(argv[0]).stem


def environment(
    asked: Any, info: HostInfo, facts: Mapping[str, Any], gpus: int, method: str | None, lock: Any = None
) -> EnvPlan:
    """Which interpreter runs it there. Raises LtError with the code that says why none can."""
    from lt_recipes.environments import NoEnvironmentError, plan

    try:
        return from_dict(EnvPlan, plan(asked, facts, info.host, gpus, method, lock))
    except NoEnvironmentError as error:
        raise LtError(error.code, **{**error.params, "host": info.name}) from None


def host_variables(info: HostInfo, own: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a job finds in its environment there: the package index, proxies, the host's own, then the job's `own`."""
    from lt_recipes.environments import index_variables

    return {**index_variables(info.host), **info.host.environment(), **(own or {})}


def _sending(client: Client, host: str, item: Frozen) -> Sending:
    there = client.has_snapshot(host, item.name, item.digest)
    skipped = tuple((left.path, left.by or left.why) for left in item.skipped)
    return Sending(item.name, item.digest, item.files, item.size, there, item.source, skipped)


def _notes(items: Iterable[Frozen]) -> tuple[str, ...]:
    """Files that a person may miss over there: links that lead outside, special files, unreadable ones."""
    return tuple(
        f"{left.path}: {left.why}" for item in items for left in item.skipped if left.why not in ("ignored", "never")
    )


def _person() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"
