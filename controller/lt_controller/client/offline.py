"""Jobs on hosts without a way out: all that they would fetch is sent from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import EnvPlan

from ..freeze import Frozen, data_manifest
from . import wheelhouse

if TYPE_CHECKING:
    from .client import Client
    from .details import HostInfo

_WEIGHTS = ("*.safetensors", "*.bin", "*.pt")


def without_network(
    client: Client, loaded: Any, info: HostInfo, facts: Mapping[str, Any], env: EnvPlan, folder: Path
) -> tuple[EnvPlan, list[Frozen], dict[str, str]]:
    """For a job: the plan that builds from wheels which are sent, what is to be sent, and the hub's ids as paths.

    Raises LtError `not_prepared{host}` if the wheels are not here, `not_here_offline{id}` for a model that is not.
    """
    more: list[Frozen] = []
    if env.kind != "existing":
        place = wheelhouse.place_of(env, facts, client.home)
        if not place.is_dir():
            raise LtError("not_prepared", host=info.name)
        house = data_manifest(place, "wheels", client.home)
        options = (*env.options, "--offline", "--no-index", "--find-links", house.reference)
        env = replace(env, torch_backend="", options=tuple(dict.fromkeys(options)))
        more.append(house)
    places: dict[str, str] = {}
    for key, name in _from_hub(loaded, folder):
        frozen = data_manifest(_in_cache(name, key, loaded), name.replace("/", "--"), client.home)
        places[key] = frozen.reference
        more.append(frozen)
    return env, more, places


def _from_hub(loaded: Any, folder: Path) -> list[tuple[str, str]]:
    """The recipe's values that are ids of the hub."""
    from lt_recipes.paths import path_values, place_of

    folders = [folder, *([loaded.folder] if loaded.folder else [])]
    return [(key, value) for key, value in path_values(loaded) if place_of(value, folders) == "hub"]


def _in_cache(name: str, key: str, loaded: Any) -> Path:
    """Its folder in this machine's cache of the hub. Raises LtError `not_here_offline{id}`."""
    from .model_files import model_folder

    found = None if key.startswith(("datasets", "eval")) else model_folder(name, loaded.folder)
    whole = found is not None and (".tokenizer" in key or any(next(found.glob(kind), None) for kind in _WEIGHTS))
    if found is None or not whole:
        raise LtError("not_here_offline", id=name, key=key)
    return found
