"""The small files of a recipe's model, where they can be read from here: its configuration and its tokenizer."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lt_agent.protocol.errors import LtError

_TIMEOUT = 10.0  # seconds


def model_config(loaded: Any, file: Path | None = None) -> Mapping[str, Any]:
    """The model's config.json: the one that was named, the recipe's own, a folder's, the hub cache's, the hub's.

    Raises LtError `model_config_missing{model, why}`.
    """
    model = loaded.model
    if file is not None:
        return _read(file, str(file))
    if model.from_config is not None:
        vocabulary = model.tokenizer.vocab_size if model.tokenizer else None
        return {"vocab_size": vocabulary, **model.from_config}
    name = str(model.name_or_path)
    if name.startswith(("host:", "job:")):
        raise LtError("model_config_missing", model=name, why="it lies on a host")
    found = model_folder(name, loaded.folder)
    if found is not None and (found / "config.json").is_file():
        return _read(found / "config.json", name)
    return _fetched(name, model.revision or "main")


def model_folder(name: str, beside: Path | None = None) -> Path | None:
    """Where the model or tokenizer `name` lies on this machine: a folder, or a snapshot in the hub's cache."""
    places = [Path(name).expanduser(), *([beside / name] if beside else []), *_cached(name)]
    return next((place for place in places if (place / "config.json").is_file() or _has_tokenizer(place)), None)


def tokenizer_config(folder: Path | None) -> tuple[Mapping[str, Any], bool]:
    """(tokenizer_config.json, whether there is a chat template) of a folder; empty where there is none."""
    if folder is None or not (folder / "tokenizer_config.json").is_file():
        return {}, False
    try:
        found = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}, False
    template = any((folder / name).is_file() for name in ("chat_template.jinja", "chat_template.json"))
    return (found, template or bool(found.get("chat_template"))) if isinstance(found, dict) else ({}, False)


def _has_tokenizer(folder: Path) -> bool:
    return (folder / "tokenizer_config.json").is_file()


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
