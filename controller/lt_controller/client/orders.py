"""Jobs that are thought through and fixed now, and submitted later: stages of a pipeline, trials of a sweep.

An order is what a submit would have been at the moment it was made: the recipe with all that it extends and every
override, written down in the cache; the working folder as a copy there; of data the content's digest, so that what was
edited since is refused by name. `submit` hands it in at any time, by the same code as a person's submit, under an id
that was written down before: whoever is killed in between and asks again makes no second job.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_agent.protocol.errors import LtError

from ..freeze import Frozen, freeze_code
from .data import named_job, read_recipe, recorded
from .planning import Draft, draft_command, draft_recipe
from .submitting import Drafted, for_host
from .wishing import Wishes, wished

if TYPE_CHECKING:
    from .client import Client

_PATIENCE = ("retries", "retry_wait", "timeout", "stop_grace", "description")  # of a recipe: not what it makes


@dataclass(frozen=True)
class Order:
    """A job to be submitted later. Plain JSON values by `to_json`; `digest` names what it makes, not how patiently."""

    kind: str  # `recipe` or `command`
    title: str  # the recipe's name, or the program
    digest: str
    recipe: str = ""  # the frozen recipe's file
    argv: tuple[str, ...] = ()
    code: Mapping[str, Any] = field(default_factory=dict)  # the frozen folder of a command
    inputs: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    printed: tuple[str, ...] = ()  # lines of its log that become metrics
    outputs: tuple[str, ...] = ()
    gpus: int | None = None
    python: str | None = None
    timeout: float | None = None  # seconds
    secrets: tuple[str, ...] = ()
    wishes: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)  # path on the laptop → digest of what was there
    uses: Mapping[str, str] = field(default_factory=dict)  # recipe key or input → `NAME[/…]` of a job that is to come

    def to_json(self) -> dict[str, Any]:
        """For the database; `from_json` reads it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Order:
        """Raises TypeError for what `to_json` never wrote."""
        known: dict[str, Any] = {key: tuple(item) if isinstance(item, list) else item for key, item in value.items()}
        return cls(**known)


def freeze_recipe(
    client: Client,
    recipe: str,
    overrides: Sequence[str],
    folder: Path,
    *,
    later: Collection[str] = (),
    wishes: Wishes | None = None,
) -> Order:
    """A recipe as it is now. `later`: names that `job:NAME` may stand for though there is no such job yet.

    Raises LtError `bad_recipe{problems}`, `no_such_path`, `bad_dataset`, `secret_in_plain{name}`.
    """
    from lt_recipes.paths import path_values, with_paths

    from . import secret

    loaded, found, frozen = read_recipe(client, recipe, overrides, folder)
    value = with_paths(loaded, {item.key: str(item.path) for item in found})
    title = Path(recipe).stem if "/" in recipe or recipe.endswith((".yaml", ".yml")) else recipe
    data = {str(path): item.digest for path, item in frozen.items()}
    lasting = {key: item for key, item in value.items() if key not in _PATIENCE}
    secret.check_not_plain(secret.found_of(loaded.secrets), value)  # before it is written down
    return Order(
        kind="recipe",
        title=title,
        digest=_digest(lasting, loaded.lock, data),
        recipe=str(_write(client, title, value, loaded.lock)),
        wishes=_said(wishes),
        data=data,
        uses={
            key: text.removeprefix("job:")
            for key, text in path_values(loaded)
            if text.startswith("job:") and named_job(text) in later
        },
    )


def freeze_command(
    client: Client,
    argv: Sequence[str],
    folder: Path,
    *,
    gpus: int | None = None,
    outputs: Sequence[str] = (),
    inputs: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    printed: Sequence[str] = (),
    python: str | None = None,
    timeout: float | None = None,
    secrets: Sequence[str] = (),
    later: Collection[str] = (),
    wishes: Wishes | None = None,
    apart: Path | None = None,
) -> Order:
    """A command with its folder as it is now. `inputs`: name → `job:…`, `host:/…`, or a path of this machine.

    `apart` is a file that goes along if it is in the folder, but makes no other order of this one when it is edited.

    Raises LtError `no_command`, `folder_too_big`, `no_such_path`.
    """
    from .planning import program

    if not argv:
        raise LtError("no_command", host="any")
    code = freeze_code(folder, client.home)
    data: dict[str, str] = {}
    for value in (inputs or {}).values():
        if not value.startswith(("job:", "host:")):
            data[value] = recorded(client, Path(value)).digest
    given = [dict(inputs or {}), dict(variables or {}), list(printed)]
    told = (list(argv), _content(code, folder, apart), given, list(outputs), gpus, python, list(secrets), data)
    return Order(
        kind="command",
        title=program(list(argv)),
        digest=_digest(*told),
        argv=tuple(argv),
        code={**code.intent(), "files": code.files, "size": code.size},
        inputs=dict(inputs or {}),
        variables=dict(variables or {}),
        printed=tuple(printed),
        outputs=tuple(outputs),
        gpus=gpus,
        python=python,
        timeout=timeout,
        secrets=tuple(secrets),
        wishes=_said(wishes),
        data=data,
        uses={
            name: value.removeprefix("job:")
            for name, value in (inputs or {}).items()
            if value.startswith("job:") and named_job(value) in later
        },
    )


def draft(
    client: Client,
    order: Order,
    host: str,
    *,
    overrides: Sequence[str] = (),
    jobs: Mapping[str, str] | None = None,
) -> Drafted:
    """The order thought through for `host` (a name, or a choice as `lt submit` takes it), with all the checks of a
    submit. `jobs`: by the names in `uses`, the jobs that they have become; what is not in it is taken on trust.
    `overrides` are laid over a recipe: `train.learning_rate=1e-4`.

    Raises LtError `data_changed`, `cache_damaged`, and as `Client.submit`.
    """
    known = jobs or {}
    _check_unchanged(client, order)
    told = {key: f"job:{_become(name, known)}" for key, name in order.uses.items() if named_job(name) in known}
    later = {named_job(name) for name in order.uses.values()} - known.keys()
    wishes = Wishes(**order.wishes)
    if order.kind == "recipe":
        said = [*overrides, *(f"{key}={value}" for key, value in told.items())]
        place = Path(order.recipe)

        def one(name: str) -> Draft:
            return wished(client, draft_recipe(client, name, order.recipe, said, None, place.parent, later), wishes)

        def memory() -> tuple[int | None, float | None]:
            from .placing import recipe_memory

            return recipe_memory(client, order.recipe, said)

        return for_host(client, host, one, memory)

    def command(name: str) -> Draft:
        made = draft_command(
            client,
            name,
            list(order.argv),
            Path(),
            order.gpus,
            list(order.outputs),
            None,
            order.python,
            order.timeout,
            order.secrets,
            code=_code(order),
            inputs={**order.inputs, **told},
            variables=order.variables,
            printed=order.printed,
            later=later,
        )
        return wished(client, made, wishes)

    hours = order.timeout / 3600 if order.timeout else None
    return for_host(client, host, command, lambda: (None, hours))


def submit(
    client: Client,
    order: Order,
    host: str,
    job: str,
    name: str,
    *,
    overrides: Sequence[str] = (),
    jobs: Mapping[str, str] | None = None,
    because: str = "",
) -> bool:
    """Submits the order as the job of this id and name, once: where the id has been submitted, nothing happens. Whether
    something did. `because` stands in the audit for the command that a person would have typed.

    Raises LtError as `draft`, and `name_taken`.
    """
    if submitted(client, job):
        return False
    intent = _called(draft(client, order, host, overrides=overrides, jobs=jobs), job, name).intent()
    client.hand_in({**intent, "because": because})
    return True


def submitted(client: Client, job: str) -> bool:
    """Whether a submit of this id was ever written down, whatever became of it."""
    rows = client.reader.rows(
        "SELECT 1 FROM jobs WHERE id=?1 UNION ALL SELECT 1 FROM intents WHERE kind='submit' AND job_id=?1", (job,)
    )
    return bool(rows)


def secrets_of(order: Order) -> tuple[str, ...]:
    """The names of the secrets that the job will need; none of a recipe that is gone, which its submit will say."""
    if order.kind == "command":
        return order.secrets
    try:
        value = json.loads(Path(order.recipe).read_bytes())
    except FileNotFoundError:
        return ()
    return tuple(value.get("secrets") or ())


def check_not_plain(order: Order, *beside: Any) -> None:
    """Before an order is written down, and what stands `beside` it: that it holds no value of its own secrets.

    Raises LtError `secret_in_plain{name}`.
    """
    from . import secret

    names = secrets_of(order)
    if names:
        recipe = json.loads(Path(order.recipe).read_bytes()) if order.recipe else None
        secret.check_not_plain(secret.found_of(names), [order.to_json(), recipe, *beside])


def _called(drafted: Drafted, job: str, name: str) -> Drafted:
    from .placing import Placement

    def called(one: Draft) -> Draft:
        return replace(one, spec=replace(one.spec, job=job, name=name))

    if isinstance(drafted, Draft):
        return called(drafted)
    assert isinstance(drafted, Placement)
    return replace(drafted, draft=called(drafted.draft), among=tuple(called(one) for one in drafted.among))


def _become(wanted: str, jobs: Mapping[str, str]) -> str:
    name, slash, rest = wanted.partition("/")
    return jobs[name] + slash + rest


def _check_unchanged(client: Client, order: Order) -> None:
    for path, digest in order.data.items():
        if recorded(client, Path(path)).digest != digest:
            raise LtError("data_changed", path=path, why="edited after it was frozen")
    needed = Path(order.recipe or str(order.code.get("manifest")))
    if not needed.is_file():
        raise LtError("cache_damaged", path=str(needed), why="it is gone")


def _code(order: Order) -> Frozen:
    value = order.code
    source, manifest = Path(str(value["source"])), Path(str(value["manifest"]))
    return Frozen(str(value["name"]), str(value["digest"]), source, manifest, int(value["files"]), int(value["size"]))


def _write(client: Client, title: str, value: Mapping[str, Any], lock: Sequence[str] | None) -> Path:
    """The recipe's file in the cache, named by its content. JSON, which is YAML that nobody can read in two ways."""
    from lt_agent.protocol.files import write_bytes

    from ..freeze.snapshot import segment

    told = dict(value)
    if lock is not None:
        told["env"] = {**told["env"], "lock": "lock.txt"}
    text = json.dumps(told, indent=1, ensure_ascii=True) + "\n"
    folder = client.home.cache / "recipes" / _digest(text, lock)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if lock is not None:
        write_bytes(folder / "lock.txt", ("\n".join(lock) + "\n").encode())
    path = folder / f"{segment(title)}.yaml"
    write_bytes(path, text.encode())
    return path


def _content(code: Frozen, folder: Path, apart: Path | None) -> list[list[Any]]:
    """What is in the frozen folder, but for the file `apart`."""
    left_out = os.path.relpath(apart.resolve(), folder.resolve()) if apart is not None else None
    files = json.loads(code.manifest.read_bytes())["files"]
    return [[item["path"], item["sha256"], bool(item.get("executable"))] for item in files if item["path"] != left_out]


def _said(wishes: Wishes | None) -> dict[str, Any]:
    return {key: value for key, value in asdict(wishes or Wishes()).items() if value is not None}


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:40]
