"""From a recipe to the arguments of TRL's configuration class: pure decisions, no heavy imports."""

from __future__ import annotations

import dataclasses
import difflib
from typing import Any, Callable, Mapping

from .failures import TrainingFailure
from .job import WorkerJob
from .optional import PRODIGY
from .parallel import parallel_arguments

RESERVED = {
    "output_dir": "the attempt has its own folder",
    "run_name": "it is the job's name",
    "seed": "it stands at the top of the recipe",
    "save_strategy": "see save:",
    "save_steps": "see save:",
    "save_total_limit": "see save:; lt rotates checkpoints itself, after their hashes are known",
    "save_only_model": "a checkpoint without optimizer state can't be resumed",
    "eval_strategy": "see eval:",
    "eval_steps": "see eval:",
    "eval_on_start": "see eval:",
    "load_best_model_at_end": "see eval:",
    "metric_for_best_model": "see eval.metric_for_best",
    "greater_is_better": "see eval:",
    "logging_nan_inf_filter": "it hides NaN",
    "disable_tqdm": "the log is a file",
    "push_to_hub": "checkpoints come home instead",
    "resume_from_checkpoint": "see lt resume",
    "auto_find_batch_size": "it changes the effective batch size in silence",
    "enable_jit_checkpoint": "it saves one step late",
    "use_cpu": "see resources.gpus",
    "ignore_data_skip": "a resume would see other rows",
    "restore_callback_states_from_checkpoint": "a resume would take over the stop that ended the run before it",
    "model_init_kwargs": "see model:",
    "reward_weights": "see rewards:",
}
"""Arguments that are lt's own to set, with the reason."""


@dataclasses.dataclass(frozen=True)
class Device:
    """What the process trains on. `bf16` says whether it computes in bfloat16 natively."""

    kind: str  # `cuda` or `cpu`
    bf16: bool


def trainer_arguments(
    job: WorkerJob, known: set[str], device: Device, evaluates: bool, own: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Keyword arguments for a TRL configuration whose field names are `known`.

    `own` is what the method's own block says, over the method's defaults. Raises TrainingFailure `bad_recipe` for keys
    that it does not have or that are lt's own.
    """
    train = {**(own or {}), **job.section("train")}
    _refuse(train, known)
    if train.get("bf16") is None and not train.get("fp16"):
        # TRL's default is true everywhere, also where bfloat16 is emulated or absent.
        train["bf16"] = device.kind == "cuda" and device.bf16
    if train.get("optim") == PRODIGY:
        # Built by us; it finds its learning rate, and 1 leaves that as it is.
        train = {"learning_rate": 1.0, **train, "optim": "adamw_torch", "optim_args": None}
    ours: dict[str, Any] = {
        "output_dir": str(job.paths.out),
        "seed": job.seed,
        "use_cpu": device.kind == "cpu",
        "logging_nan_inf_filter": False,
        "report_to": job.trackers or "none",
        "run_name": job.name or None,
        "disable_tqdm": True,
        "save_total_limit": None,
        "push_to_hub": False,
        "load_best_model_at_end": False,
        **_intervals(job, evaluates),
        **parallel_arguments(job.recipe),
    }
    ours.update({key: value for key, value in _model_settings(job).items() if key in known})
    return {**train, **ours}


def _model_settings(job: WorkerJob) -> dict[str, Any]:
    """For what TRL loads by itself: the frozen copy of the start that some methods compare with; rewards' weights."""
    model = job.section("model")
    found: dict[str, Any] = {"trust_remote_code": bool(model.get("trust_remote_code"))}
    if model.get("revision") and not job.recipe.get("adapter") and job.method != "orpo":
        found["model_init_kwargs"] = {"revision": model["revision"]}
    weights = [entry.get("weight") for entry in job.recipe.get("rewards") or []]
    if any(weight not in (None, 1, 1.0) for weight in weights):
        found["reward_weights"] = [1.0 if weight is None else float(weight) for weight in weights]
    return found


def _intervals(job: WorkerJob, evaluates: bool) -> dict[str, Any]:
    save, evaluate = job.section("save"), job.section("eval")
    found: dict[str, Any] = {"save_strategy": "epoch", "eval_strategy": "no"}
    if save.get("save_steps"):
        found.update(save_strategy="steps", save_steps=save["save_steps"])
    if evaluates:
        found["eval_strategy"] = "epoch"
        if evaluate.get("eval_steps"):
            found.update(eval_strategy="steps", eval_steps=evaluate["eval_steps"])
        found["eval_on_start"] = bool(evaluate.get("eval_on_start"))
    return found


def build(config_class: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """The configuration object. Raises TrainingFailure `bad_recipe` with what it says about the values."""
    try:
        return config_class(**arguments)
    except (ValueError, TypeError) as error:
        raise TrainingFailure("bad_recipe", f"{getattr(config_class, '__name__', 'TRL')} refuses: {error}") from error


def field_names(config_class: type[Any]) -> set[str]:
    """The names of the arguments that a configuration dataclass takes."""
    return {field.name for field in dataclasses.fields(config_class) if field.init}


def _refuse(train: Mapping[str, Any], known: set[str]) -> None:
    problems = []
    for key in train:
        if key in RESERVED:
            problems.append(f"train.{key} is not for recipes: {RESERVED[key]}")
        elif key not in known:
            near = difflib.get_close_matches(key, sorted(known - set(RESERVED)), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            problems.append(f"train.{key} is no argument of the installed TRL{hint}")
    if problems:
        raise TrainingFailure("bad_recipe", "; ".join(problems))
