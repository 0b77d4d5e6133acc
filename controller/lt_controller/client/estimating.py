"""A recipe's memory on a host, before it starts: finds the model's configuration and asks `lt_recipes.estimate`."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_agent.protocol.errors import LtError

from .data import bad_recipe

if TYPE_CHECKING:
    from .client import Client

_TIMEOUT = 10.0  # seconds


@dataclass(frozen=True)
class Estimated:
    """Bytes on each GPU by what they are for. `memory` is the smallest GPU's of the host, None where none was asked."""

    parts: Mapping[str, float]
    total: float
    parameters: int
    trained: int
    gpus: int
    memory: int | None
    fits: bool | None
    changes: tuple[str, ...] | None  # `key=value` with which it fits; None where nothing helps


def estimate_recipe(
    client: Client, recipe: str, overrides: Sequence[str], host: str | None = None, config: Path | None = None
) -> Estimated:
    """Raises LtError `bad_recipe`, `no_such_host`, `not_enough_gpus` or `model_config_missing{model, why}`."""
    from lt_recipes.estimate import UnknownModelError, advise, estimate, read_model
    from lt_recipes.loading import load
    from lt_recipes.problems import RecipeError

    try:
        loaded = load(recipe, overrides, check_paths=False)
    except RecipeError as error:
        raise bad_recipe(recipe, error.problems) from None
    name = loaded.model.name_or_path or recipe
    try:
        model = read_model(_config(loaded, config))
    except UnknownModelError as error:
        raise LtError("model_config_missing", model=name, why=str(error)) from None
    found = estimate(loaded, model)
    memory = _memory(client, host, loaded.resources.gpus) if host else None
    advice = advise(loaded, model, memory) if memory is not None else None
    return Estimated(
        parts=found.parts,
        total=found.total,
        parameters=found.parameters,
        trained=found.trained,
        gpus=found.gpus,
        memory=memory,
        fits=advice.fits if advice else None,
        changes=advice.changes if advice else None,
    )


def _memory(client: Client, host: str, gpus: int) -> int | None:
    info = client.host(host)
    facts = info.facts if info.facts else client.probe(host)
    sizes = [int(gpu["memory_total"]) for gpu in facts.get("gpus") or ()]
    if len(sizes) < gpus:
        raise LtError("not_enough_gpus", host=host, asked=gpus, there=len(sizes))
    return min(sorted(sizes, reverse=True)[: max(1, gpus)], default=None)


def _config(loaded: Any, file: Path | None) -> Mapping[str, Any]:
    """The model's config.json: the one that was named, the recipe's own, a folder's, the hub cache's, the hub's."""
    model = loaded.model
    if file is not None:
        return _read(file, str(file))
    if model.from_config is not None:
        vocabulary = model.tokenizer.vocab_size if model.tokenizer else None
        return {"vocab_size": vocabulary, **model.from_config}
    name = str(model.name_or_path)
    if name.startswith(("host:", "job:")):
        raise LtError("model_config_missing", model=name, why="it lies on a host")
    for folder in (Path(name).expanduser(), *_cached(name)):
        if (folder / "config.json").is_file():
            return _read(folder / "config.json", name)
    return _fetched(name, model.revision or "main")


def _read(file: Path, name: str) -> Mapping[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LtError("model_config_missing", model=name, why=str(error)) from None
    return value if isinstance(value, dict) else {}


def _cached(name: str) -> list[Path]:
    """The snapshots of a hub model that lie in this machine's cache, newest first."""
    home = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    snapshots = cache / f"models--{name.replace('/', '--')}" / "snapshots"
    found = [path for path in snapshots.iterdir() if path.is_dir()] if snapshots.is_dir() else []
    return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)


def _fetched(name: str, revision: str) -> Mapping[str, Any]:
    endpoint = (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
    if not endpoint.startswith(("http://", "https://")):
        raise LtError("model_config_missing", model=name, why=f"HF_ENDPOINT {endpoint} is no web address")
    url = f"{endpoint}/{name}/resolve/{revision}/config.json"
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as reply:  # noqa: S310 — checked above
            value = json.load(reply)
    except (OSError, ValueError) as error:  # URLError is an OSError
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise LtError("model_config_missing", model=name, why=f"{url}: {reason}") from None
    return value if isinstance(value, dict) else {}
