"""Models and data sets by hub id: whether they are to be had from here, asked before anything slow begins."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any, Mapping
from urllib.parse import urlsplit

from .failures import TrainingFailure
from .job import WorkerJob, say

_PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
_TRIES, _TIMEOUT, _BETWEEN = 3, 5.0, 1.0  # seconds


def is_hub_id(name: str) -> bool:
    """Whether `name` can only mean the hub: `owner/model` or `model`, and no folder here."""
    return not name.startswith(("/", ".", "~")) and name.count("/") <= 1 and not Path(name).exists()


def needs_hub(job: WorkerJob) -> bool:
    """Whether the recipe names anything by a hub id."""
    model = job.section("model")
    names = [model.get("name_or_path"), (model.get("tokenizer") or {}).get("name_or_path")]
    names += [entry.get("path") for entry in _entries(job)]
    return any(is_hub_id(str(name)) for name in names if name)


def settle_reach(job: WorkerJob) -> None:
    """Turns the libraries' offline mode on where the hub can't be reached. Call it before they are imported.

    Otherwise each of a model's files waits through five retries, also those that lie in the cache. What the job's
    variables say of HF_HUB_OFFLINE stays, and behind a proxy nothing is asked: only the proxy knows.
    """
    if "HF_HUB_OFFLINE" in os.environ or not needs_hub(job) or any(os.environ.get(name) for name in _PROXIES):
        return
    endpoint = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    port = endpoint.port or (80 if endpoint.scheme == "http" else 443)
    if not _answers(endpoint.hostname or "", port):
        say(f"{endpoint.hostname} can't be reached from here: what is in this host's cache must do")
        os.environ["HF_HUB_OFFLINE"] = "1"


def find_on_hub(name: str, revision: str | None) -> None:
    """Asks once, before anything is loaded, whether `name` is a model here or on the hub.

    Raises TrainingFailure `model_not_found` with the reason: what the loaders say without a network is a long story.
    """
    if Path(name).is_dir():
        return
    if not is_hub_id(name):
        raise TrainingFailure("model_not_found", f"there is no model folder {name} on this host")
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        hf_hub_download(name, "config.json", revision=revision)
    except GatedRepoError as error:
        why = f"{name} is gated: ask for access on its page, and give the job a token that has it"
        raise TrainingFailure("model_not_found", why) from error
    except RepositoryNotFoundError as error:
        why = f"the hub has no model {name}, or it is private and the job has no token for it"
        raise TrainingFailure("model_not_found", why) from error
    except RevisionNotFoundError as error:
        raise TrainingFailure("model_not_found", f"{name} has no revision {revision}") from error
    except LocalEntryNotFoundError as error:
        why = (
            f"{name} is not in this host's cache, and the hub can't be reached from here; set hf_endpoint or a proxy "
            "for the host, or copy the model there and name it by its path (host:/path)"
        )
        raise TrainingFailure("model_not_found", why) from error
    except EntryNotFoundError as error:
        raise TrainingFailure("model_not_found", f"{name} has no config.json: it is no transformers model") from error
    except HFValidationError as error:
        raise TrainingFailure("model_not_found", f"{name!r} is neither a folder on this host nor a hub id") from error


def _answers(host: str, port: int) -> bool:
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_BETWEEN)
        try:
            socket.create_connection((host, port), timeout=_TIMEOUT).close()
        except OSError:
            continue
        return True
    return False


def _entries(job: WorkerJob) -> list[Mapping[str, Any]]:
    return [*(job.recipe.get("datasets") or []), *(job.section("eval").get("datasets") or [])]
