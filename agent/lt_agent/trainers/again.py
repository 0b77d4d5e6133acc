"""Starting the same attempt again after running out of memory or a hang, within this attempt and its worker file."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Mapping

from lt_agent.protocol.files import append_line, read_json, write_json
from lt_agent.protocol.paths import AttemptPaths

MAX_SMALLER = 3
MAX_HANGS = 1
EVALUATING = "evaluating"
GENERATIONS = {"grpo": 8, "gspo": 8, "rloo": 2}
"""Answers to a prompt where the recipe does not say: TRL 1.16's defaults."""


def prepare_again(file: Path) -> bool:
    """After a failed worker: whether it is worth another start. If so the worker file says how, and an event tells it.

    Out of memory: a smaller batch, more accumulation, the same rows in each step; while evaluating, fewer rows at a
    time there and nothing else. A hang: once more as it was. Both go on from the newest checkpoint of this attempt,
    else from where the attempt began.
    """
    worker = read_json(file)
    paths = _paths(worker, file)
    failure = read_json(paths.failure) or {}
    if paths.stop_request.exists():
        return False
    changed = again(worker, str(failure.get("reason")), failure.get("phase"))
    if changed is None:
        return False
    found = newest_checkpoint(paths)
    if found is not None:
        changed["resume"] = {"path": str(found[1]), "step": found[0]}
    write_json(file, changed)
    paths.failure.unlink(missing_ok=True)
    train = changed["recipe"].get("train") or {}
    params: dict[str, Any] = {"reason": failure.get("reason"), "from_step": found[0] if found else 0}
    if failure.get("reason") == "oom":
        params |= {key: train[key] for key in _batch_keys(failure.get("phase"))}
    append_line(paths.events, {"time": time.time(), "code": "started_again", "params": params})
    return True


def again(worker: Mapping[str, Any], reason: str, phase: str | None = None) -> dict[str, Any] | None:
    """The worker file for the next start after a failure of that reason, or None: a pure decision.

    `phase` is what went on when memory ran out.
    """
    retries = dict(worker.get("retries") or {})
    limit = {"oom": MAX_SMALLER, "hang": MAX_HANGS}.get(reason, 0)
    if retries.get(reason, 0) >= limit:
        return None
    changed: dict[str, Any] = json.loads(json.dumps(worker))
    changed["retries"] = {**retries, reason: retries.get(reason, 0) + 1}
    if reason == "oom":
        smaller = (smaller_evaluation if phase == EVALUATING else smaller_recipe)(changed["recipe"])
        if smaller is None:
            return None
        changed["recipe"] = smaller
    return changed


def smaller_recipe(recipe: Mapping[str, Any]) -> dict[str, Any] | None:
    """The recipe with a smaller batch and the same rows in each step; None where there is none that can be trained."""
    method, train = recipe.get("method"), recipe.get("train") or {}
    batch = smaller_batch(train)
    if batch is None:
        return None
    own = dict(recipe.get(str(method)) or {})
    rows = batch["per_device_train_batch_size"]
    if method == "kto" and rows == 1 and (own.get("loss_type") or "kto") == "kto":
        return None  # its loss compares the rows of a batch
    if method == "ppo":
        # It writes and reads a round in parts of this size, however few rows a pass learns from.
        own["local_rollout_forward_batch_size"] = max(1, int(own.get("local_rollout_forward_batch_size") or 64) // 2)
    steps = own.get("steps_per_generation")
    if method in GENERATIONS and steps:
        # A round must hold whole groups of answers; where it would not, it keeps its size.
        group = int(own.get("num_generations") or GENERATIONS[method])
        if rows * int(steps) * _processes(recipe) % group:
            own["steps_per_generation"] = int(steps) * (_rows(train) // rows)
    return {**recipe, "train": {**train, **batch}, **({str(method): own} if own else {})}


def smaller_evaluation(recipe: Mapping[str, Any]) -> dict[str, Any] | None:
    """The recipe with fewer rows at a time when evaluating, in whole groups of answers; None where there are none."""
    method, train = str(recipe.get("method")), recipe.get("train") or {}
    own = recipe.get(method) or {}
    group = 1
    if method in GENERATIONS:
        group = int(own.get("num_generations_eval") or own.get("num_generations") or GENERATIONS[method])
    rows = int(train.get("per_device_eval_batch_size") or 8)
    fewer = next((n for n in range(rows // 2, 0, -1) if n * _processes(recipe) % group == 0), None)
    return {**recipe, "train": {**train, "per_device_eval_batch_size": fewer}} if fewer else None


def smaller_batch(train: Mapping[str, Any]) -> dict[str, int] | None:
    """Half the rows at a time and twice the passes, so that a step learns from the same rows; None for a single row.

    An odd number is divided by its smallest factor instead, since no row may be lost.
    """
    rows = _rows(train)
    passes = int(train.get("gradient_accumulation_steps") or 1)
    factor = next((number for number in range(2, rows + 1) if rows % number == 0), None)
    if factor is None:
        return None
    return {"per_device_train_batch_size": rows // factor, "gradient_accumulation_steps": passes * factor}


def _batch_keys(phase: str | None) -> tuple[str, ...]:
    if phase == EVALUATING:
        return ("per_device_eval_batch_size",)
    return ("per_device_train_batch_size", "gradient_accumulation_steps")


def _rows(train: Mapping[str, Any]) -> int:
    return int(train.get("per_device_train_batch_size") or 8)


def _processes(recipe: Mapping[str, Any]) -> int:
    asked = (recipe.get("parallel") or {}).get("processes") or (recipe.get("resources") or {}).get("gpus")
    return max(1, int(asked or 1))


def newest_checkpoint(paths: AttemptPaths, before: int | None = None) -> tuple[int, Path] | None:
    """(step, folder) of the newest finished checkpoint of this attempt that can be resumed, `before` a step or any."""
    found: list[tuple[int, Path]] = []
    for word in paths.saved.iterdir() if paths.saved.is_dir() else []:
        said = read_json(word) or {}
        folder = paths.out / word.name
        if said.get("resumable") and folder.is_dir() and (before is None or int(said["step"]) < before):
            found.append((int(said["step"]), folder))
    return max(found, default=None)


def _paths(worker: Mapping[str, Any], file: Path) -> AttemptPaths:
    spec = worker["spec"]
    return AttemptPaths(Path(worker.get("attempt_dir") or file.parent), spec["job"], int(spec["attempt"]))
