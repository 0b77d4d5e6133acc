"""What a recipe asks for that a host may lack: packages it can't do without, and faster kernels that it can."""

from __future__ import annotations

import dataclasses
import importlib
import time
from typing import Any, Mapping

from lt_agent.protocol.files import append_line

from .job import WorkerJob, is_main, say
from .parallel import DEEPSPEED, strategy
from .registry import missing_modules

PRODIGY = "prodigy"
"""Not among transformers' optimizers; ours to build."""

_OPTIMIZERS = {
    "adamw_torch_4bit": "torchao",
    "adamw_torch_8bit": "torchao",
    "stable_adamw": "optimi",
    "grokadamw": "grokadamw",
    "lomo": "lomo_optim",
    "adalomo": "lomo_optim",
    PRODIGY: "prodigyopt",
}
_FAMILIES = {"galore_": "galore_torch", "apollo_": "apollo_torch", "schedule_free_": "schedulefree"}
_BITSANDBYTES = ("8bit", "bnb", "paged_", "lion_", "ademamix")


def optimizer_package(name: str | None) -> str | None:
    """The module that an optimizer needs beside torch; None where it needs none."""
    if not name:
        return None
    if name in _OPTIMIZERS:
        return _OPTIMIZERS[name]
    for family, module in _FAMILIES.items():
        if name.startswith(family):
            return module
    return "bitsandbytes" if any(part in name for part in _BITSANDBYTES) else None


def needed_modules(job: WorkerJob) -> list[str]:
    """Modules without which this recipe can't be trained, beside those of every method."""
    found = ["peft"] if job.recipe.get("adapter") else []
    found += ["bitsandbytes"] if job.section("model").get("load_in_4bit") else []
    found += ["deepspeed"] if strategy(job.recipe) == DEEPSPEED else []
    package = optimizer_package(job.section("train").get("optim"))
    return list(dict.fromkeys([*found, *([package] if package else [])]))


def with_kernels_there_are(job: WorkerJob) -> WorkerJob:
    """The job without the fused kernels and the flash attention that this host can't give it.

    Each is said in the log, whether it is used or not, and what is not used is an event as well: it costs speed or
    memory, and changes no result.
    """
    train, model = job.section("train"), job.section("model")
    recipe = dict(job.recipe)
    if train.get("use_liger_kernel"):
        why = _why_not("liger_kernel")
        _tell(job, "liger_kernel", why)
        if why:
            left = ("use_liger_kernel", "liger_kernel_config")
            recipe["train"] = {key: value for key, value in train.items() if key not in left}
    attention = str(model.get("attn_implementation") or "")
    if attention.startswith("flash_attention"):
        why = _why_not("flash_attn_3" if attention.endswith("3") else "flash_attn")
        _tell(job, attention, why)
        if why:
            recipe["model"] = {key: value for key, value in model.items() if key != "attn_implementation"}
    return dataclasses.replace(job, recipe=recipe)


def optimizer_settings(text: str | None) -> dict[str, Any]:
    """`d_coef=2.0,safeguard_warmup=true` as arguments, numbers and truth values read as such."""
    found: dict[str, Any] = {}
    for part in (text or "").replace(" ", "").split(","):
        key, _, value = part.partition("=")
        if key:
            found[key] = {"true": True, "false": False}.get(value.lower())
            found[key] = float(value) if found[key] is None else found[key]
    return found


def prodigy(model: Any, args: Any, train: Mapping[str, Any]) -> Any:
    """Prodigy (Mishchenko and Defazio, 2024, arXiv:2306.06101), which finds the rate; `learning_rate` multiplies it."""
    Prodigy = importlib.import_module("prodigyopt").Prodigy

    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    settings = {
        "betas": (args.adam_beta1, args.adam_beta2),
        "eps": args.adam_epsilon,
        "weight_decay": args.weight_decay,
        **optimizer_settings(train.get("optim_args")),
    }
    return Prodigy(parameters, lr=args.learning_rate, **settings)


def _why_not(module: str) -> str:
    """Why `module` can't be used here; empty where it can."""
    if missing_modules([module]):
        return "not_installed"
    import torch

    return "" if torch.cuda.is_available() else "no_gpu"


def _tell(job: WorkerJob, what: str, why: str) -> None:
    if not why:
        say(f"using {what}")
        return
    say(f"{what} is not used: " + ("it is not installed here" if why == "not_installed" else "there is no GPU"))
    if is_main():
        params = {"what": what, "why": why}
        append_line(job.paths.events, {"time": time.time(), "code": "not_used", "params": params})
