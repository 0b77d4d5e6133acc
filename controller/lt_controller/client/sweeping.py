"""What a sweep is before it starts: everything checked and frozen, as plain values that the controller works from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_agent.protocol.errors import LtError

from ..searching import check_optuna, suggest
from . import orders
from .commanding import filled, freeze_command_recipe
from .data import bad_recipe, read_recipe, recorded
from .orders import Order
from .submitting import is_choice
from .wishing import Wishes

if TYPE_CHECKING:
    from lt_recipes.schema.command import CommandRecipe
    from lt_recipes.schema.sweep import SweepSection
    from lt_recipes.sweeping import Sweep

    from .client import Client


@dataclass(frozen=True)
class SweepPlan:
    """What a sweep does, fixed when it was asked for."""

    title: str
    section: SweepSection
    order: Order  # of the first trial's job
    command: CommandRecipe | None
    concurrency: int
    total: int
    wishes: Mapping[str, Any] = field(default_factory=dict)  # the person's own, which go before a trial's values
    gpus: int = 0  # that the first trial takes

    def to_json(self) -> dict[str, Any]:
        """For the database; `from_json` reads it."""
        return {
            "title": self.title,
            "section": self.section.model_dump(mode="json", exclude_unset=True),
            "order": self.order.to_json(),
            "command": self.command.model_dump(mode="json") if self.command else None,
            "concurrency": self.concurrency,
            "total": self.total,
            "wishes": dict(self.wishes),
            "gpus": self.gpus,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> SweepPlan:
        """Raises ValueError or TypeError for what `to_json` never wrote."""
        from lt_recipes.schema.command import CommandRecipe
        from lt_recipes.schema.sweep import SweepSection

        return cls(
            title=str(value["title"]),
            section=SweepSection.model_validate(value["section"]),
            order=Order.from_json(value["order"]),
            command=CommandRecipe.model_validate(value["command"]) if value["command"] else None,
            concurrency=int(value["concurrency"]),
            total=int(value["total"]),
            wishes=value["wishes"] if "wishes" in value else value["order"]["wishes"],
            gpus=int(value.get("gpus") or 0),
        )

    def trial_order(self, values: Mapping[str, Any]) -> tuple[Order, list[str]]:
        """A trial's order, and the overrides that go with it."""
        from lt_recipes.sweeping import override, trial_command

        if self.command is None:
            return self.order, [override(key, value) for key, value in values.items()]
        return filled(self.order, trial_command(self.command, dict(values)), Wishes(**self.wishes)), []


def read_sweep(recipe: str, overrides: Sequence[str], folder: Path) -> Sweep | None:
    """The sweep in a recipe, every trial of it checked; None without one. Raises LtError `bad_recipe{problems}`."""
    from lt_recipes.problems import RecipeError
    from lt_recipes.sweeping import load_sweep

    try:
        return load_sweep(recipe, overrides, folder)
    except RecipeError as error:
        raise bad_recipe(recipe, error.problems) from None


def plan_sweep(
    client: Client, hosts: str, recipe: str, overrides: Sequence[str], folder: Path, wishes: Wishes | None
) -> SweepPlan:
    """A sweep thought through: recipe, data and folder frozen, the first trial drafted for its host.

    Raises LtError `no_sweep`, `optuna_missing`, and as `Client.submit`.
    """
    from lt_recipes.sweeping.checking import combinations

    found = read_sweep(recipe, overrides, folder)
    if found is None:
        raise LtError("no_sweep", recipe=recipe)
    if found.section.search:
        check_optuna()
    if found.command is None:
        order = orders.freeze_recipe(client, recipe, overrides, folder, wishes=wishes)
        data = {str(path): recorded(client, path).digest for path in dict.fromkeys(_swept_paths(found.section))}
        order = replace(order, data={**order.data, **data})
        for said in _files_tried(found.section):  # what the first trial reads was looked at when it was frozen
            read_recipe(client, order.recipe, said, Path(order.recipe).parent)
    else:
        assert found.folder is not None
        order = freeze_command_recipe(client, found.command, found.folder, wishes)
    order = replace(order, title=found.title)
    own = {key: value for key, value in vars(wishes or Wishes()).items() if value is not None}
    plan = SweepPlan(found.title, found.section, order, found.command, 1, combinations(found.section), own)
    first = suggest(plan.section, [], 1) if plan.section.search else found.trials[0]
    one, said = plan.trial_order(first)
    draft = orders.draft(client, one, hosts, overrides=said).plan(client)
    room = plan.section.concurrency or places(client, hosts, draft.gpus)
    return replace(plan, concurrency=min(room, plan.total), gpus=draft.gpus)


def _swept_paths(section: SweepSection) -> Iterator[Path]:
    """The files and folders of this machine among the values of all trials; `load_sweep` gave them their full path."""
    axes = [*section.grid.items(), *((key, space.choice or []) for key, space in section.search.items())]
    for axis, values in axes:
        for value in values:
            yield from _paths(axis.rpartition(".")[2], value)


def _files_tried(section: SweepSection) -> list[list[str]]:
    """The overrides by which trials read other data than one another, each combination once."""
    from lt_recipes.sweeping import override
    from lt_recipes.sweeping.expansion import probes

    axes = {*section.grid, *section.search}
    data = {axis for axis in axes if axis.split(".")[0] in ("datasets", "eval")}
    found = ([override(key, value) for key, value in values.items() if key in data] for values in probes(section))
    return [list(said) for said in dict.fromkeys(map(tuple, found)) if said]


def _paths(key: str, value: Any) -> Iterator[Path]:
    from lt_recipes.paths import PATH_KEYS

    if isinstance(value, dict):
        for name, below in value.items():
            yield from _paths(name, below)
    elif isinstance(value, list):
        for below in value:
            yield from _paths(key, below)
    elif key in PATH_KEYS and isinstance(value, str) and Path(value).is_absolute() and Path(value).exists():
        yield Path(value)


def places(client: Client, hosts: str, gpus: int) -> int:
    """How many such jobs the hosts that take some now have slots for, side by side; at least one.

    Raises LtError as `placing.meant`.
    """
    from .placing import AWAY, meant

    found = meant(client, hosts) if is_choice(hosts) else [client.host(hosts)]
    room = 0
    for info in found:
        if info.host.closed or info.state in AWAY:
            continue
        slots = info.host.slots or max(1, len((info.facts or {}).get("gpus") or ()))
        room += slots // max(1, gpus)
    return max(1, room)
