"""A recipe against the machine that is to run it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..estimate import Estimate, Model, advise, estimate
from ..estimate.memory import kept_bytes, lora_parameters, trained_bytes
from ..estimate.schedule import Schedule
from ..hardware import capability
from ..schema import Recipe
from .findings import Finding, problem, warning

AMPERE = 8.0
"""The first compute capability with bfloat16 and TF32 (CUDA C++ Programming Guide, features by capability), and what
FlashAttention 2 runs on (its README)."""


@dataclass(frozen=True)
class Machine:
    """A host as its probe found it. `disk` is what is free on the jobs' disk, bytes; None where nobody looked."""

    name: str
    gpus: Sequence[Mapping[str, Any]]
    disk: int | None

    @classmethod
    def of(cls, name: str, facts: Mapping[str, Any]) -> Machine:
        """From a host's facts."""
        disk = ((facts.get("disks") or {}).get("root") or {}).get("free")
        return cls(name, tuple(facts.get("gpus") or ()), disk if isinstance(disk, int) else None)


def host_findings(recipe: Recipe, machine: Machine, model: Model | None, plan: Schedule | None) -> list[Finding]:
    """All that can be told about the recipe on this machine; `model` and `plan` where they are known."""
    asked = recipe.resources.gpus
    if asked > len(machine.gpus):
        return [problem("too_few_gpus", "resources.gpus", host=machine.name, asked=asked, there=len(machine.gpus))]
    found = list(_precision(recipe, machine) if asked else _on_cpu(recipe))
    if model is not None:
        found += _memory(recipe, machine, model)
        found += _disk(recipe, machine, model, plan)
    elif asked:
        found.append(warning("memory_unknown", "model.name_or_path", model=recipe.model.name_or_path or ""))
    return found


def checkpoint_bytes(recipe: Recipe, model: Model) -> tuple[float, float]:
    """(one checkpoint, the finished model): weights or adapter, and in a checkpoint the optimizer's state beside them.

    Adam's two moments lie in the trained weights' type; an adapter is saved, like them, in float32.
    """
    per = 4.0 if recipe.adapter is not None else trained_bytes(recipe)
    trained = lora_parameters(recipe, model) if recipe.adapter is not None else model.parameters
    twice = per if recipe.parallel.strategy == "fsdp" else 0.0  # the weights once more, for a resume
    return trained * (per + twice + kept_bytes(recipe)), trained * per


def _on_cpu(recipe: Recipe) -> Iterator[Finding]:
    if recipe.train.fp16:
        yield problem("fp16_on_cpu", "train.fp16")
    if recipe.train.tf32:
        yield problem("tf32_gpu", "train.tf32", gpu="CPU")
    if recipe.model.attn_implementation == "flash_attention_2":
        yield problem("flash_attention_gpu", "model.attn_implementation", gpu="CPU")


def _precision(recipe: Recipe, machine: Machine) -> Iterator[Finding]:
    known = [(capability(gpu), str(gpu.get("name"))) for gpu in machine.gpus]
    old = [(value, name) for value, name in known if value is not None and value < AMPERE]
    gpu = old[0][1] if len(old) == len(known) else ""
    if recipe.train.fp16 and recipe.model.torch_dtype == "float16" and recipe.adapter is None:
        yield problem("fp16_weights", "model.torch_dtype")
    if not gpu:
        return
    if recipe.train.bf16:
        yield problem("bf16_gpu", "train.bf16", gpu=gpu, host=machine.name)
    elif recipe.model.torch_dtype == "bfloat16":
        yield warning("bf16_weights_gpu", "model.torch_dtype", gpu=gpu, host=machine.name)
    if recipe.train.tf32:
        yield problem("tf32_gpu", "train.tf32", gpu=gpu)
    if recipe.model.attn_implementation == "flash_attention_2":
        yield problem("flash_attention_gpu", "model.attn_implementation", gpu=gpu)


def _memory(recipe: Recipe, machine: Machine, model: Model) -> Iterator[Finding]:
    sizes = sorted((int(gpu.get("memory_total") or 0) for gpu in machine.gpus), reverse=True)[: recipe.resources.gpus]
    if not sizes or not sizes[-1]:
        return
    found: Estimate = estimate(recipe, model)
    if found.total > sizes[-1]:
        advice = advise(recipe, model, sizes[-1])
        said = {"host": machine.name, "memory": sizes[-1], "total": found.total}
        if advice.changes:
            yield problem("does_not_fit", "train.per_device_train_batch_size", changes=list(advice.changes), **said)
        else:
            yield problem("never_fits", "model.name_or_path", **said)


def _disk(recipe: Recipe, machine: Machine, model: Model, plan: Schedule | None) -> Iterator[Finding]:
    if machine.disk is None:
        return
    one, final = checkpoint_bytes(recipe, model)
    limit = recipe.save.save_total_limit
    # Beside those that are kept: the best, and the next one, which is whole before an old one goes.
    count = limit + 1 + (recipe.save.pull == "best") if limit is not None else _all_of_them(recipe, plan)
    if count is None:
        return
    needed = count * one + final + recipe.resources.disk_floor
    if needed > machine.disk:
        yield problem(
            "disk_too_small",
            "save.save_total_limit",
            host=machine.name,
            needed=needed,
            free=machine.disk,
            count=count,
            one=one,
        )


def _all_of_them(recipe: Recipe, plan: Schedule | None) -> int | None:
    if plan is None:
        return None
    every = recipe.save.save_steps or plan.per_epoch
    return max(1, int(1 / every if every < 1 else plan.steps / every))
